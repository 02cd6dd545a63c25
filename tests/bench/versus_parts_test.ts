/** The reports on many keys and on dumps, on figures that are made up. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { PRESETS } from "../../bench/versus/cells.ts";
import { dumpReport } from "../../bench/versus/dump.ts";
import { loopsReport } from "../../bench/versus/loops.ts";
import { mixedReport } from "../../bench/versus/mixed.ts";
import { readOptions } from "../../bench/versus/options.ts";
import { scaleReport } from "../../bench/versus/scale.ts";

const stretch = (p999Ms: number) => ({ p50Ms: 0.1, p99Ms: 0.5, p999Ms });

/** Whether every row of each table has as many fields as its header. */
function isRectangular(report: string): boolean {
  const widths = report.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.split("|").length
  );
  return new Set(widths).size === 1;
}

Deno.test("Many keys over few is told round by round, with whether the goal was reached", () => {
  const report = scaleReport([{
    cell: PRESETS.quick[0]!,
    ours: { few: [100_000, 200_000, 100_000], many: [90_000, 160_000, 90_000] },
    theirs: { few: [100_000], many: [50_000] },
  }]);
  assertStringIncludes(report, "**0.90** (0.80–0.90) | ≥ 0.85 ✓");
  assertStringIncludes(report, "**0.50** (0.50–0.50)");
  assertEquals(isRectangular(report), true);
});

Deno.test("A dump's price is the last thousandth with it over that without, and only ours has a goal", () => {
  const report = dumpReport([
    { name: "ours", quiet: [stretch(1), stretch(2)], dumping: [stretch(2), stretch(4)], dumpCounts: [5, 5] },
    { name: "theirs", quiet: [stretch(1)], dumping: [stretch(9)], dumpCounts: [2] },
  ]);
  assertStringIncludes(report, "**2.00** (2.00–2.00) | ≤ 1.5 ✗ | 5 |");
  assertStringIncludes(report, "**9.00** (9.00–9.00) |  | 2 |");
  assertEquals(isRectangular(report), true);
});

const run = (requestsPerSecond: number, p99Ms: number) => ({
  requestsPerSecond,
  p50Ms: 1,
  p99Ms,
  p999Ms: 2 * p99Ms,
  maxMs: 3 * p99Ms,
  cpuSecondsPerMillion: 10,
});

Deno.test("Readers beside writers are compared by their rate and by what one in a hundred waits", () => {
  const report = mixedReport([{
    name: "ours ÷ theirs",
    ours: [run(30_000, 2), run(30_000, 2)],
    theirs: [run(10_000, 5), run(20_000, 5)],
  }]);
  assertStringIncludes(report, "**2.25** (1.50–3.00) | ≥ 2 ✓");
  assertStringIncludes(report, "| 0.40 | ≤ 0.5 ✓ |");
  assertEquals(isRectangular(report), true);
});

Deno.test("A loop's rounds that starved some are counted", () => {
  const report = loopsReport([
    { name: "plain", connections: 5_000, rounds: [run(30_000, 200), run(30_000, 3_000), run(30_000, 1_100)] },
    { name: "turns", connections: 5_000, rounds: [run(30_000, 200)] },
  ]);
  assertStringIncludes(report, "| **1100.0** (200.0–3000.0) | 3300 | 2 of 3 |");
  assertStringIncludes(report, "0 of 1");
  assertEquals(isRectangular(report), true);
});

Deno.test("Parts beside the cells can be asked for, and belong to the targets", () => {
  assertEquals(readOptions(["--only", "scale", "--only", "dump"])!.parts, ["scale", "dump"]);
  for (const part of ["scale", "dump", "loops", "mixed", "hop"] as const) {
    assertEquals(readOptions(["--targets"])!.parts.includes(part), true);
  }
});
