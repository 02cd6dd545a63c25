/**
 * The grammar of a record: one mutation of one shard, as a frame of the log (log_frame.ts) keeps it. All numbers are
 * little-endian.
 *
 *     record   := length u32 · shard u16 · epoch u32 · sequence u64 · kind u8 · database u8 · payload
 *     payload  := 1 set for a time   type u8 · expiresAt f64 · keyLength u16 · key · value
 *               | 2 delete           key
 *               | 3 expire           expiresAt f64 · key
 *               | 4 flush            (empty)
 *               | 7 set for ever     type u8 · keyLength u16 · key · value
 *               | 8 begin anew       (empty)
 *               | 9 begin epoch      (empty)
 *               | 10 fill            as of a set for a time
 *               | 11 filled          (empty)
 *
 * - `length` counts the bytes behind itself (shard to payload), so a record takes 4 + `length` bytes.
 * - `expiresAt` is in milliseconds since 1970; 0 = for ever.
 * - `database` is the key's; 0 where there is no key, and at present everywhere. `type`: 1 = string.
 * - What 8 to 11 mean to a shard's history is told in shard_history.ts. They take no sequence: theirs is that of the
 *   mutation after which the copy, or the epoch, begins, or that came last before them.
 * - Kinds and types are never renumbered; 5 ended dumps of version 1, 6 began batches in logs of version 1, and neither
 *   is used again. A record of unknown kind, database or type is bad.
 */
import { assert } from "../core/assert.ts";
import { readU32 } from "../core/bytes.ts";
import {
  DATABASE_COUNT,
  KEY_BYTES_MAX,
  RECORD_BYTES_MAX,
  RECORD_HEADER_BYTES,
  RECORD_SET_OVERHEAD_BYTES,
  SHARD_COUNT_MAX,
} from "../core/limits.ts";
import {
  KIND_BEGIN_ANEW,
  KIND_BEGIN_EPOCH,
  KIND_DELETE,
  KIND_EXPIRE,
  KIND_FILL,
  KIND_FILLED,
  KIND_FLUSH,
  KIND_SET,
  type Mutation,
  TYPE_STRING,
} from "../core/mutation.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";

/** A set for ever; in a {@linkcode Mutation} it is a set. */
const KIND_SET_FOR_EVER = 7;

/** {@linkcode decodeRecord}: this is no record. None of the codes of log_frame.ts. */
export const RECORD_BAD = -3;

/** What precedes the bytes that `length` counts. */
const PREFIX_BYTES = 4;
const SHARD_AT = 4;
const EPOCH_AT = 6;
const SEQUENCE_AT = 10;
const KIND_AT = 18;
const DATABASE_AT = 19;
const TYPE_BYTES = 1;
const DEADLINE_BYTES = 8;
const KEY_LENGTH_BYTES = 2;
const U32_RANGE = 0x1_0000_0000;
/** Sequences stay exact in a double. */
const U64_HIGH_MAX = 0x1f_ffff;

const float64 = new Float64Array(1);
const float64Bytes = new Uint8Array(float64.buffer);
assert(
  new Uint8Array(new Uint16Array([1]).buffer)[0] === 1,
  "the machine is little-endian, as the files are",
);
assert(DATABASE_AT + 1 === RECORD_HEADER_BYTES, "the header ends with the database");
assert(
  TYPE_BYTES + DEADLINE_BYTES + KEY_LENGTH_BYTES === RECORD_SET_OVERHEAD_BYTES,
  "a set is no longer than the limits say",
);

/** Appends the mutation's record. */
export function encodeRecord(output: OutputBuffer, mutation: Mutation): void {
  const { kind } = mutation;
  if (kind === KIND_SET || kind === KIND_FILL) encodeSet(output, mutation);
  else if (kind === KIND_DELETE) encodeDelete(output, mutation);
  else if (kind === KIND_EXPIRE) encodeExpire(output, mutation);
  else {
    assert(isWithoutPayload(kind), "a mutation is of a known kind");
    output.length = encodeHead(output, mutation, kind, 0);
  }
}

function encodeSet(output: OutputBuffer, mutation: Mutation): void {
  const { kind, keyStart, keyEnd, valueStart, valueEnd, expiresAtMs } = mutation;
  const isForEver = expiresAtMs === 0 && kind === KIND_SET;
  const keyLength = keyEnd - keyStart;
  const payload = TYPE_BYTES + (isForEver ? 0 : DEADLINE_BYTES) + KEY_LENGTH_BYTES + keyLength + valueEnd -
    valueStart;
  let at = encodeHead(output, mutation, isForEver ? KIND_SET_FOR_EVER : kind, payload);
  output.bytes[at++] = mutation.type;
  if (!isForEver) at = writeDeadline(output, at, expiresAtMs);
  output.words.setUint16(at, keyLength, true);
  output.length = at + KEY_LENGTH_BYTES;
  output.copy(mutation.keyBytes, keyStart, keyEnd);
  output.copy(mutation.valueBytes, valueStart, valueEnd);
}

/**
 * Appends the beginning of a fill's record, up to its key: `mutation` with a key and a value of these lengths, which the
 * caller appends at once; there is room for both.
 */
export function encodeFillHead(
  output: OutputBuffer,
  mutation: Mutation,
  { keyLength, valueLength }: { keyLength: number; valueLength: number },
): void {
  const payload = RECORD_SET_OVERHEAD_BYTES + keyLength + valueLength;
  let at = encodeHead(output, mutation, KIND_FILL, payload);
  output.bytes[at++] = mutation.type;
  at = writeDeadline(output, at, mutation.expiresAtMs);
  output.words.setUint16(at, keyLength, true);
  output.length = at + KEY_LENGTH_BYTES;
}

