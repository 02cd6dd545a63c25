/**
 * How an entry lies in blocks. Its first block, the head, opens with 32 bytes of bookkeeping; the rest of the
 * head and the blocks linked behind it carry the payload, so that a short entry is one or two cache lines:
 *
 *     head  := hash i32 · bucketNext i32 · older i32 · newer i32
 *            · value i32 · key i32 · expiresAt f64 · 24 payload bytes
 *     block := 56 payload bytes
 *     payload := key bytes ++ value bytes
 *
 *     value := length, 26 bits · type, 5 bits · whether the blocks are scattered, the top bit
 *     key := length, 16 bits · database, 8 bits
 *
 * When the blocks of an entry are not scattered, as most, its bytes lie side by side, and nobody has to follow links.
 * The word of a key of database 0 is its length, so that a look at one word tells keys apart by both.
 *
 * The head's number is the entry's row. It stays the same for as long as the entry lives, however often its value
 * changes: SCAN and snapshots rely on that.
 */
import { assert } from "../core/assert.ts";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../core/limits.ts";
import { BLOCK_BYTES } from "./arena.ts";

/** Number of an entry's head block; 0 = no entry. */
export type Row = number;

/** Words (of 4 bytes) of a head. */
export const HASH_WORD = 0;
export const BUCKET_NEXT_WORD = 1;
export const OLDER_WORD = 2;
export const NEWER_WORD = 3;
export const VALUE_WORD = 4;
/** Parts of the value's word. */
export const VALUE_LENGTH_MASK = (1 << 26) - 1;
export const TYPE_SHIFT = 26;
export const TYPE_MASK = (1 << 5) - 1;
/** The entry's blocks are no run. */
export const SCATTERED = 1 << 31;
export const KEY_WORD = 5;
/** Parts of the key's word. */
export const KEY_LENGTH_MASK = (1 << 16) - 1;
export const DATABASE_SHIFT = 16;
/** Double (of 8 bytes) of a head: milliseconds since 1970, 0 = for ever. */
export const EXPIRES_AT_DOUBLE = 3;
/** Bytes of a head before its payload. */
export const ENTRY_HEADER_BYTES = 32;

/** Blocks of an entry whose key and value together have `payloadBytes` bytes. */
export function blocksOfPayload(payloadBytes: number): number {
  return Math.ceil((ENTRY_HEADER_BYTES + payloadBytes) / BLOCK_BYTES) | 0;
}

assert(VALUE_BYTES_MAX <= VALUE_LENGTH_MASK, "any value's length has room in its word");
assert(KEY_BYTES_MAX <= KEY_LENGTH_MASK, "any key's length has room in its word");
