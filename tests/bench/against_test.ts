/** The verdict on a revision, on figures that are made up. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { againstReport, isSlower } from "../../bench/versus/against.ts";
import { AGAINST_CELLS, nameOf } from "../../bench/versus/cells.ts";
import type { CellResult, Round } from "../../bench/versus/contest.ts";
import { readOptions } from "../../bench/versus/options.ts";
import { checkOut } from "../../bench/versus/work_tree.ts";

function resultOf(ours: readonly number[], theirs: readonly number[]): CellResult {
  const roundOf = (requestsPerSecond: number): Round => ({
    requestsPerSecond,
    p50Ms: 1,
    p99Ms: 2,
    p999Ms: 3,
    maxMs: 4,
    cpuSecondsPerMillion: 10,
    frontCpuSecondsPerMillion: 0,
    residentBytes: 1e6,
  });
  const cell = AGAINST_CELLS.quick[0]!;
  return { cell, peerName: "before", ours: ours.map(roundOf), theirs: theirs.map(roundOf) };
}

Deno.test("a cell is slower when its median and every round are below 0.98 of the other's", () => {
  assert(isSlower(resultOf([97, 96, 95], [100, 100, 100])));
  assert(!isSlower(resultOf([98, 98, 98], [100, 100, 100])), "0.98 is as fast");
  assert(!isSlower(resultOf([90, 90, 99], [100, 100, 100])), "one round was as fast: the spread allows it");
  assert(!isSlower(resultOf([110, 97, 120], [100, 100, 100])));
});

Deno.test("the report says which cells are slower, and how many", () => {
  const report = againstReport([
    resultOf([90, 90, 90], [100, 100, 100]),
    resultOf([90, 90, 99], [100, 100, 100]),
    resultOf([100, 100, 100], [100, 100, 100]),
  ], "main");
  assertStringIncludes(report, "**0.90** (0.90–0.90) | no |");
  assertStringIncludes(report, "**0.90** (0.90–0.99) | within the spread |");
  assertStringIncludes(report, "**1.00** (1.00–1.00) | yes |");
  assertStringIncludes(report, "Slower: 1 of 3.");
});

Deno.test("a revision is measured in no cell twice, and the short form is a part of the whole", () => {
  const names = (cells: typeof AGAINST_CELLS.whole) =>
    cells.map((cell) => `${cell.subject}: ${nameOf(cell)}`);
  const whole = names(AGAINST_CELLS.whole);
  assertEquals(new Set(whole).size, whole.length);
  for (const name of names(AGAINST_CELLS.quick)) assert(whole.includes(name), name);
});

Deno.test("the short form has more and shorter rounds, and both take the filters", () => {
  const quick = readOptions(["--against", "main", "--quick"])!;
  assertEquals([quick.against, quick.isQuick, quick.rounds, quick.secondsPerRound], ["main", true, 5, 0.5]);
  const whole = readOptions(["--against", "main", "--only", "node", "--depth", "1"])!;
  assertEquals([whole.isQuick, whole.rounds, whole.parts], [false, 3, ["node"]]);
});

Deno.test("a revision that git does not know is refused by its name", () => {
  assertThrows(() => checkOut("no-such-revision"), RangeError, 'Cannot check out "no-such-revision"');
});
