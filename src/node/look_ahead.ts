/**
 * Looks at the requests of a batch before they run, and has the store fetch what their keys need, for many at once
 * instead of one after the other: of a store that is larger than the processor's cache, most of the time of a request
 * is waiting for memory. What the look has found out is kept until the request's turn comes.
 *
 * One for all clients of a node: a batch begins by forgetting what the one before has left, and what is looked at is
 * used within the same turn of the event loop, in which nothing that was found out can change.
 */
import { MIB, READ_BUFFER_BYTES } from "../core/limits.ts";
import { FIRST_KEY } from "../protocol/command_columns.ts";
import { findCommand } from "../protocol/command_table.ts";
import { RequestDecoder } from "../protocol/request_decoder.ts";
import { type Fetchable, Prefetcher } from "../store/prefetcher.ts";

/** Requests looked at in a row. What is fetched for them fits well into the processor's cache. */
const REQUESTS_MAX = 32;
/** What is less, of all stores together, is in the cache anyway. */
const LIVE_BYTES_MIN = 1 * MIB;
const STAR = 0x2a;

/** What is asked of a store. */
export interface FetchingStore {
  readonly liveBytes: number;
  readonly fetchable: Fetchable;
  hashOf(bytes: Uint8Array, start: number, end: number): number;
}

/** What is asked of the node's shards. */
export interface FetchingShards<S extends FetchingStore> {
  readonly stores: readonly S[];
  storeOfKey(bytes: Uint8Array, start: number, end: number): S | null;
}

/** A request that was looked at, of a command with keys, the first of which is in a store of this node. */
export class SeenRequest<S extends FetchingStore> {
  readonly request = new RequestDecoder();
  /** Offset behind it. */
  end = 0;
  /** Index in `COMMAND_SPECS`. */
  command = 0;
  /** The first key's. */
  store: S | null = null;
  hash = 0;
  /** Offset at which it begins. */
  start = 0;
}

export class LookAhead<S extends FetchingStore> {
  readonly #shards: FetchingShards<S>;
  readonly #prefetcher: Pick<Prefetcher, "announce" | "fetch">;
  /** Filled again by each look; those in `[#next, #count)` are still to come. */
  readonly #seen = Array.from({ length: REQUESTS_MAX }, () => new SeenRequest<S>());
  #next = 0;
  #count = 0;

  constructor(
    shards: FetchingShards<S>,
    prefetcher: Pick<Prefetcher, "announce" | "fetch"> = new Prefetcher(),
  ) {
    this.#shards = shards;
    this.#prefetcher = prefetcher;
  }

  /** Another batch begins. */
  forget(): void {
    this.#count = 0;
  }

  /** The request of the present batch that begins at `start`, if it was looked at. They are taken in their order. */
  take(start: number): SeenRequest<S> | null {
    if (this.#next >= this.#count || this.#seen[this.#next]!.start !== start) return null;
    return this.#seen[this.#next++]!;
  }

  /**
   * Looks at the next requests in `bytes[start, end)`, of which one begins at `start`. Returns where it has got to: up
   * to there no second look is worth it. Those before have been taken.
   */
  look(bytes: Uint8Array, start: number, end: number): number {
    this.#next = this.#count = 0;
    // A larger buffer is there for a large request, and is not to be kept for having been looked at.
    if (bytes.length > READ_BUFFER_BYTES || this.#liveBytes() < LIVE_BYTES_MIN) return end;
    let at = start;
    for (let i = 0; i < REQUESTS_MAX && at < end && bytes[at] === STAR; i++) {
      const seen = this.#seen[this.#count]!;
      const next = seen.request.decode(bytes, at, end);
      if (next < 0) {
        seen.request.forget();
        at = end;
        break;
      }
      seen.start = at;
      seen.end = at = next;
      if (seen.request.argumentCount > 1 && this.#locate(seen)) this.#count++;
    }
    this.#prefetcher.fetch(false);
    return at;
  }

  /** Finds command, store and hash, and announces the key. Whether there is all that. */
  #locate(seen: SeenRequest<S>): boolean {
    const { bytes, starts, ends, argumentCount } = seen.request;
    const command = findCommand(bytes, starts[0]!, ends[0]!);
    const key = command < 0 ? 0 : FIRST_KEY[command]!;
    if (key === 0 || key >= argumentCount) return false;
    const store = this.#shards.storeOfKey(bytes, starts[key]!, ends[key]!);
    if (store === null) return false;
    seen.command = command;
    seen.store = store;
    seen.hash = store.hashOf(bytes, starts[key]!, ends[key]!);
    this.#prefetcher.announce(store.fetchable, seen.hash);
    return true;
  }

  #liveBytes(): number {
    let sum = 0;
    for (const store of this.#shards.stores) sum += store.liveBytes;
    return sum;
  }
}
