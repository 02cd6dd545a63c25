/** The report of a run, as Markdown. */
import { type Cell, goalOf, nameOf, type Subject } from "./cells.ts";
import type { CellResult, Round } from "./contest.ts";
import { medianOf, type Spread, spreadOf } from "./statistics.ts";

/** A row of figures that are compared with a goal. */
export interface Verdict {
  readonly goal: string;
  readonly isReached: boolean;
}

const TITLES: Readonly<Record<Subject, string>> = {
  node: "One node ÷ redis-server",
  cluster: "Balancer and two nodes ÷ twemproxy and two redis-servers",
  hop: "What a request takes through a balancer and two nodes, over one node",
  runtime: "One node ÷ a bare Deno.listen loop that answers PING",
};

/** Requests per second of ours over theirs, round by round. */
export function ratiosOf({ ours, theirs }: CellResult): Spread {
  return spreadOf(ours.map(({ requestsPerSecond }, i) => requestsPerSecond / theirs[i]!.requestsPerSecond));
}

/** A table of `rows` under `header`; all columns but the first are figures. */
export function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, header.map((_, column) => column === 0 ? "---" : "---:"), ...rows];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

/** The sections of all subjects that were measured. */
export function contestReport(results: readonly CellResult[]): string {
  const subjects = [...new Set(results.map(({ cell }) => cell.subject))];
  return subjects.map((subject) => {
    const mine = results.filter(({ cell }) => cell.subject === subject);
    return [`## ${TITLES[subject]}`, tableOf(headerOf(subject), mine.map(rowOf))].join("\n\n");
  }).join("\n\n");
}

const HEADER_OF_FIGURES = [
  "ours / theirs",
  "requests/s",
  "ratio (min–max)",
  "goal",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "longest ms",
];

function headerOf(subject: Subject): string[] {
  const hops = subject === "cluster" || subject === "hop" ? ", front + stores" : "";
  return [...HEADER_OF_FIGURES, `CPU s per million${hops}`, "resident MB"];
}

function rowOf(result: CellResult): string[] {
  const { cell } = result;
  const bothTexts = (textOf: (rounds: readonly Round[]) => string) =>
    `${textOf(result.ours)} / ${textOf(result.theirs)}`;
  const both = (figure: (round: Round) => number, format: (value: number) => string) =>
    bothTexts((rounds) => format(medianOf(rounds.map(figure))));
  const { median, min, max } = ratiosOf(result);
  return [
    nameOf(cell),
    both(({ requestsPerSecond }) => requestsPerSecond, thousandsText),
    `**${median.toFixed(2)}** (${min.toFixed(2)}–${max.toFixed(2)})`,
    goalText(cell, result),
    both(({ p50Ms }) => p50Ms, millisecondsText),
    both(({ p99Ms }) => p99Ms, millisecondsText),
    both(({ p999Ms }) => p999Ms, millisecondsText),
    both(({ maxMs }) => maxMs, (value) => value.toFixed(0)),
    bothTexts((rounds) => cpuText(cell.subject, rounds)),
    both(({ residentBytes }) => residentBytes, megabytesText),
  ];
}

/** What a million requests cost: in a cluster the hop in front and that behind it apart, as more machines share them. */
function cpuText(subject: Subject, rounds: readonly Round[]): string {
  const median = (figure: (round: Round) => number) => medianOf(rounds.map(figure)).toFixed(2);
  if (subject !== "cluster" && subject !== "hop") {
    return median(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion);
  }
  const front = median(({ frontCpuSecondsPerMillion }) => frontCpuSecondsPerMillion);
  const stores = median((round) => round.cpuSecondsPerMillion - round.frontCpuSecondsPerMillion);
  return `${front} + ${stores}`;
}

/** What was to be reached, and whether it was; the ratio counts as it is printed. */
function goalText(cell: Cell, result: CellResult): string {
  const goal = goalOf(cell);
  if (goal === undefined) return "";
  const medians = (figure: (round: Round) => number) =>
    [result.ours, result.theirs].map((rounds) => medianOf(rounds.map(figure)));
  const verdicts: Verdict[] = [];
  const { ratioMin, p99RatioMax, longestMsMax, addedMsMax } = goal;
  if (ratioMin !== undefined) {
    const isReached = Number(ratiosOf(result).median.toFixed(2)) >= ratioMin;
    verdicts.push({ goal: `≥ ${ratioMin === 0.95 ? "0.95" : ratioMin.toFixed(1)}`, isReached });
  }
  if (p99RatioMax !== undefined) {
    const [ours, theirs] = medians(({ p99Ms }) => p99Ms);
    verdicts.push({ goal: `p99 ≤ ${p99RatioMax} ×`, isReached: ours! <= p99RatioMax * theirs! });
  }
  if (longestMsMax !== undefined) {
    const [ours] = medians(({ maxMs }) => maxMs);
    verdicts.push({ goal: `longest ≤ ${longestMsMax} ms`, isReached: ours! <= longestMsMax });
  }
  if (addedMsMax !== undefined) {
    // With one connection, a request takes the time from one to the next.
    const [ours, theirs] = medians(({ requestsPerSecond }) => 1000 / requestsPerSecond);
    const addedMs = ours! - theirs!;
    verdicts.push({
      goal: `+${addedMs.toFixed(3)} ms ≤ ${addedMsMax} ms`,
      isReached: addedMs <= addedMsMax,
    });
  }
  return verdicts.map(verdictText).join(", ");
}

export function verdictText({ goal, isReached }: Verdict): string {
  return `${goal} ${isReached ? "✓" : "✗"}`;
}

export function thousandsText(value: number): string {
  return `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} k`;
}

export function millisecondsText(value: number): string {
  return value.toFixed(2);
}

export function megabytesText(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

/** What the figures were measured on and how. */
export function preamble(
  { rounds, missing, command }: { rounds: number; missing: readonly string[]; command: string },
): string {
  const system =
    `${Deno.build.os} ${Deno.osRelease()}, ${navigator.hardwareConcurrency} cores, Deno ${Deno.version.deno}`;
  return [
    "# Roundel and others, with equal durability",
    `Made by \`${command}\` on ${new Date().toISOString().slice(0, 10)}; ${system}.`,
    `Everything, load generators included, ran on this one machine over the loopback. Medians of ${rounds} rounds ` +
    "that go to both in turn; the ratio is requests/s of ours over theirs in the same round. If not said otherwise: " +
    "50 connections, 64-byte values, 100,000 keys, writes synced every second, load by redis-benchmark. CPU time is " +
    "that of all processes that serve. Zipfian cells are driven by our own generator, whose own cost narrows the ratio.",
    ...(missing.length === 0 ? [] : [`Not installed, hence not measured: ${missing.join(", ")}.`]),
  ].join("\n\n");
}
