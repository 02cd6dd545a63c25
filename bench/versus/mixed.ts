/**
 * Readers beside writers, all with `always`: what those who only read have to wait for the syncs of those who write.
 * All four servers run all the while, and rounds go to them in turn.
 */
import { PRESETS } from "./cells.ts";
import { fillFor, memoryFor } from "./contest.ts";
import { type Peer, startCluster, startNode, startRedis, startTwemproxy } from "./peers.ts";
import type { Processes } from "./processes.ts";
import { type BenchmarkRun, runRedisBenchmark } from "./redis_benchmark.ts";
import { millisecondsText, tableOf, thousandsText, verdictText } from "./report.ts";
import { medianOf, spreadOf } from "./statistics.ts";

export interface MixedOptions {
  readonly rounds: number;
  readonly secondsPerRound: number;
  /** Whether twemproxy is there. */
  readonly hasTwemproxy: boolean;
  progress(line: string): void;
}

export interface MixedResult {
  readonly name: string;
  /** One each per round, in the order they ran; only the GETs. */
  readonly ours: readonly BenchmarkRun[];
  readonly theirs: readonly BenchmarkRun[];
}

const READERS = 50;
const WRITERS = 8;
const KEYS = 100_000;
const VALUE_BYTES = 64;
const PILOT_REQUESTS = 20_000;
/** More than are ever sent while the readers read. */
const WRITES_MAX = 1_000_000_000;
const RATIO_MIN = 2;
const P99_RATIO_MAX = 0.5;
const CELL = { ...PRESETS.quick[0]!, fsync: "always" as const };

export async function measureMixed(processes: Processes, options: MixedOptions): Promise<MixedResult[]> {
  const settings = { fsync: CELL.fsync, maxMemoryBytes: memoryFor(CELL) };
  const startAll = async (starts: readonly (typeof startNode)[]) => {
    const peers: Peer[] = [];
    for (const start of starts) peers.push(await start(processes, settings));
    for (const { port } of peers) await fillFor(CELL, port);
    return peers;
  };
  const results: MixedResult[] = [];
  for (
    const starts of [
      [startNode, startRedis],
      ...(options.hasTwemproxy ? [[startCluster, startTwemproxy]] : []),
    ]
  ) {
    const [us, them] = await startAll(starts);
    const pilot = await runRound(processes, us!, PILOT_REQUESTS);
    const requests = Math.max(PILOT_REQUESTS, Math.round(pilot.requestsPerSecond * options.secondsPerRound));
    const ours: BenchmarkRun[] = [];
    const theirs: BenchmarkRun[] = [];
    for (let round = 0; round < options.rounds; round++) {
      ours.push(await runRound(processes, us!, requests));
      theirs.push(await runRound(processes, them!, requests));
    }
    const result = { name: `${us!.name} ÷ ${them!.name}`, ours, theirs };
    const p99s = [ours, theirs].map((runs) => runs.map(({ p99Ms }) => p99Ms.toFixed(2)).join(" ")).join(
      " / ",
    );
    options.progress(`mixed: ${result.name}: p99 of GET ${p99s} ms`);
    results.push(result);
    for (const peer of [us!, them!]) await peer.stop();
  }
  return results;
}

/** The readers' figures, while the writers write. */
async function runRound(processes: Processes, { port }: Peer, requests: number): Promise<BenchmarkRun> {
  const writing = processes.spawn("redis-benchmark", [
    ...["-p", `${port}`, "-t", "set", "-c", `${WRITERS}`, "-d", `${VALUE_BYTES}`, "-r", `${KEYS}`],
    ...["-n", `${WRITES_MAX}`],
  ]);
  try {
    const load = { connections: READERS, depth: 1, valueBytes: VALUE_BYTES, keys: KEYS };
    return await runRedisBenchmark({ ...load, port, test: "get", requests });
  } finally {
    await writing.stop();
  }
}

export function mixedReport(results: readonly MixedResult[]): string {
  const header = [
    "ours ÷ theirs",
    "GET/s",
    "ratio (min–max)",
    "goal",
    "p50 ms",
    "p99 ms",
    "p99 ratio",
    "goal",
  ];
  const rows = results.map(({ name, ours, theirs }) => {
    const medians = (figure: (run: BenchmarkRun) => number) =>
      [ours, theirs].map((runs) => medianOf(runs.map(figure)));
    const both = (figure: (run: BenchmarkRun) => number, format: (value: number) => string) =>
      medians(figure).map(format).join(" / ");
    const ratio = spreadOf(
      ours.map(({ requestsPerSecond }, i) => requestsPerSecond / theirs[i]!.requestsPerSecond),
    );
    const [ourP99, theirP99] = medians(({ p99Ms }) => p99Ms);
    const p99Ratio = ourP99! / theirP99!;
    return [
      name,
      both(({ requestsPerSecond }) => requestsPerSecond, thousandsText),
      `**${ratio.median.toFixed(2)}** (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
      verdictText({ goal: `≥ ${RATIO_MIN}`, isReached: ratio.median >= RATIO_MIN }),
      both(({ p50Ms }) => p50Ms, millisecondsText),
      both(({ p99Ms }) => p99Ms, millisecondsText),
      p99Ratio.toFixed(2),
      verdictText({ goal: `≤ ${P99_RATIO_MAX}`, isReached: p99Ratio <= P99_RATIO_MAX }),
    ];
  });
  const note =
    `${READERS} clients GET while ${WRITERS} others SET, each write synced before it is answered; the ` +
    "figures are those of the GETs.";
  return ["## Readers beside writers", note, tableOf(header, rows)].join("\n\n");
}
