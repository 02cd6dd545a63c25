/**
 * The grammar of a frame: entries of one shard of a dump under one checksum. All numbers are little-endian.
 *
 *     frame := checksum u32 · length u32 · shard u16 · entry*
 *     entry := expiresAt f64 · valueLength u32 · keyLength u16 · database u8 · type u8 · key · value
 *
 * - `checksum` is the CRC-32 of everything behind it.
 * - `length` counts the bytes of the entries, which fill it exactly. A frame is closed by the entry with which it
 *   exceeds `FRAME_BYTES`, or earlier.
 * - `expiresAt` is in milliseconds since 1970; 0 = for ever. Databases and types are those of records.
 */
import { crc32 } from "../core/checksum.ts";
import { DATABASE_COUNT, KEY_BYTES_MAX, KIB, VALUE_BYTES_MAX } from "../core/limits.ts";
import { KIND_SET, type Mutation, TYPE_STRING } from "../core/mutation.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";

/** Bytes of entries that close a frame. Large enough that its checksum costs next to nothing; it fits any cache. */
export const FRAME_BYTES = 64 * KIB;
export const FRAME_HEADER_BYTES = 10;
/** Bytes before an entry's key. */
export const ENTRY_HEADER_BYTES = 16;
/** Bytes of entries in the largest frame. */
const LENGTH_MAX = FRAME_BYTES + ENTRY_HEADER_BYTES + KEY_BYTES_MAX + VALUE_BYTES_MAX;
const LENGTH_AT = 4;
const SHARD_AT = 8;
const VALUE_LENGTH_AT = 8;
const KEY_LENGTH_AT = 12;
const DATABASE_AT = 14;
const TYPE_AT = 15;

/** {@linkcode endOfFrame}: the bytes end before the frame does. */
export const FRAME_INCOMPLETE = -1;
/** {@linkcode endOfFrame}: whatever follows, this is no frame. */
export const FRAME_BAD = -2;
/** {@linkcode decodeEntry}: this is no entry; or it is one of a database or type that there is not. */
export const ENTRY_BAD = -1;
export const ENTRY_UNKNOWN = -2;

/** Opens a frame at the end of `output`, for the entries of `shard` that follow it. */
export function openFrame(output: OutputBuffer, shard: number): void {
  output.u32(0);
  output.u32(0);
  output.u16(shard);
}

/** Closes the frame that begins at `start` and reaches to the end of `output`. */
export function closeFrame(output: OutputBuffer, start: number): void {
  const { bytes, length } = output;
  const view = new DataView(bytes.buffer);
  view.setUint32(start + LENGTH_AT, length - start - FRAME_HEADER_BYTES, true);
  view.setUint32(start, crc32(bytes, start + LENGTH_AT, length), true);
}

/** What precedes an entry's key and value. Filled again for each entry. */
export class EntryHead {
  keyLength = 0;
  valueLength = 0;
  expiresAtMs = 0;
  database = 0;
  type = TYPE_STRING;
}

/** Appends an entry up to its key, and makes room for key and value: the caller writes those behind it. */
export function encodeEntryHead(
  output: OutputBuffer,
  { keyLength, valueLength, expiresAtMs, database, type }: EntryHead,
): void {
  output.reserve(ENTRY_HEADER_BYTES + keyLength + valueLength);
  output.f64(expiresAtMs);
  output.u32(valueLength);
  output.u16(keyLength);
  output.byte(database);
  output.byte(type);
}

/**
 * Judges the frame that begins at `bytes[start]`, of which what arrived ends at `end`. Returns the offset behind it,
 * {@linkcode FRAME_INCOMPLETE} or {@linkcode FRAME_BAD}. Its entries begin at `start + FRAME_HEADER_BYTES`.
 */
export function endOfFrame(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < FRAME_HEADER_BYTES) return FRAME_INCOMPLETE;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint32(start + LENGTH_AT, true);
  if (length > LENGTH_MAX) return FRAME_BAD;
  const frameEnd = start + FRAME_HEADER_BYTES + length;
  if (end < frameEnd) return FRAME_INCOMPLETE;
  return crc32(bytes, start + LENGTH_AT, frameEnd) === view.getUint32(start, true) ? frameEnd : FRAME_BAD;
}

/** Shard of the entries of the frame that begins at `start`. */
export function shardOfFrame(bytes: Uint8Array, start: number): number {
  return bytes[start + SHARD_AT]! | (bytes[start + SHARD_AT + 1]! << 8);
}

/**
 * Decodes the entry that begins at `start` of a buffer, which is `bytes` and `view`, into `mutation`, as the set that
 * makes it. Returns the offset behind it; {@linkcode ENTRY_BAD} when it is too long, for its frame, which ends at `end`, or at
 * all; {@linkcode ENTRY_UNKNOWN} when there is no such database or type.
 */
export function decodeEntry(
  mutation: Mutation,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
): number {
  if (end - start < ENTRY_HEADER_BYTES) return ENTRY_BAD;
  const keyStart = start + ENTRY_HEADER_BYTES;
  const valueStart = keyStart + view.getUint16(start + KEY_LENGTH_AT, true);
  const valueEnd = valueStart + view.getUint32(start + VALUE_LENGTH_AT, true);
  mutation.kind = KIND_SET;
  mutation.expiresAtMs = view.getFloat64(start, true);
  mutation.setKey(bytes, keyStart, valueStart);
  mutation.setValue(bytes, valueStart, valueEnd);
  mutation.database = bytes[start + DATABASE_AT]!;
  mutation.type = bytes[start + TYPE_AT]!;
  if (valueEnd > end || valueEnd - valueStart > VALUE_BYTES_MAX) return ENTRY_BAD;
  return mutation.database < DATABASE_COUNT && mutation.type === TYPE_STRING ? valueEnd : ENTRY_UNKNOWN;
}
