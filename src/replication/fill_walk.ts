/**
 * The entries of a shard for a copy that began anew, as fills among the shard's mutations: the store is walked in hash
 * order, as SCAN does, so that every key is met that is there all the while, however the index grows. Each entry is sent
 * as it is at that moment. Thus the copy is at each place in the stream a part of what the shard was there, and whole at
 * the end: a key that the walk has not met yet comes with it, one that came or changed since is a mutation of its own.
 */
import type { Clock } from "../core/clock.ts";
import { HASH_PLACE_COUNT } from "../core/key_hash.ts";
import { BACKGROUND_STEP_MS, FILL_AHEAD_BYTES } from "../core/limits.ts";
import type { Mutation } from "../core/mutation.ts";
import { encodeFillHead } from "../persistence/record.ts";
import type { Row, Store } from "../store/store.ts";
import type { RecordQueue } from "./record_queue.ts";

/** Buckets between two looks at the clock. */
const BUCKETS_PER_LOOK = 32;

export class FillWalk {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Everything before it in hash order was met. */
  #place = 0;
  readonly #rows: Row[] = [];

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Adds fills to `queue`, of the shard and at the place in its history that `head` has, until it has enough or a step's
   * time is over. Whether all entries were met.
   */
  step(queue: RecordQueue, head: Mutation): boolean {
    const endMs = this.#clock.monotonicMs() + BACKGROUND_STEP_MS;
    for (let buckets = 1; this.#place < HASH_PLACE_COUNT; buckets++) {
      this.#rows.length = 0;
      this.#place = this.#store.collect(this.#place, this.#rows);
      for (const row of this.#rows) this.#add(queue, head, row);
      if (queue.byteLength >= FILL_AHEAD_BYTES) break;
      if (buckets % BUCKETS_PER_LOOK === 0 && this.#clock.monotonicMs() >= endMs) break;
    }
    return this.#place === HASH_PLACE_COUNT;
  }

  #add(queue: RecordQueue, head: Mutation, row: Row): void {
    const store = this.#store;
    const keyLength = store.keyLength(row);
    const valueLength = store.valueLength(row);
    head.database = store.database(row);
    head.type = store.type(row);
    head.expiresAtMs = store.expiresAt(row);
    const output = queue.outputFor(keyLength + valueLength);
    encodeFillHead(output, head, { keyLength, valueLength });
    store.copyKey(row, output.bytes, output.length);
    store.copyValue(row, output.bytes, output.length + keyLength);
    output.length += keyLength + valueLength;
  }
}
