/**
 * The grammar of a log's frame: records under one checksum, since one for each would cost more than all the rest of
 * a record. All numbers are little-endian.
 *
 *     frame := checksum u32 · length u32 · position u64 · synced u64 · flags u8 · record*
 *
 * - `checksum` is the CRC-32 of everything behind it, from `length` to the last record's last byte, begun with the salt
 *   of the segment: a random number that no client gets to see. So no client can send a value with bytes in it that
 *   recovery would take for a frame.
 * - `length` counts the bytes behind itself (position to the last record), so a frame takes 8 + `length` bytes.
 * - `position` is where the frame begins in the log: the bytes of all frames before it. A frame anywhere else is none.
 * - `synced`: everything before that log position was on the disk when the frame was sealed. So recovery can tell what
 *   a loss of power has torn, in whatever order the pages got to the disk, from damage to what was safe.
 * - `flags`: 1 = the next frame goes on with the same request. The records of a request apply all or none.
 *
 * A frame has whole requests of one or more clients. It ends with the request with which it exceeds
 * `LOG_FRAME_BYTES`, or earlier where no more are waiting; one request that is longer goes on in the next frame. A frame
 * without records says only what is synced.
 */
import { readU32 } from "../core/bytes.ts";
import { crc32 } from "../core/checksum.ts";
import { LOG_FRAME_BYTES_MAX, LOG_FRAME_HEADER_BYTES } from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";

/** {@linkcode decodeFrame}: the bytes end before the frame does. */
export const FRAME_INCOMPLETE = -1;
/** {@linkcode decodeFrame}: whatever follows, this is no frame. */
export const FRAME_BAD = -2;

const LENGTH_AT = 4;
/** What precedes the bytes that `length` counts. */
const PREFIX_BYTES = 8;
const POSITION_AT = 8;
const SYNCED_AT = 16;
const FLAGS_AT = 24;
/** Flag: the next frame goes on with the same request. */
const MORE = 1;
const U32_RANGE = 0x1_0000_0000;
/** Positions stay exact in a double. */
const U64_HIGH_MAX = 0x1f_ffff;

/** A decoded frame's header. Filled again for each frame of a segment. */
export class FrameView {
  /** The segment's. */
  readonly salt: number;
  position = 0;
  synced = 0;
  /** Whether the next frame goes on with the same request. */
  more = false;

  constructor(salt: number) {
    this.salt = salt;
  }
}

/** Opens a frame at the end of `output`, at log position `position`, for the records that follow it. */
export function openFrame(output: OutputBuffer, position: number): void {
  output.u32(0);
  output.u32(0);
  output.u64(position);
  output.u64(0);
  output.byte(0);
}

/** Seals the frame that begins at `start` and reaches to the end of `output`; its checksum comes with its segment. */
export function sealFrame(output: OutputBuffer, start: number, synced: number, more: boolean): void {
  const { bytes, words, length } = output;
  words.setUint32(start + LENGTH_AT, length - start - PREFIX_BYTES, true);
  words.setUint32(start + SYNCED_AT, synced % U32_RANGE, true);
  words.setUint32(start + SYNCED_AT + 4, Math.floor(synced / U32_RANGE), true);
  bytes[start + FLAGS_AT] = more ? MORE : 0;
}

/** Gives the sealed frames of `bytes[start, end)` their checksums: they go to a segment with `salt`. */
export function checksumFrames(bytes: Uint8Array, start: number, end: number, salt: number): void {
  for (let at = start; at < end;) {
    const next = endOfFrame(bytes, at);
    writeU32(bytes, at, crc32(bytes, at + LENGTH_AT, next, salt));
    at = next;
  }
}

/** End of the frame that begins at `start`, which is known to be whole and valid. */
export function endOfFrame(bytes: Uint8Array, start: number): number {
  return start + PREFIX_BYTES + readU32(bytes, start + LENGTH_AT);
}

/**
 * Decodes the frame at log position `position`, which begins at `bytes[start]` and of which what arrived ends at `end`.
 * Returns the offset behind it, {@linkcode FRAME_INCOMPLETE} or {@linkcode FRAME_BAD}; the view holds nothing useful
 * after the last two. Its records are what lies between its header and its end, unchecked but for the checksum.
 */
export function decodeFrame(
  view: FrameView,
  position: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const frameEnd = peekFrame(bytes, start, end);
  if (frameEnd < 0) return frameEnd;
  view.position = readU64(bytes, start + POSITION_AT);
  view.synced = readU64(bytes, start + SYNCED_AT);
  const flags = bytes[start + FLAGS_AT]!;
  view.more = flags === MORE;
  if (view.position !== position || flags > MORE || !(view.synced <= position)) return FRAME_BAD;
  return crc32(bytes, start + LENGTH_AT, frameEnd, view.salt) === readU32(bytes, start)
    ? frameEnd
    : FRAME_BAD;
}

/** As {@linkcode decodeFrame}, but judged by nothing but the length. */
export function peekFrame(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < PREFIX_BYTES) return FRAME_INCOMPLETE;
  const length = readU32(bytes, start + LENGTH_AT);
  if (length < LOG_FRAME_HEADER_BYTES - PREFIX_BYTES || length > LOG_FRAME_BYTES_MAX - PREFIX_BYTES) {
    return FRAME_BAD;
  }
  const frameEnd = start + PREFIX_BYTES + length;
  return frameEnd <= end ? frameEnd : FRAME_INCOMPLETE;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** `NaN` when it is not exact in a double. */
function readU64(bytes: Uint8Array, at: number): number {
  const high = readU32(bytes, at + 4);
  return high <= U64_HIGH_MAX ? high * U32_RANGE + readU32(bytes, at) : NaN;
}
