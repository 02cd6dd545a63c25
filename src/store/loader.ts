/**
 * Fills an empty store with entries of which it is known how many they are and that no two have the same key: those
 * of a dump. So no key is looked up, no bucket is split, and nobody hears of a mutation.
 *
 * Where a bucket lies is up to chance, so that nearly each one that is looked at comes from memory. Rows are therefore
 * put into the index some at a time, in a loop so short that the processor waits for many buckets at once: 4 M entries
 * take a third less than one by one. Until {@linkcode Loader.end} the store may be used for nothing else.
 */
import { assert } from "../core/assert.ts";
import { hashOfKey, type HashSeed } from "../core/key_hash.ts";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../core/limits.ts";
import type { Mutation } from "../core/mutation.ts";
import { blocksOfPayload } from "./entry_layout.ts";
import type { StoreParts } from "./store_check.ts";

/** Rows that wait for the index. Their heads, two cache lines each, are still near when it gets them. */
const PENDING_ROWS_MAX = 1024;

export interface LoaderParts extends StoreParts {
  readonly seed: HashSeed;
  /** Mark of a new entry. */
  readonly mark: number;
  /** Blocks that the store may have. */
  readonly blockLimit: number;
  /** Removes the oldest entry. */
  readonly evictOldest: () => void;
}

export class Loader {
  readonly #parts: LoaderParts;
  /** Rows that are not in the index yet. */
  readonly #pending = new Int32Array(PENDING_ROWS_MAX);
  #pendingCount = 0;

  /** `entryCount` entries will be added. */
  constructor(parts: LoaderParts, entryCount: number) {
    this.#parts = parts;
    parts.index.reserve(entryCount);
  }

  /**
   * Adds the mutation's key, which the store does not have, with its value and deadline, as the newest. Evicts the oldest
   * entries for as long as room lacks. False when it does not fit even into an empty store: then nothing changes.
   */
  add(mutation: Mutation): boolean {
    const { arena, entries, order, seed, mark, blockLimit } = this.#parts;
    const { keyBytes, keyStart, keyEnd } = mutation;
    const valueLength = mutation.valueEnd - mutation.valueStart;
    assert(keyEnd - keyStart <= KEY_BYTES_MAX, "a key is not too long");
    assert(valueLength <= VALUE_BYTES_MAX, "a value is not too long");
    const blocks = blocksOfPayload(keyEnd - keyStart + valueLength);
    if (blocks > blockLimit) return false;
    if (arena.liveCount + blocks > blockLimit) this.#makeRoom(blocks);
    const row = arena.allocate(blocks);
    arena.marks[row] = mark;
    entries.create(row, blocks, hashOfKey(seed, keyBytes, keyStart, keyEnd), mutation);
    order.append(row);
    this.#pending[this.#pendingCount++] = row;
    if (this.#pendingCount === PENDING_ROWS_MAX) this.#index();
    return true;
  }

  /** From here on the store is as any other. */
  end(): void {
    this.#index();
  }

  #makeRoom(blocks: number): void {
    const { arena, blockLimit, evictOldest } = this.#parts;
    this.#index();
    while (arena.liveCount + blocks > blockLimit) evictOldest();
  }

  #index(): void {
    this.#parts.index.insertAll(this.#pending, this.#pendingCount);
    this.#pendingCount = 0;
  }
}
