/**
 * The grammar of a record: one mutation of one shard, as the log keeps it. All numbers are little-endian.
 *
 *     record   := checksum u32 · length u32 · shard u16 · epoch u32 · sequence u64 · kind u8 · payload
 *     payload  := 1 set     expiresAt f64 · keyLength u16 · key · value
 *               | 2 delete  key
 *               | 3 expire  expiresAt f64 · key
 *               | 4 flush   (empty)
 *               | 6 mark    position u64 · synced u64
 *
 * - `checksum` is the CRC-32 of everything behind it: from `length` to the payload's last byte.
 * - `length` counts the bytes behind itself (shard to payload), so a record takes 8 + `length` bytes.
 * - `expiresAt` is in milliseconds since 1970; 0 = for ever.
 * - Bit 0x80 of `kind`: the next record belongs to the same request. The records of a request apply all or none.
 *   Whether more follow is known late, so a record is encoded first and gets that bit and its checksum when it is
 *   sealed: {@linkcode sealRecord}.
 * - A mark is no mutation: its shard, epoch and sequence are 0. It stands where a batch begins, at log position
 *   `position`, and says that everything before position `synced` was on the disk when the batch was written. So
 *   recovery can tell a batch that a loss of power has torn, in whatever order its pages got to the disk, from damage
 *   to what was safe.
 * - Kinds are never renumbered; 5 ended dumps of version 1 and is not used again. A record of unknown kind is bad,
 *   whatever its checksum says.
 */
import { assert } from "../core/assert.ts";
import { crc32 } from "../core/checksum.ts";
import {
  KEY_BYTES_MAX,
  RECORD_BYTES_MAX,
  RECORD_HEADER_BYTES,
  RECORD_SET_OVERHEAD_BYTES,
  SHARD_COUNT_MAX,
} from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";

export const KIND_SET = 1;
export const KIND_DELETE = 2;
export const KIND_EXPIRE = 3;
export const KIND_FLUSH = 4;
export const KIND_MARK = 6;

/** {@linkcode decodeRecord}: the bytes end before the record does. */
export const RECORD_INCOMPLETE = -1;
/** {@linkcode decodeRecord}: whatever follows, this is no record. */
export const RECORD_BAD = -2;

/** Bit of the kind: the next record belongs to the same request. */
const MORE = 0x80;
const LENGTH_AT = 4;
/** What precedes the bytes that `length` counts. */
const PREFIX_BYTES = 8;
const SHARD_AT = 8;
const EPOCH_AT = 10;
const SEQUENCE_AT = 14;
const KIND_AT = 22;
const DEADLINE_BYTES = 8;
const MARK_BYTES = 16;
const MARK_SYNCED_AT = RECORD_HEADER_BYTES + 8;
const U32_RANGE = 0x1_0000_0000;
/** Sequences stay exact in a double. */
const U64_HIGH_MAX = 0x1f_ffff;

const float64 = new Float64Array(1);
const float64Bytes = new Uint8Array(float64.buffer);
assert(
  new Uint8Array(new Uint16Array([1]).buffer)[0] === 1,
  "the machine is little-endian, as the files are",
);
assert(KIND_AT + 1 === RECORD_HEADER_BYTES, "the header ends with the kind");

/** A decoded record; offsets are into the bytes that it was decoded from. Filled again for each record. */
export class RecordView {
  shard = 0;
  epoch = 0;
  sequence = 0;
  kind = 0;
  /** Whether the next record belongs to the same request. */
  more = false;
  /** Of a set or expire. */
  expiresAtMs = 0;
  /** Of a mark. */
  position = 0;
  synced = 0;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
}

/** Appends a set's record, unsealed, up to its key and value, for which there is room behind it. */
function encodeSetHead(
  output: OutputBuffer,
  shard: number,
  epoch: number,
  sequence: number,
  keyLength: number,
  valueLength: number,
  expiresAtMs: number,
): void {
  const payload = RECORD_SET_OVERHEAD_BYTES + keyLength + valueLength;
  let at = encodeHead(output, shard, epoch, sequence, KIND_SET, payload);
  const { bytes } = output;
  at = writeFloat64(bytes, at, expiresAtMs);
  bytes[at] = keyLength;
  bytes[at + 1] = keyLength >>> 8;
  output.length = at + 2;
}

