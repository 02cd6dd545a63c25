/**
 * How an entry lies in blocks. Its first block, the head, opens with 32 bytes of bookkeeping; the rest of the
 * head and the blocks linked behind it carry the payload, so that a short entry is one or two cache lines:
 *
 *     head  := hash i32 · bucketNext i32 · older i32 · newer i32
 *            · valueLength i32 · keyLength i32 · expiresAt f64 · 24 payload bytes
 *     block := 56 payload bytes
 *     payload := key bytes ++ value bytes
 *
 * The top bit of `valueLength` is set when the blocks are scattered: when they are not, as most, the bytes of an entry
 * lie side by side, and nobody has to follow links.
 *
 * The head's number is the entry's row. It stays the same for as long as the entry lives, however often its value
 * changes: SCAN and snapshots rely on that.
 */
import { BLOCK_BYTES } from "./arena.ts";

/** Number of an entry's head block; 0 = no entry. */
export type Row = number;

/** Words (of 4 bytes) of a head. */
export const HASH_WORD = 0;
export const BUCKET_NEXT_WORD = 1;
export const OLDER_WORD = 2;
export const NEWER_WORD = 3;
export const VALUE_LENGTH_WORD = 4;
/** Bit of the word of the value's length: the entry's blocks are no run. */
export const SCATTERED = 1 << 31;
export const KEY_LENGTH_WORD = 5;
/** Double (of 8 bytes) of a head: milliseconds since 1970, 0 = for ever. */
export const EXPIRES_AT_DOUBLE = 3;
/** Bytes of a head before its payload. */
export const ENTRY_HEADER_BYTES = 32;

/** Blocks of an entry whose key and value together have `payloadBytes` bytes. */
export function blocksOfPayload(payloadBytes: number): number {
  return Math.ceil((ENTRY_HEADER_BYTES + payloadBytes) / BLOCK_BYTES) | 0;
}
