/** Arguments as values, for commands off the hot path. */
import { textOf } from "../core/bytes.ts";
import { parseBigInteger, parseInteger } from "../protocol/arguments.ts";
import type { Request } from "../protocol/request.ts";

export const INT64_MAX = 2n ** 63n - 1n;
export const INT64_MIN = -(2n ** 63n);

/**
 * The 64-bit integer in argument `argument`, rounded to a double beyond ±2⁵³, for offsets and counts, of which only
 * the size matters there; NaN when it is none.
 */
export function integerArgument(request: Request, argument: number): number {
  const start = request.starts[argument]!;
  const end = request.ends[argument]!;
  const value = parseInteger(request.bytes, start, end);
  if (!Number.isNaN(value)) return value;
  const wideValue = parseBigInteger(request.bytes, start, end);
  return wideValue === null ? NaN : Number(wideValue);
}

/** Argument `argument` read as UTF-8: for names and error texts, never for keys. */
export function textArgument(request: Request, argument: number): string {
  return textOf(request.bytes, request.starts[argument]!, request.ends[argument]!);
}
