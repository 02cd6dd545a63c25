import { assertEquals, assertThrows } from "@std/assert";
import { medianOf, spreadOf } from "../../bench/versus/statistics.ts";

Deno.test("The median of an odd count is the middle value, by size and not by text", () => {
  assertEquals(medianOf([100, 9, 20]), 20);
});

Deno.test("The median of an even count is the mean of the two in the middle", () => {
  assertEquals(medianOf([4, 1, 3, 2]), 2.5);
});

Deno.test("The median leaves its input as it was", () => {
  const values = [3, 1, 2];
  medianOf(values);
  assertEquals(values, [3, 1, 2]);
});

Deno.test("A spread goes from the least to the greatest, and one value is all three", () => {
  assertEquals(spreadOf([1.2, 0.9, 1.1]), { median: 1.1, min: 0.9, max: 1.2 });
  assertEquals(spreadOf([2]), { median: 2, min: 2, max: 2 });
});

Deno.test("There is no median of nothing", () => {
  assertThrows(() => medianOf([]), RangeError, "no values");
});