function encodeDelete(output: OutputBuffer, mutation: Mutation): void {
  const { keyStart, keyEnd } = mutation;
  output.length = encodeHead(output, mutation, KIND_DELETE, keyEnd - keyStart);
  output.copy(mutation.keyBytes, keyStart, keyEnd);
}

function encodeExpire(output: OutputBuffer, mutation: Mutation): void {
  const { keyStart, keyEnd } = mutation;
  const at = encodeHead(output, mutation, KIND_EXPIRE, DEADLINE_BYTES + keyEnd - keyStart);
  output.length = writeDeadline(output, at, mutation.expiresAtMs);
  output.copy(mutation.keyBytes, keyStart, keyEnd);
}

/**
 * Decodes the record that begins at `bytes[start]`, in a frame that ends at `end`, into `mutation`. Returns the offset
 * behind it, or {@linkcode RECORD_BAD}: then the mutation holds nothing useful.
 */
export function decodeRecord(mutation: Mutation, bytes: Uint8Array, start: number, end: number): number {
  if (end - start < RECORD_HEADER_BYTES) return RECORD_BAD;
  const length = readU32(bytes, start);
  const recordEnd = start + PREFIX_BYTES + length;
  if (length < RECORD_HEADER_BYTES - PREFIX_BYTES || length > RECORD_BYTES_MAX || recordEnd > end) {
    return RECORD_BAD;
  }
  const isGood = decodeHead(mutation, bytes, start) &&
    decodePayload(mutation, bytes, start + RECORD_HEADER_BYTES, recordEnd);
  return isGood ? recordEnd : RECORD_BAD;
}

function decodeHead(mutation: Mutation, bytes: Uint8Array, start: number): boolean {
  const high = readU32(bytes, start + SEQUENCE_AT + 4);
  mutation.shard = bytes[start + SHARD_AT]! | (bytes[start + SHARD_AT + 1]! << 8);
  mutation.epoch = readU32(bytes, start + EPOCH_AT);
  mutation.sequence = high * U32_RANGE + readU32(bytes, start + SEQUENCE_AT);
  mutation.kind = bytes[start + KIND_AT]!;
  mutation.database = bytes[start + DATABASE_AT]!;
  return high <= U64_HIGH_MAX && mutation.shard < SHARD_COUNT_MAX && mutation.database < DATABASE_COUNT;
}

function decodePayload(mutation: Mutation, bytes: Uint8Array, at: number, end: number): boolean {
  switch (mutation.kind) {
    case KIND_SET:
    case KIND_FILL:
      if (end - at < TYPE_BYTES + DEADLINE_BYTES) return false;
      mutation.type = bytes[at]!;
      mutation.expiresAtMs = readFloat64(bytes, at + TYPE_BYTES);
      return decodePair(mutation, bytes, at + TYPE_BYTES + DEADLINE_BYTES, end);
    case KIND_SET_FOR_EVER:
      if (end - at < TYPE_BYTES) return false;
      mutation.kind = KIND_SET;
      mutation.type = bytes[at]!;
      mutation.expiresAtMs = 0;
      return decodePair(mutation, bytes, at + TYPE_BYTES, end);
    case KIND_DELETE:
      mutation.setKey(bytes, at, end);
      return end - at <= KEY_BYTES_MAX;
    case KIND_EXPIRE:
      if (end - at < DEADLINE_BYTES) return false;
      mutation.expiresAtMs = readFloat64(bytes, at);
      mutation.setKey(bytes, at + DEADLINE_BYTES, end);
      return end - mutation.keyStart <= KEY_BYTES_MAX;
    default:
      return at === end && isWithoutPayload(mutation.kind);
  }
}

/** The end of a set's payload: key and value. */
function decodePair(mutation: Mutation, bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < KEY_LENGTH_BYTES) return false;
  const keyStart = at + KEY_LENGTH_BYTES;
  const keyEnd = keyStart + (bytes[at]! | (bytes[at + 1]! << 8));
  mutation.setKey(bytes, keyStart, keyEnd);
  mutation.setValue(bytes, keyEnd, end);
  return keyEnd <= end && mutation.type === TYPE_STRING;
}

function isWithoutPayload(kind: number): boolean {
  return kind === KIND_FLUSH || kind === KIND_BEGIN_ANEW || kind === KIND_BEGIN_EPOCH || kind === KIND_FILLED;
}

/** Writes what stands before the payload, with room for that, and returns where the payload begins. */
function encodeHead(output: OutputBuffer, mutation: Mutation, kind: number, payloadBytes: number): number {
  output.reserve(RECORD_HEADER_BYTES + payloadBytes);
  const { words, length: at } = output;
  const { sequence } = mutation;
  const low = sequence >>> 0;
  words.setUint32(at, RECORD_HEADER_BYTES - PREFIX_BYTES + payloadBytes, true);
  words.setUint16(at + SHARD_AT, mutation.shard, true);
  words.setUint32(at + EPOCH_AT, mutation.epoch, true);
  words.setUint32(at + SEQUENCE_AT, low, true);
  words.setUint32(at + SEQUENCE_AT + 4, (sequence - low) / U32_RANGE, true);
  words.setUint8(at + KIND_AT, kind);
  words.setUint8(at + DATABASE_AT, mutation.database);
  return at + RECORD_HEADER_BYTES;
}

function writeDeadline(output: OutputBuffer, at: number, expiresAtMs: number): number {
  output.words.setFloat64(at, expiresAtMs, true);
  return at + DEADLINE_BYTES;
}

function readFloat64(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < DEADLINE_BYTES; i++) float64Bytes[i] = bytes[at + i]!;
  return float64[0]!;
}
