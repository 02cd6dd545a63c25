/**
 * Decimal fractions for `INCRBYFLOAT`, kept exactly as an integer count of 10⁻¹⁷: Redis writes a sum with 17
 * digits behind the point and without the zeros at its end, and never with an exponent. Redis adds in 80-bit
 * binary, whose rounding shows in those digits (148.3217 + 732.269499 gives 880.59119899999999997 there); exact
 * sums give what Redis gives wherever its rounding does not show, and the true sum elsewhere.
 *
 *     number := sign? (digits ("." digits?)? | "." digits) (("e" | "E") sign? digits)?
 */
import { latin1Of } from "../core/bytes.ts";

/** Longest text of a number: a double in full, with its fraction, is shorter. */
export const DECIMAL_BYTES_MAX = 512;
const FRACTION_DIGITS = 17;
/** A number of DECIMAL_BYTES_MAX digits times ten to a lower power than this rounds to 0. */
const EXPONENT_MIN = -(FRACTION_DIGITS + DECIMAL_BYTES_MAX);
const NUMBER = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/;
const INFINITE = /^[+-]?inf(inity)?$/i;
/** The largest double: beyond it a sum counts as infinite. */
const COUNT_MAX = BigInt(Number.MAX_VALUE) * 10n ** BigInt(FRACTION_DIGITS);

export type Decimal = bigint | "infinite" | "invalid";

/**
 * The number in `bytes[start, end)` as a count of 10⁻¹⁷, rounded to the nearest; `infinite` also when it is too
 * large to be a double.
 */
export function parseDecimal(bytes: Uint8Array, start = 0, end = bytes.length): Decimal {
  if (end - start > DECIMAL_BYTES_MAX) return "invalid";
  const text = latin1Of(bytes, start, end);
  if (INFINITE.test(text)) return "infinite";
  const parts = NUMBER.exec(text);
  if (parts === null) return "invalid";
  const fraction = parts[3]!;
  const digits = parts[2]! + fraction;
  if (digits === "") return "invalid";
  if (!Number.isFinite(Number(text))) return "infinite";
  const exponent = Number(parts[4] ?? "0");
  const count = BigInt(digits);
  if (count === 0n || exponent < EXPONENT_MIN) return 0n;
  // Being a finite double and not 0, it bounds the exponent from above as well: no power here is huge.
  const power = exponent - fraction.length + FRACTION_DIGITS;
  const scaled = power >= 0 ? count * 10n ** BigInt(power) : divideRounding(count, 10n ** BigInt(-power));
  return parts[1] === "-" ? -scaled : scaled;
}

/** The exact sum; `infinite` when it is too large to be a double. */
export function addDecimals(a: bigint, b: bigint): bigint | "infinite" {
  const sum = a + b;
  return sum > COUNT_MAX || sum < -COUNT_MAX ? "infinite" : sum;
}

/** A count of 10⁻¹⁷ as Redis writes it. */
export function decimalText(count: bigint): string {
  const digits = (count < 0n ? -count : count).toString().padStart(FRACTION_DIGITS + 1, "0");
  const whole = digits.slice(0, -FRACTION_DIGITS);
  const fraction = digits.slice(-FRACTION_DIGITS).replace(/0+$/, "");
  return (count < 0n ? "-" : "") + whole + (fraction === "" ? "" : `.${fraction}`);
}

function divideRounding(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor / 2n) / divisor;
}