/** Appends a set's record, unsealed. */
export function encodeSet(
  output: OutputBuffer,
  shard: number,
  epoch: number,
  sequence: number,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
  value: Uint8Array,
  valueStart: number,
  valueEnd: number,
  expiresAtMs: number,
): void {
  encodeSetHead(output, shard, epoch, sequence, keyEnd - keyStart, valueEnd - valueStart, expiresAtMs);
  output.copy(key, keyStart, keyEnd);
  output.copy(value, valueStart, valueEnd);
}

/** Appends a delete's record, unsealed. */
export function encodeDelete(
  output: OutputBuffer,
  shard: number,
  epoch: number,
  sequence: number,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
): void {
  output.length = encodeHead(output, shard, epoch, sequence, KIND_DELETE, keyEnd - keyStart);
  output.copy(key, keyStart, keyEnd);
}

/** Appends an expire's record, unsealed. */
export function encodeExpire(
  output: OutputBuffer,
  shard: number,
  epoch: number,
  sequence: number,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
  expiresAtMs: number,
): void {
  const head = encodeHead(output, shard, epoch, sequence, KIND_EXPIRE, DEADLINE_BYTES + keyEnd - keyStart);
  output.length = writeFloat64(output.bytes, head, expiresAtMs);
  output.copy(key, keyStart, keyEnd);
}

/** Appends a flush's record, unsealed. */
export function encodeFlush(output: OutputBuffer, shard: number, epoch: number, sequence: number): void {
  output.length = encodeHead(output, shard, epoch, sequence, KIND_FLUSH, 0);
}

/** Appends a mark for the batch that begins at log position `position`, to be sealed by {@linkcode sealMark}. */
export function encodeMark(output: OutputBuffer, position: number): void {
  output.length = encodeHead(output, 0, 0, 0, KIND_MARK, MARK_BYTES);
  output.u64(position);
  output.u64(0);
}

/** Makes the mark that begins at `bytes[start]` valid: everything before log position `synced` is on the disk. */
export function sealMark(bytes: Uint8Array, start: number, synced: number): void {
  writeU64(bytes, start + MARK_SYNCED_AT, synced);
  sealRecord(bytes, start, start + RECORD_HEADER_BYTES + MARK_BYTES, false);
}

/** Makes `bytes[start, end)`, an encoded record, valid; `more`: the next record belongs to the same request. */
export function sealRecord(bytes: Uint8Array, start: number, end: number, more: boolean): void {
  if (more) bytes[start + KIND_AT]! |= MORE;
  writeU32(bytes, start, crc32(bytes, start + LENGTH_AT, end));
}

/** End of the record that begins at `start`, which is known to be whole and valid. */
export function endOfRecord(bytes: Uint8Array, start: number): number {
  return start + PREFIX_BYTES + readU32(bytes, start + LENGTH_AT);
}

/**
 * Decodes the record that begins at `bytes[start]`, of which what arrived ends at `end`. Returns the offset behind
 * it, {@linkcode RECORD_INCOMPLETE} or {@linkcode RECORD_BAD}; the view holds nothing useful after the last two.
 */
export function decodeRecord(view: RecordView, bytes: Uint8Array, start: number, end: number): number {
  const recordEnd = peekRecord(view, bytes, start, end);
  if (recordEnd < 0) return recordEnd;
  return crc32(bytes, start + LENGTH_AT, recordEnd) === readU32(bytes, start) ? recordEnd : RECORD_BAD;
}

