/**
 * What is written in entries: lengths, deadline, key and value, by row, over the arena's blocks in the layout of
 * entry_layout.ts. Also counts the entries that have a deadline, since every way of giving or losing one passes here.
 */
import type { Mutation } from "../core/mutation.ts";
import { type Arena, BLOCK_DOUBLES, BLOCK_WORDS } from "./arena.ts";
import {
  blocksOfPayload,
  DATABASE_SHIFT,
  ENTRY_HEADER_BYTES,
  EXPIRES_AT_DOUBLE,
  HASH_WORD,
  KEY_LENGTH_MASK,
  KEY_WORD,
  type Row,
  SCATTERED,
  TYPE_MASK,
  TYPE_SHIFT,
  VALUE_LENGTH_MASK,
  VALUE_WORD,
} from "./entry_layout.ts";

export class Entries {
  readonly #arena: Arena;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  #volatileCount = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#words = arena.words;
    this.#doubles = arena.doubles;
  }

  /** Entries that have a deadline. */
  get volatileCount(): number {
    return this.#volatileCount;
  }

  hash(row: Row): number {
    return this.#words[row * BLOCK_WORDS + HASH_WORD]!;
  }

  keyLength(row: Row): number {
    return this.#words[row * BLOCK_WORDS + KEY_WORD]! & KEY_LENGTH_MASK;
  }

  database(row: Row): number {
    return this.#words[row * BLOCK_WORDS + KEY_WORD]! >>> DATABASE_SHIFT;
  }

  valueLength(row: Row): number {
    return this.#words[row * BLOCK_WORDS + VALUE_WORD]! & VALUE_LENGTH_MASK;
  }

  type(row: Row): number {
    return (this.#words[row * BLOCK_WORDS + VALUE_WORD]! >>> TYPE_SHIFT) & TYPE_MASK;
  }

  /** Milliseconds since 1970; 0 = for ever. */
  expiresAt(row: Row): number {
    return this.#doubles[row * BLOCK_DOUBLES + EXPIRES_AT_DOUBLE]!;
  }

  isExpired(row: Row, nowMs: number): boolean {
    const expiresAt = this.expiresAt(row);
    return expiresAt !== 0 && expiresAt <= nowMs;
  }

  /** Whether the entry's blocks lie one behind the other. */
  isRun(row: Row): boolean {
    return this.#words[row * BLOCK_WORDS + VALUE_WORD]! >= 0;
  }

  /** Blocks of the entry's chain. */
  blockCount(row: Row): number {
    return blocksOfPayload(this.keyLength(row) + this.valueLength(row));
  }

  copyKey(row: Row, target: Uint8Array, at: number): void {
    this.#copyOut(row, ENTRY_HEADER_BYTES, target, at, this.keyLength(row));
  }

  /** Copies bytes `[from, to)` of the value to `target[at, …)`. */
  copyValue(row: Row, target: Uint8Array, at: number, from: number, to: number): void {
    this.#copyOut(row, ENTRY_HEADER_BYTES + this.keyLength(row) + from, target, at, to - from);
  }

  /** Writes the mutation's key, value and deadline as a new entry into its fresh chain of `blocks` blocks. */
  create(row: Row, blocks: number, hash: number, mutation: Mutation): void {
    const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd, expiresAtMs } = mutation;
    const at = row * BLOCK_WORDS;
    const keyLength = keyEnd - keyStart;
    this.#words[at + HASH_WORD] = hash;
    this.#words[at + KEY_WORD] = keyLength | (mutation.database << DATABASE_SHIFT);
    this.#words[at + VALUE_WORD] = (valueEnd - valueStart) | (mutation.type << TYPE_SHIFT) |
      this.#scattered(row, blocks);
    this.#doubles[row * BLOCK_DOUBLES + EXPIRES_AT_DOUBLE] = expiresAtMs;
    if (expiresAtMs !== 0) this.#volatileCount++;
    if (valueStart === keyEnd && valueBytes === keyBytes) {
      this.#copyIn(row, ENTRY_HEADER_BYTES, keyBytes, keyStart, valueEnd);
      return;
    }
    this.#copyIn(row, ENTRY_HEADER_BYTES, keyBytes, keyStart, keyEnd);
    this.#copyIn(row, ENTRY_HEADER_BYTES + keyLength, valueBytes, valueStart, valueEnd);
  }

  /** Makes the entry's chain `blocks` long. Keeps its key, which is the mutation's; its value is lost. */
  resize(row: Row, blocks: number, { keyBytes, keyStart, keyEnd }: Mutation): void {
    this.#arena.resize(row, this.blockCount(row), blocks);
    this.#words[row * BLOCK_WORDS + VALUE_WORD] = this.#scattered(row, blocks);
    this.#copyIn(row, ENTRY_HEADER_BYTES, keyBytes, keyStart, keyEnd);
  }

  /** Writes the mutation's value, for which the chain has the right length. */
  setValue(row: Row, { type, valueBytes, valueStart, valueEnd }: Mutation): void {
    const at = row * BLOCK_WORDS + VALUE_WORD;
    this.#words[at] = (valueEnd - valueStart) | (type << TYPE_SHIFT) | (this.#words[at]! & SCATTERED);
    this.#copyIn(row, ENTRY_HEADER_BYTES + this.keyLength(row), valueBytes, valueStart, valueEnd);
  }

  setExpiresAt(row: Row, expiresAtMs: number): void {
    const at = row * BLOCK_DOUBLES + EXPIRES_AT_DOUBLE;
    if (this.#doubles[at] !== 0) this.#volatileCount--;
    if (expiresAtMs !== 0) this.#volatileCount++;
    this.#doubles[at] = expiresAtMs;
  }

  /** Frees the entry's blocks. */
  free(row: Row): void {
    if (this.expiresAt(row) !== 0) this.#volatileCount--;
    this.#arena.free(row, this.blockCount(row));
  }

  /** Frees every entry's blocks. O(1). */
  clear(): void {
    this.#arena.reset();
    this.#volatileCount = 0;
  }

  /** The bit that says whether the chain at `row` is scattered. */
  #scattered(row: Row, blocks: number): number {
    return this.#arena.isRun(row, blocks) ? 0 : SCATTERED;
  }

  #copyIn(row: Row, at: number, source: Uint8Array, start: number, end: number): void {
    if (this.isRun(row)) this.#arena.copyIntoRun(row, at, source, start, end);
    else this.#arena.copyIn(row, at, source, start, end);
  }

  #copyOut(row: Row, at: number, target: Uint8Array, targetAt: number, length: number): void {
    if (this.isRun(row)) this.#arena.copyOutOfRun(row, at, target, targetAt, length);
    else this.#arena.copyOut(row, at, target, targetAt, length);
  }
}
