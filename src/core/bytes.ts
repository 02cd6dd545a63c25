/**
 * Byte loops of the hot path. A machine word at a time is three times as quick as a byte at a time (64 bytes in 12 ns
 * against 36), but only a `DataView` reads words that are not aligned. Making one takes longer than it saves, so who
 * keeps bytes for long keeps their view, too, and of passing ones {@linkcode ViewOfLast} remembers the last. From
 * {@linkcode SET_BYTES_MIN} bytes on `TypedArray.set(subarray)` is as good.
 */
import { MIB } from "./limits.ts";

/** Shorter copies are done byte by byte. */
export const WORDS_BYTES_MIN = 16;
/** Longer copies are left to `TypedArray.set`, which has to make a view first. */
export const SET_BYTES_MIN = 192;
/** Arrays beyond this are not kept for their view. */
const KEPT_BYTES_MAX = 4 * MIB;
const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The `DataView` of the array that was asked for last: requests and replies come in batches that lie in one array.
 * Keeps no array alive that is larger than {@linkcode KEPT_BYTES_MAX}.
 */
export class ViewOfLast {
  #bytes: Uint8Array = NO_BYTES;
  #view: DataView = viewOf(NO_BYTES);

  /** Over the very bytes of `bytes`. */
  of(bytes: Uint8Array): DataView {
    if (bytes === this.#bytes) return this.#view;
    const view = viewOf(bytes);
    if (bytes.length <= KEPT_BYTES_MAX) {
      this.#bytes = bytes;
      this.#view = view;
    }
    return view;
  }
}

/** Over the very bytes of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Where copies and comparisons of this module come from, and where copies go. */
export const lastSource = new ViewOfLast();
export const lastTarget = new ViewOfLast();

/** Copies `source[start, end)` to `target` from `at` on. The two may not overlap. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const length = end - start;
  if (length >= SET_BYTES_MIN) target.set(source.subarray(start, end), at);
  else if (length >= WORDS_BYTES_MIN) copyWords(lastTarget.of(target), at, lastSource.of(source), start, end);
  else copyShort(target, at, source, start, end);
}

/** As {@linkcode copyBytes}, byte by byte. */
export function copyShort(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  for (let i = start; i < end; i++) target[at++] = source[i]!;
}

/** As {@linkcode copyBytes}, between the bytes that two views stand for. */
export function copyWords(target: DataView, at: number, source: DataView, start: number, end: number): void {
  let i = start;
  for (const last = end - 15; i < last; i += 16, at += 16) {
    target.setInt32(at, source.getInt32(i, true), true);
    target.setInt32(at + 4, source.getInt32(i + 4, true), true);
    target.setInt32(at + 8, source.getInt32(i + 8, true), true);
    target.setInt32(at + 12, source.getInt32(i + 12, true), true);
  }
  for (const last = end - 3; i < last; i += 4, at += 4) target.setInt32(at, source.getInt32(i, true), true);
  for (; i < end; i++, at++) target.setUint8(at, source.getUint8(i));
}

/** Whether `a[aStart, aEnd)` and `b[bStart, …)` hold the same bytes, given as views. */
export function equalWords(a: DataView, aStart: number, aEnd: number, b: DataView, bStart: number): boolean {
  let i = aStart;
  let j = bStart;
  for (const last = aEnd - 3; i < last; i += 4, j += 4) {
    if (a.getInt32(i, true) !== b.getInt32(j, true)) return false;
  }
  for (; i < aEnd; i++, j++) if (a.getUint8(i) !== b.getUint8(j)) return false;
  return true;
}

/** Whether `a[aStart, aEnd)` and `b[bStart, …)` hold the same bytes. */
export function equalBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
): boolean {
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a[i] !== b[j]) return false;
  return true;
}

/** The u32 at `bytes[at]`, little-endian. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Whether `bytes[start, end)` is the ASCII word `upper` (given in upper case), in any case. */
export function equalsWord(bytes: Uint8Array, start: number, end: number, upper: string): boolean {
  if (end - start !== upper.length) return false;
  for (let i = 0; i < upper.length; i++) {
    let byte = bytes[start + i]!;
    if (byte >= 0x61 && byte <= 0x7a) byte -= 0x20;
    if (byte !== upper.charCodeAt(i)) return false;
  }
  return true;
}

/** UTF-8 bytes of `text`. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

/** `bytes[start, end)` read as UTF-8; what is not UTF-8 shows as U+FFFD. For people, never for keys. */
export function textOf(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return decoder.decode(bytes.subarray(start, end));
}

/** `bytes[start, end)`, a character for each byte: exact for any bytes, fit to be a `Map` key. */
export function latin1Of(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** The least multiple of `unit` that is not less than `count`. */
export function roundUp(count: number, unit: number): number {
  return Math.ceil(count / unit) * unit;
}