/** As {@linkcode decodeRecord}, but unchecked against the checksum. */
export function peekRecord(view: RecordView, bytes: Uint8Array, start: number, end: number): number {
  if (end - start < PREFIX_BYTES) return RECORD_INCOMPLETE;
  const length = readU32(bytes, start + LENGTH_AT);
  if (length < RECORD_HEADER_BYTES - PREFIX_BYTES || length > RECORD_BYTES_MAX - PREFIX_BYTES) {
    return RECORD_BAD;
  }
  const recordEnd = start + PREFIX_BYTES + length;
  if (end < recordEnd) return RECORD_INCOMPLETE;
  return decodeHead(view, bytes, start) && decodePayload(view, bytes, start + RECORD_HEADER_BYTES, recordEnd)
    ? recordEnd
    : RECORD_BAD;
}

/** Reads what stands before the payload, unchecked against the checksum; false when no record says such a thing. */
export function decodeHead(view: RecordView, bytes: Uint8Array, start: number): boolean {
  const high = readU32(bytes, start + SEQUENCE_AT + 4);
  const kind = bytes[start + KIND_AT]!;
  view.shard = bytes[start + SHARD_AT]! | (bytes[start + SHARD_AT + 1]! << 8);
  view.epoch = readU32(bytes, start + EPOCH_AT);
  view.sequence = high * U32_RANGE + readU32(bytes, start + SEQUENCE_AT);
  view.kind = kind & ~MORE;
  view.more = (kind & MORE) !== 0;
  return high <= U64_HIGH_MAX && view.shard < SHARD_COUNT_MAX &&
    (view.kind >= KIND_SET && view.kind <= KIND_FLUSH || view.kind === KIND_MARK);
}

function decodePayload(view: RecordView, bytes: Uint8Array, at: number, end: number): boolean {
  switch (view.kind) {
    case KIND_SET:
      if (end - at < RECORD_SET_OVERHEAD_BYTES) return false;
      view.expiresAtMs = readFloat64(bytes, at);
      view.keyStart = at + RECORD_SET_OVERHEAD_BYTES;
      view.keyEnd = view.valueStart = view.keyStart + (bytes[at + 8]! | (bytes[at + 9]! << 8));
      view.valueEnd = end;
      return view.valueStart <= end;
    case KIND_DELETE:
      view.keyStart = at;
      view.keyEnd = end;
      return end - at <= KEY_BYTES_MAX;
    case KIND_EXPIRE:
      if (end - at < DEADLINE_BYTES) return false;
      view.expiresAtMs = readFloat64(bytes, at);
      view.keyStart = at + DEADLINE_BYTES;
      view.keyEnd = end;
      return end - view.keyStart <= KEY_BYTES_MAX;
    case KIND_FLUSH:
      return at === end;
    default: // KIND_MARK
      if (end - at !== MARK_BYTES) return false;
      view.position = readU64(bytes, at);
      view.synced = readU64(bytes, at + 8);
      return true;
  }
}

/** Writes what stands before the payload, with room for that, and returns where the payload begins. */
function encodeHead(
  output: OutputBuffer,
  shard: number,
  epoch: number,
  sequence: number,
  kind: number,
  payloadBytes: number,
): number {
  output.reserve(RECORD_HEADER_BYTES + payloadBytes);
  const { bytes, length: at } = output;
  writeU32(bytes, at + LENGTH_AT, RECORD_HEADER_BYTES - PREFIX_BYTES + payloadBytes);
  bytes[at + SHARD_AT] = shard;
  bytes[at + SHARD_AT + 1] = shard >>> 8;
  writeU32(bytes, at + EPOCH_AT, epoch);
  writeU64(bytes, at + SEQUENCE_AT, sequence);
  bytes[at + KIND_AT] = kind;
  return at + RECORD_HEADER_BYTES;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function writeU64(bytes: Uint8Array, at: number, value: number): void {
  const low = value >>> 0;
  writeU32(bytes, at, low);
  writeU32(bytes, at + 4, (value - low) / U32_RANGE);
}

function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + 4) * U32_RANGE + readU32(bytes, at);
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function writeFloat64(bytes: Uint8Array, at: number, value: number): number {
  float64[0] = value;
  for (let i = 0; i < 8; i++) bytes[at + i] = float64Bytes[i]!;
  return at + 8;
}

function readFloat64(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 8; i++) float64Bytes[i] = bytes[at + i]!;
  return float64[0]!;
}
