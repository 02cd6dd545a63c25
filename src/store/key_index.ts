/**
 * From a key to its row: a hash table that grows by one bucket at a time, so that no insertion ever waits for a
 * rehash. Source: Litwin, "Linear hashing", 1980.
 *
 * With `mask + 1` the power of two at or above `bucketCount`, a hash's bucket is its low bits under `mask`, or, where
 * that bucket does not exist yet, one bit fewer. Adding bucket `n` splits only the bucket that `n` is without its
 * top bit. The load factor is 1: there is a bucket for each entry, and never more buckets than blocks.
 *
 * Hence a bucket holds the keys of a range of places in hash order, and its bits say how long the range is.
 *
 * A bucket holds its first row; the others follow through a word of each head. Rows are compared by hash first, so
 * that a key's bytes are looked at once, as a rule.
 */
import { assert } from "../core/assert.ts";
import { HASH_PLACE_COUNT, hashAtPlace, placeOfHash } from "../core/key_hash.ts";
import type { Arena } from "./arena.ts";
import { BLOCK_WORDS } from "./arena.ts";
import { BUCKET_NEXT_WORD, ENTRY_HEADER_BYTES, HASH_WORD, KEY_WORD, type Row } from "./entry_layout.ts";

/** Buckets of an empty index. A power of two. */
export const BUCKET_COUNT_MIN = 16;
/** What the index costs for each block of the arena. */
export const BUCKET_BYTES = 4;

export class KeyIndex {
  readonly #arena: Arena;
  readonly #words: Int32Array;
  /** First row of each bucket. Only `[0, #bucketCount)` is valid: what lies behind is set when it is added. */
  readonly #buckets: Int32Array;
  #bucketCount = BUCKET_COUNT_MIN;
  #mask = BUCKET_COUNT_MIN - 1;
  #entryCount = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#words = arena.words;
    this.#buckets = new Int32Array(Math.max(BUCKET_COUNT_MIN, arena.blockCount));
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  get bucketCount(): number {
    return this.#bucketCount;
  }

  /** Makes the buckets that `entryCount` entries will need, so that none is split on the way. The index is empty. */
  reserve(entryCount: number): void {
    assert(this.#entryCount === 0, "buckets are reserved before the first entry");
    this.#bucketCount = Math.min(Math.max(BUCKET_COUNT_MIN, entryCount), this.#buckets.length);
    this.#mask = BUCKET_COUNT_MIN - 1;
    while (this.#mask < this.#bucketCount - 1) this.#mask = this.#mask * 2 + 1;
    this.#buckets.fill(0, 0, this.#bucketCount);
  }

  /**
   * Appends to `rows` those whose keys lie at `place` in hash order (key_hash.ts) or behind it, up to the end of its
   * bucket: a handful. Returns the place behind the bucket, `HASH_PLACE_COUNT` at the end of all.
   */
  collect(place: number, rows: Row[]): number {
    const hash = hashAtPlace(place);
    const half = (this.#mask >>> 1) + 1;
    // Where the upper of two buckets does not exist yet, the lower has the keys of both.
    const isSplit = (hash & (half - 1)) + half < this.#bucketCount;
    const bits = 32 - Math.clz32(this.#mask) - (isSplit ? 0 : 1);
    let row = this.#buckets[this.#bucketOf(hash)]!;
    for (; row !== 0; row = this.#words[row * BLOCK_WORDS + BUCKET_NEXT_WORD]!) {
      if (placeOfHash(this.#words[row * BLOCK_WORDS + HASH_WORD]!) >= place) rows.push(row);
    }
    const width = HASH_PLACE_COUNT / 2 ** bits;
    return (Math.floor(place / width) + 1) * width;
  }

  /** First row in the bucket of `hash`; 0 when it is empty. */
  firstRow(hash: number): Row {
    return this.#buckets[this.#bucketOf(hash)]!;
  }

  /** First row of the bucket that is split for the entry after the next `count` new ones; 0 when there is none. */
  firstRowOfSplit(count: number): Row {
    const added = this.#bucketCount + count;
    return this.#buckets[added <= this.#mask ? added & (this.#mask >>> 1) : added & this.#mask]!;
  }

  /** The row whose key is `key[start, end)`, of database 0, whose hash is `hash`; 0 when there is none. */
  find(hash: number, key: Uint8Array, start: number, end: number): Row {
    const words = this.#words;
    const keyLength = end - start;
    let row = this.#buckets[this.#bucketOf(hash)]!;
    while (row !== 0) {
      const at = row * BLOCK_WORDS;
      if (
        words[at + HASH_WORD] === hash && words[at + KEY_WORD] === keyLength &&
        this.#arena.equals(row, ENTRY_HEADER_BYTES, key, start, end)
      ) return row;
      row = words[at + BUCKET_NEXT_WORD]!;
    }
    return 0;
  }

  /** Adds `row`, whose hash is `hash` and whose key is not in the index. */
  insert(row: Row, hash: number): void {
    this.#push(this.#bucketOf(hash), row);
    this.#entryCount++;
    if (this.#entryCount > this.#bucketCount && this.#bucketCount < this.#buckets.length) this.#addBucket();
  }

  /** As {@linkcode KeyIndex.insert}, for each of the first `count` of `rows`, for which there are buckets. */
  insertAll(rows: Int32Array, count: number): void {
    assert(this.#entryCount + count <= this.#bucketCount, "the rows' buckets were reserved");
    // No round waits for the one before, so that many buckets come from memory at once.
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      this.#push(this.#bucketOf(this.#words[row * BLOCK_WORDS + HASH_WORD]!), row);
    }
    this.#entryCount += count;
  }

  /** Takes out `row`, which is in the index. */
  remove(row: Row): void {
    const words = this.#words;
    const bucket = this.#bucketOf(words[row * BLOCK_WORDS + HASH_WORD]!);
    const next = words[row * BLOCK_WORDS + BUCKET_NEXT_WORD]!;
    this.#entryCount--;
    let before = this.#buckets[bucket]!;
    if (before === row) {
      this.#buckets[bucket] = next;
      return;
    }
    while (words[before * BLOCK_WORDS + BUCKET_NEXT_WORD] !== row) {
      before = words[before * BLOCK_WORDS + BUCKET_NEXT_WORD]!;
    }
    words[before * BLOCK_WORDS + BUCKET_NEXT_WORD] = next;
  }

  /** Forgets every row. O(1). */
  clear(): void {
    this.#bucketCount = BUCKET_COUNT_MIN;
    this.#mask = BUCKET_COUNT_MIN - 1;
    this.#entryCount = 0;
    this.#buckets.fill(0, 0, BUCKET_COUNT_MIN);
  }

  #bucketOf(hash: number): number {
    const bucket = hash & this.#mask;
    return bucket < this.#bucketCount ? bucket : hash & (this.#mask >>> 1);
  }

  #push(bucket: number, row: Row): void {
    this.#words[row * BLOCK_WORDS + BUCKET_NEXT_WORD] = this.#buckets[bucket]!;
    this.#buckets[bucket] = row;
  }

  #addBucket(): void {
    const words = this.#words;
    const added = this.#bucketCount++;
    if (added > this.#mask) this.#mask = this.#mask * 2 + 1;
    const split = added & (this.#mask >>> 1);
    let row = this.#buckets[split]!;
    this.#buckets[split] = 0;
    this.#buckets[added] = 0;
    while (row !== 0) {
      const next = words[row * BLOCK_WORDS + BUCKET_NEXT_WORD]!;
      this.#push(words[row * BLOCK_WORDS + HASH_WORD]! & this.#mask, row);
      row = next;
    }
  }
}
