/**
 * Looks at the requests of a batch before they run, and has the store fetch what their keys need, for many at once
 * instead of one after the other: of a store that is larger than the processor's cache, most of the time of a request
 * is waiting for memory. It changes nothing; a request is decoded and checked as ever when its turn comes.
 */
import { MIB } from "../core/limits.ts";
import { COMMAND_SPECS } from "../protocol/command_specs.ts";
import { findCommand } from "../protocol/command_table.ts";
import { RequestDecoder } from "../protocol/request_decoder.ts";
import { type Fetchable, Prefetcher } from "../store/prefetcher.ts";

/** Requests looked at in a row. What is fetched for them fits well into the processor's cache. */
const REQUESTS_MAX = 32;
/** What is less, of all stores together, is in the cache anyway. */
const LIVE_BYTES_MIN = 1 * MIB;
const STAR = 0x2a;
const FIRST_KEY = Int32Array.from(COMMAND_SPECS, (spec) => spec.keys?.first ?? 0);

/** What is asked of a store. */
export interface FetchingStore {
  readonly liveBytes: number;
  readonly fetchable: Fetchable;
  hashOf(bytes: Uint8Array, start: number, end: number): number;
}

/** What is asked of the node's shards. */
export interface FetchingShards {
  readonly stores: readonly FetchingStore[];
  storeOfKey(bytes: Uint8Array, start: number, end: number): FetchingStore | null;
}

/** One for all clients of a node. */
export class LookAhead {
  readonly #shards: FetchingShards;
  readonly #prefetcher: Pick<Prefetcher, "announce" | "fetch">;
  readonly #request = new RequestDecoder();

  constructor(shards: FetchingShards, prefetcher: Pick<Prefetcher, "announce" | "fetch"> = new Prefetcher()) {
    this.#shards = shards;
    this.#prefetcher = prefetcher;
  }

  /**
   * Fetches for the first keys of the next requests in `bytes[start, end)`, of which one begins at `start`. Returns where
   * it has got to: up to there no second look is worth it.
   */
  fetch(bytes: Uint8Array, start: number, end: number): number {
    if (this.#liveBytes() < LIVE_BYTES_MIN) return end;
    const request = this.#request;
    let at = start;
    for (let count = 0; count < REQUESTS_MAX && at < end && bytes[at] === STAR; count++) {
      const next = request.decode(bytes, at, end);
      if (next < 0) {
        request.forget();
        at = end;
        break;
      }
      at = next;
      if (request.argumentCount > 1) this.#announce(request);
    }
    request.settle();
    this.#prefetcher.fetch(false);
    return at;
  }

  #announce({ bytes, starts, ends, argumentCount }: RequestDecoder): void {
    const command = findCommand(bytes, starts[0]!, ends[0]!);
    const key = command < 0 ? 0 : FIRST_KEY[command]!;
    if (key === 0 || key >= argumentCount) return;
    const store = this.#shards.storeOfKey(bytes, starts[key]!, ends[key]!);
    if (store !== null) {
      this.#prefetcher.announce(store.fetchable, store.hashOf(bytes, starts[key]!, ends[key]!));
    }
  }

  #liveBytes(): number {
    let sum = 0;
    for (const store of this.#shards.stores) sum += store.liveBytes;
    return sum;
  }
}
