/**
 * This tree against another revision of it: both run all the while, with rounds that go to them in turn, so that what
 * else the machine does hits both alike.
 *
 * The verdict of a cell: it is slower when the median of its rates is below 0.98 of the other's **and** so is the ratio
 * of every single round. A round's ratio at or above 0.98 means that the spread of the rounds reaches up to "as fast",
 * and nothing can be said. A cell that looks slower is given as many rounds again, which count together with the first.
 * CPU time per request, of the processes that serve, stands beside the rate: on a machine that does other things, too,
 * it is the steadier one, and tells whether a rate fell for more work or for less of a share.
 */
import { AGAINST_CELLS, nameOf, stagesOf, type Subject } from "./cells.ts";
import { type CellResult, type Contestants, type Round, runStage } from "./contest.ts";
import type { VersusOptions } from "./options.ts";
import { startCluster, startNode } from "./peers.ts";
import type { Processes } from "./processes.ts";
import { millisecondsText, ratiosOf, tableOf, thousandsText } from "./report.ts";
import { medianOf } from "./statistics.ts";
import type { WorkTree } from "./work_tree.ts";

export const RATIO_MIN = 0.98;
const STARTS = { node: startNode, cluster: startCluster };

export interface AgainstOptions
  extends Pick<VersusOptions, "isQuick" | "rounds" | "secondsPerRound" | "wants"> {
  /** Which of node and cluster. */
  readonly subjects: readonly Subject[];
  progress(line: string): void;
}

export async function measureAgainst(
  processes: Processes,
  tree: WorkTree,
  options: AgainstOptions,
): Promise<CellResult[]> {
  const cells = AGAINST_CELLS[options.isQuick ? "quick" : "whole"]
    .filter((cell) => options.subjects.includes(cell.subject) && options.wants(cell));
  const results: CellResult[] = [];
  for (const stage of stagesOf(cells)) {
    const start = STARTS[stage[0]!.subject === "cluster" ? "cluster" : "node"];
    const contestants: Contestants = [
      start,
      async (processes, peerOptions) => ({
        ...await start(processes, { ...peerOptions, root: tree.root }),
        name: tree.name,
      }),
    ];
    results.push(...await runStage(processes, stage, { ...options, contestants, isUnclear: isSlower }));
  }
  return results;
}

/** Requests per second of ours over theirs, the medians of all rounds. */
function ratioOfMedians({ ours, theirs }: CellResult): number {
  const [mine, other] = [ours, theirs].map((rounds) =>
    medianOf(rounds.map(({ requestsPerSecond }) => requestsPerSecond))
  );
  return mine! / other!;
}

/** See the head of this file. */
export function isSlower(result: CellResult): boolean {
  return ratioOfMedians(result) < RATIO_MIN && ratiosOf(result).max < RATIO_MIN;
}

export function againstReport(results: readonly CellResult[], revision: string): string {
  const header = [
    "this / other",
    "requests/s",
    "ratio of medians (rounds)",
    `≥ ${RATIO_MIN}`,
    "CPU µs a request",
    "ratio",
    "p50 ms",
    "p99 ms",
  ];
  const slower = results.filter(isSlower).length;
  return [
    `# This tree against ${revision}`,
    `Requests per second of this tree over those of ${revision}, rounds in turn. A cell is slower ("no") when the ratio ` +
    `of the medians is below ${RATIO_MIN}, and that of every round, too. CPU time is that of all processes that serve.`,
    tableOf(header, results.map(rowOf)),
    slower === 0 ? "Nothing is slower." : `Slower: ${slower} of ${results.length}.`,
  ].join("\n\n");
}

function rowOf(result: CellResult): string[] {
  const medians = (figure: (round: Round) => number) =>
    [result.ours, result.theirs].map((rounds) => medianOf(rounds.map(figure)));
  const both = (figure: (round: Round) => number, format: (value: number) => string) =>
    medians(figure).map(format).join(" / ");
  const { min, max } = ratiosOf(result);
  const ratio = ratioOfMedians(result);
  const [ourCpu, theirCpu] = medians(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion);
  return [
    `${result.cell.subject}: ${nameOf(result.cell)}`,
    both(({ requestsPerSecond }) => requestsPerSecond, thousandsText),
    `**${ratio.toFixed(2)}** (${min.toFixed(2)}–${max.toFixed(2)})`,
    isSlower(result) ? "no" : ratio < RATIO_MIN ? "within the spread" : "yes",
    both(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion, (value) => value.toFixed(2)),
    (ourCpu! / theirCpu!).toFixed(2),
    both(({ p50Ms }) => p50Ms, millisecondsText),
    both(({ p99Ms }) => p99Ms, millisecondsText),
  ];
}
