import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { bytesOf } from "../../src/core/bytes.ts";
import { argumentIs, parseBigInteger, parseInteger } from "../../src/protocol/arguments.ts";
import { RequestDecoder } from "../../src/protocol/request_decoder.ts";
import { encoded } from "./support.ts";
import { assertProperty } from "../support/property.ts";

const NOT_CANONICAL = [
  "",
  "-",
  "+1",
  "-0",
  "00",
  "01",
  "-01",
  " 1",
  "1 ",
  "1.0",
  "1e3",
  "0x1",
  "abc",
  "1a",
  "--1",
  "١",
];

function integerIn(text: string): number {
  const bytes = bytesOf(`7${text}7`);
  return parseInteger(bytes, 1, bytes.length - 1);
}

function bigIntegerIn(text: string): bigint | null {
  const bytes = bytesOf(`7${text}7`);
  return parseBigInteger(bytes, 1, bytes.length - 1);
}

Deno.test("parseInteger reads every safe integer", () => {
  assertProperty(fc.property(fc.maxSafeInteger(), (value) => assertEquals(integerIn(String(value)), value)), {
    numRuns: 500,
  });
  for (const value of [0, 1, -1, 9, 10, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    assertEquals(integerIn(String(value)), value);
  }
});

Deno.test("parseInteger refuses what is not canonical or not exact", () => {
  for (
    const text of [
      ...NOT_CANONICAL,
      "9007199254740992",
      "-9007199254740992",
      "9999999999999999",
      "1".repeat(17),
    ]
  ) {
    assertEquals(integerIn(text), NaN, text);
  }
});

Deno.test("parseBigInteger reads every signed integer of 64 bits", () => {
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  assertProperty(fc.property(int64, (value) => assertEquals(bigIntegerIn(String(value)), value)), {
    numRuns: 500,
  });
  for (const value of [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    assertEquals(bigIntegerIn(String(value)), value);
  }
});

Deno.test("parseBigInteger refuses what is not canonical or beyond 64 bits", () => {
  for (const text of [...NOT_CANONICAL, "9223372036854775808", "-9223372036854775809", "1".repeat(20)]) {
    assertEquals(bigIntegerIn(text), null, text);
  }
});

Deno.test("argumentIs compares a word in any case", () => {
  const decoder = new RequestDecoder();
  const bytes = encoded("SET", "k", "v", "pX");
  decoder.decode(bytes, 0, bytes.length);
  assertEquals(argumentIs(decoder, 3, "PX"), true);
  assertEquals(argumentIs(decoder, 3, "P"), false);
  assertEquals(argumentIs(decoder, 3, "PXX"), false);
  assertEquals(argumentIs(decoder, 1, "PX"), false);
});
