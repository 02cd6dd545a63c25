/** The seed of properties: printed when one fails, and taken. */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { assertProperty, seedOfRun } from "./property.ts";

Deno.test("A property that fails names the seed that makes it fail again", async () => {
  const fails = fc.property(fc.nat(), (value) => value < 1000);
  const { message } = assertThrows(() => assertProperty(fails, { seed: 42 }), Error);
  assertMatch(message, /\nTo meet it again: ROUNDEL_TEST_SEED=42$/);
  await assertRejects(
    () => assertProperty(fc.asyncProperty(fc.nat(), (value) => Promise.resolve(value < 1000))),
    Error,
    "ROUNDEL_TEST_SEED=",
  );
});

Deno.test("Properties of one run meet the same inputs, whichever runs first", () => {
  const met = (): number[] => {
    const values: number[] = [];
    assertProperty(fc.property(fc.nat(), (value) => void values.push(value)));
    return values;
  };
  assertEquals(met(), met());
});

Deno.test("A seed is any 32-bit integer, and nothing else is taken for one", () => {
  assertEquals([seedOfRun("0"), seedOfRun("-17"), seedOfRun("2147483647")], [0, -17, 2 ** 31 - 1]);
  for (const text of ["x", "1.5", "2147483648"]) {
    assertThrows(() => seedOfRun(text), RangeError, `got "${text}"`);
  }
  assert(seedOfRun(undefined) >= 0 && seedOfRun("") >= 0);
});
