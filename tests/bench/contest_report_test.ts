/** The report of a contest, on figures that are made up. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Cell, PRESETS } from "../../bench/versus/cells.ts";
import type { CellResult, Round } from "../../bench/versus/contest.ts";
import { contestReport } from "../../bench/versus/report.ts";

function roundWith(figures: Partial<Round>): Round {
  return {
    requestsPerSecond: 100_000,
    p50Ms: 1,
    p99Ms: 2,
    p999Ms: 3,
    maxMs: 4,
    cpuSecondsPerMillion: 10,
    frontCpuSecondsPerMillion: 0,
    residentBytes: 1e6,
    ...figures,
  };
}

function resultOf(subject: Cell["subject"], ours: Partial<Round>, theirs: Partial<Round>): CellResult {
  const cell = PRESETS.quick.find((one) => one.subject === subject)!;
  return { cell, peerName: "peer", ours: [roundWith(ours)], theirs: [roundWith(theirs)] };
}

Deno.test("The CPU time of a cluster is told by hop, the front and then the stores", () => {
  const report = contestReport([
    resultOf(
      "cluster",
      { cpuSecondsPerMillion: 12, frontCpuSecondsPerMillion: 7 },
      { cpuSecondsPerMillion: 9, frontCpuSecondsPerMillion: 4 },
    ),
  ]);
  assertStringIncludes(report, "CPU s per million, front + stores");
  assertStringIncludes(report, "| 7.00 + 5.00 / 4.00 + 5.00 |");
});

Deno.test("The CPU time of a node is one figure, and every row has a field for each column", () => {
  const report = contestReport([resultOf("node", { cpuSecondsPerMillion: 12 }, {})]);
  assertStringIncludes(report, "| 12.00 / 10.00 |");
  assert(!report.includes("front"));
  const widths = report.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.split("|").length
  );
  assertEquals(new Set(widths).size, 1);
});

Deno.test("Every goal of a cell is told with whether it was reached", () => {
  const cellOf = (connections: number, subject: Cell["subject"]) =>
    PRESETS.targets.find((cell) => cell.connections === connections && cell.subject === subject)!;
  const one = (cell: Cell, ours: Partial<Round>, theirs: Partial<Round>) =>
    contestReport([{ cell, peerName: "peer", ours: [roundWith(ours)], theirs: [roundWith(theirs)] }]);
  const crowd = one(cellOf(10_000, "node"), { p99Ms: 4, maxMs: 999 }, { p99Ms: 2 });
  assertStringIncludes(crowd, "≥ 0.95 ✓, p99 ≤ 1.5 × ✗, longest ≤ 1000 ms ✓");
  const hop = one(cellOf(1, "hop"), { requestsPerSecond: 4_000 }, { requestsPerSecond: 5_000 });
  assertStringIncludes(hop, "+0.050 ms ≤ 0.08 ms ✓");
});
