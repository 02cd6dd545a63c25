/**
 * Brings near what keys will need that are known to come soon. Where a key's bucket lies is up to chance, and so is the
 * row that it points to, and the one that is split when the key is new; one key after the other waits for each of these
 * from memory. Asked for many keys in a row, in loops so short that the processor looks at many at once, they come
 * together. It changes nothing, and whoever announces what does not come has only wasted time.
 */
import { type Arena, BLOCK_WORDS } from "./arena.ts";
import { BUCKET_NEXT_WORD } from "./entry_layout.ts";
import type { KeyIndex } from "./key_index.ts";
import type { StoreParts } from "./store_check.ts";
import { hashOfKey, type HashSeed } from "../core/key_hash.ts";

/** Keys that can be announced between two fetches; those beyond are not fetched. */
const ANNOUNCED_MAX = 128;
/** Rows of a bucket that are fetched. With as many buckets as entries, few have more. */
const ROWS_PER_BUCKET = 2;

export class Prefetcher {
  readonly #arena: Arena;
  readonly #words: Int32Array;
  readonly #index: KeyIndex;
  readonly #seed: HashSeed;
  readonly #hashes = new Int32Array(ANNOUNCED_MAX);
  /** For each announced key, of its bucket and of the one that is split when it is new, the row reached so far. */
  readonly #rows = new Int32Array(2 * ANNOUNCED_MAX);
  #count = 0;

  constructor({ arena, index }: StoreParts, seed: HashSeed) {
    this.#arena = arena;
    this.#words = arena.words;
    this.#index = index;
    this.#seed = seed;
  }

  /** The key `bytes[start, end)` will be set or looked for soon. */
  announce(bytes: Uint8Array, start: number, end: number): void {
    if (this.#count < ANNOUNCED_MAX) this.#hashes[this.#count++] = hashOfKey(this.#seed, bytes, start, end);
  }

  /**
   * Fetches what the announced keys need: their rows and, where they are expected to be new, the rows that are moved to
   * make a bucket for them.
   */
  fetch(areNew: boolean): void {
    const [words, index, rows, count] = [this.#words, this.#index, this.#rows, this.#count];
    if (count === 0) return;
    this.#count = 0;
    for (let i = 0; i < count; i++) rows[i] = index.firstRow(this.#hashes[i]!);
    if (areNew) { for (let i = 0; i < count; i++) rows[count + i] = index.firstRowOfSplit(i); }
    else this.#fetchPayloads(count);
    const rowCount = areNew ? 2 * count : count;
    // Row 0, at a chain's end, leads to itself.
    for (let step = 0; step < ROWS_PER_BUCKET; step++) {
      for (let i = 0; i < rowCount; i++) rows[i] = words[rows[i]! * BLOCK_WORDS + BUCKET_NEXT_WORD]!;
    }
  }

  /** Fetches the end of each key's first block, and of the block that follows it, as it does in most chains. */
  #fetchPayloads(count: number): void {
    const words = this.#words;
    const rows = this.#rows;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const end = rows[i]! * BLOCK_WORDS + BLOCK_WORDS - 1;
      seen |= words[end]! | words[end + BLOCK_WORDS]! | this.#arena.blockAfter(rows[i]!);
    }
    // Whether any is set is of no matter: but what nobody uses is not read either.
    this.#rows[count] = seen;
  }
}
