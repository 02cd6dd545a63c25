/** Reads arguments as numbers and words, straight from the bytes: no strings on the way. */
import { equalsWord } from "../core/bytes.ts";
import type { Request } from "./request.ts";

const MINUS = 0x2d;
const DIGIT_0 = 0x30;
/** Digits of 2⁵³ − 1, and of 2⁶³. */
const SAFE_DIGITS_MAX = 16;
const BIG_DIGITS_MAX = 19;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const NONE = -1;

/**
 * The integer written in `bytes[start, end)`; NaN when it is none, is beyond ±(2⁵³ − 1), or is not in the one
 * canonical form: `-?[1-9][0-9]*` or `0`. Source: `string2ll` of Redis.
 */
export function parseInteger(bytes: Uint8Array, start: number, end: number): number {
  const first = firstDigit(bytes, start, end, SAFE_DIGITS_MAX);
  if (first === NONE) return NaN;
  let value = 0;
  for (let i = first; i < end; i++) value = value * 10 + (bytes[i]! - DIGIT_0);
  if (value > Number.MAX_SAFE_INTEGER) return NaN;
  return first === start ? value : -value;
}

/** As {@linkcode parseInteger} for all signed integers of 64 bits; `null` when it is none. */
export function parseBigInteger(bytes: Uint8Array, start: number, end: number): bigint | null {
  const first = firstDigit(bytes, start, end, BIG_DIGITS_MAX);
  if (first === NONE) return null;
  let digits = "";
  for (let i = first; i < end; i++) digits += String.fromCharCode(bytes[i]!);
  const value = first === start ? BigInt(digits) : -BigInt(digits);
  return value < INT64_MIN || value > INT64_MAX ? null : value;
}

/** Whether argument `argument` is the word `upper` (given in capitals), in any case. */
export function argumentIs(request: Request, argument: number, upper: string): boolean {
  return equalsWord(request.bytes, request.starts[argument]!, request.ends[argument]!, upper);
}

/** Where the digits of a canonical integer of at most `digitsMax` digits begin; −1 when it is none. */
function firstDigit(bytes: Uint8Array, start: number, end: number, digitsMax: number): number {
  if (start >= end) return NONE;
  const first = bytes[start] === MINUS ? start + 1 : start;
  const count = end - first;
  if (count < 1 || count > digitsMax) return NONE;
  if (bytes[first] === DIGIT_0 && (count > 1 || first > start)) return NONE;
  for (let i = first; i < end; i++) {
    const digit = bytes[i]! - DIGIT_0;
    if (digit < 0 || digit > 9) return NONE;
  }
  return first;
}
