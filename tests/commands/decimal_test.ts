import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { addDecimals, decimalText, parseDecimal } from "../../src/commands/decimal.ts";
import { bytesOfLatin1 } from "../support/latin1.ts";
import { assertProperty } from "../support/property.ts";

/** The number as it would be written back; `infinite` or `invalid`. */
function normal(text: string): string {
  const decimal = parseDecimal(bytesOfLatin1(text));
  return typeof decimal === "string" ? decimal : decimalText(decimal);
}

Deno.test("A decimal is written without exponent, trailing zeros and a sign of zero", () => {
  const cases: [text: string, expected: string][] = [
    ["0", "0"],
    ["-0", "0"],
    ["-0.0e5", "0"],
    ["10", "10"],
    ["1.50", "1.5"],
    ["-1.50", "-1.5"],
    ["+.5", "0.5"],
    ["-.5", "-0.5"],
    ["5.", "5"],
    ["007.10", "7.1"],
    ["5.0e3", "5000"],
    ["12.5E-1", "1.25"],
    ["1e20", "100000000000000000000"],
    ["0.00000000000000001", "0.00000000000000001"],
    ["0.000000000000000005", "0.00000000000000001"],
    ["0.000000000000000004", "0"],
    ["1e-17", "0.00000000000000001"],
    ["1e-400", "0"],
    ["1e-999999999999", "0"],
    ["0e999999999999", "0"],
  ];
  for (const [text, expected] of cases) assertEquals(normal(text), expected, text);
});

Deno.test("A decimal that is no number, or too large for a double, is told apart", () => {
  for (
    const text of ["", ".", "-", "+", "e5", "1e", "1e+", "1 ", " 1", "1x", "--1", "1.2.3", "0x10", "nan"]
  ) {
    assertEquals(normal(text), "invalid", text);
  }
  for (const text of ["inf", "-INF", "+infinity", "1e309", "-1e999999999999", "9".repeat(400)]) {
    assertEquals(normal(text), "infinite", text);
  }
  assertEquals(normal("1".repeat(513)), "invalid");
});

Deno.test("A decimal's sum is exact up to the largest double and infinite beyond", () => {
  const largest = parseDecimal(bytesOfLatin1(String(BigInt(Number.MAX_VALUE))));
  if (typeof largest === "string") throw new Error(largest);
  assertEquals(addDecimals(largest, -largest), 0n);
  assertEquals(addDecimals(largest, 0n), largest);
  assertEquals(addDecimals(largest, 1n), "infinite");
  assertEquals(addDecimals(-largest, -1n), "infinite");
  assertEquals(normal(decimalText(largest)), decimalText(largest));
});

Deno.test("A decimal that was written is read back as it was", () => {
  assertProperty(
    fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), (count) => {
      assertEquals(parseDecimal(bytesOfLatin1(decimalText(count))), count);
    }),
    { numRuns: 500 },
  );
});
