/**
 * Looks up the commands and first keys of a batch, and has the store fetch what the keys need, for many at once instead
 * of one after the other: of a store that is larger than the processor's cache, most of the time of a request is
 * waiting for memory. The batch runs within the same turn of the event loop, in which nothing that was found can change.
 */
import { MIB } from "../core/limits.ts";
import { FIRST_KEY } from "../protocol/command_columns.ts";
import { findCommand } from "../protocol/command_table.ts";
import { type Fetchable, Prefetcher } from "../store/prefetcher.ts";
import type { DecodedRequest } from "./decoded_request.ts";
import type { Store } from "../store/store.ts";
import type { ShardCopy } from "./shard_copy.ts";

/** What is less, of all stores together, is in the cache anyway. */
const LIVE_BYTES_MIN = 1 * MIB;

/** What is asked of the node's shards. */
export interface KeyOwners {
  readonly stores: readonly Pick<Store, "liveBytes">[];
  shardOfKey(bytes: Uint8Array, start: number, end: number): ShardCopy | null;
}

/** What is asked of a prefetcher. */
export interface Fetcher {
  announce(store: Fetchable, hash: number): void;
  fetch(areNew: boolean): void;
}

/** Keys of one request that are fetched at once. */
const FETCHED_AT_ONCE = 64;

export class Prefetch {
  readonly #owners: KeyOwners;
  readonly #fetcher: Fetcher;
  #announcedCount = 0;

  constructor(owners: KeyOwners, fetcher: Fetcher = new Prefetcher()) {
    this.#owners = owners;
    this.#fetcher = fetcher;
  }

  /** Looks up the first `count` of `requests`, and fetches for them if there are several. */
  run(requests: readonly DecodedRequest[], count: number): void {
    for (let i = 0; i < count; i++) this.#locate(requests[i]!);
    if (count < 2 || this.#liveBytes() < LIVE_BYTES_MIN) return;
    for (let i = 0; i < count; i++) {
      const { shard, hash } = requests[i]!;
      if (shard !== null) this.#fetcher.announce(shard.store.fetchable, hash);
    }
    this.#fetcher.fetch(false);
  }

  /** A key of `store` that will be needed soon, one of many. {@linkcode Prefetch.fetchAnnounced} comes behind the last. */
  announce(store: Store, bytes: Uint8Array, start: number, end: number): void {
    if (this.#announcedCount === FETCHED_AT_ONCE) this.fetchAnnounced();
    this.#announcedCount++;
    this.#fetcher.announce(store.fetchable, store.hashOf(bytes, start, end));
  }

  fetchAnnounced(): void {
    this.#announcedCount = 0;
    this.#fetcher.fetch(false);
  }

  #locate(decoded: DecodedRequest): void {
    const { bytes, starts, ends, argumentCount } = decoded.request;
    const command = decoded.command = findCommand(bytes, starts[0]!, ends[0]!);
    const key = command < 0 ? 0 : FIRST_KEY[command]!;
    decoded.shard = null;
    if (key === 0 || key >= argumentCount) return;
    const shard = this.#owners.shardOfKey(bytes, starts[key]!, ends[key]!);
    if (shard === null) return;
    decoded.shard = shard;
    decoded.hash = shard.store.hashOf(bytes, starts[key]!, ends[key]!);
  }

  #liveBytes(): number {
    let sum = 0;
    for (const store of this.#owners.stores) sum += store.liveBytes;
    return sum;
  }
}
