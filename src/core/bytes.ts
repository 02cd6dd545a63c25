/**
 * Byte loops of the hot path. Below {@linkcode COPY_LOOP_BYTES} bytes a plain loop beats
 * `TypedArray.set(subarray)`, which has to make a view first.
 */

const COPY_LOOP_BYTES = 128;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Copies `source[start, end)` to `target` from `at` on. The two may not overlap. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start > COPY_LOOP_BYTES) {
    target.set(source.subarray(start, end), at);
    return;
  }
  for (let i = start; i < end; i++) target[at++] = source[i]!;
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

/** Inverse of {@linkcode latin1Of}. */
export function bytesOfLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
