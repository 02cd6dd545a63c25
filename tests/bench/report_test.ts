import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Bound, failuresOf, tableOf } from "../../bench/check/report.ts";

const BOUNDS: readonly Bound[] = [
  { name: "calls: reads", unit: "per request", max: 2, reason: "one, and one that finds nothing" },
  { name: "memory: entry", unit: "bytes", max: 150, reason: "the goal" },
];

Deno.test("Numbers at their bound are no failure", () => {
  assertEquals(
    failuresOf(BOUNDS, new Map([["calls: reads", 2], ["memory: entry", 150]]), ["calls", "memory"]),
    [],
  );
});

Deno.test("A number over its bound is named with both", () => {
  const failures = failuresOf(BOUNDS, new Map([["calls: reads", 2.125]]), ["calls"]);
  assertEquals(failures, ["calls: reads: measured 2.13 per request, the bound is 2"]);
});

Deno.test("A bound of a part that ran must have been measured", () => {
  assertEquals(failuresOf(BOUNDS, new Map(), ["memory"]), ["memory: entry: was not measured"]);
  assertEquals(failuresOf(BOUNDS, new Map([["memory: entry", NaN]]), ["memory"]), [
    "memory: entry: was not measured",
  ]);
});

Deno.test("A number without a bound is a failure", () => {
  assertEquals(failuresOf(BOUNDS, new Map([["calls: pipes", 1]]), []), [
    "calls: pipes: measured 1, and has no bound",
  ]);
});

Deno.test("The table marks what is over, and leaves out what did not run", () => {
  const table = tableOf(BOUNDS, new Map([["calls: reads", 3]]));
  assertStringIncludes(table, "| calls: reads | 3 **over** | 2 | per request |");
  assertEquals(table.includes("memory"), false);
});
