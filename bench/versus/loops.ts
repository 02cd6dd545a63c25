/**
 * Bare loops under many busy clients: which of them serves all alike. Each round starts its server anew, since
 * whether a loop starves some of its clients differs from run to run.
 */
import { type LoopName, LOOPS } from "./bare_server.ts";
import { type Peer, startLoop, startRedis } from "./peers.ts";
import { cpuSecondsOf } from "./process_figures.ts";
import type { Processes } from "./processes.ts";
import { type BenchmarkRun, runRedisBenchmark } from "./redis_benchmark.ts";
import { tableOf, thousandsText } from "./report.ts";
import { medianOf } from "./statistics.ts";

export interface LoopsOptions {
  readonly rounds: number;
  /** Whether redis-server is there to be compared with. */
  readonly hasRedis: boolean;
  progress(line: string): void;
}

export interface LoopRun extends BenchmarkRun {
  readonly cpuSecondsPerMillion: number;
}

export interface LoopResult {
  readonly name: string;
  readonly connections: number;
  /** In the order they ran. */
  readonly rounds: readonly LoopRun[];
}

const CONNECTIONS = [50, 1_000, 5_000, 10_000];
/** Beyond this, a round is said to have starved some. */
const STARVED_P99_MS = 1_000;
const REQUESTS = 100_000;
const MEMORY_BYTES = 256 * 1024 * 1024;

export async function measureLoops(processes: Processes, options: LoopsOptions): Promise<LoopResult[]> {
  const names = Object.keys(LOOPS) as LoopName[];
  const contestants = [
    ...names.map((loop) => ({ name: LOOPS[loop], start: () => startLoop(processes, loop) })),
    ...(options.hasRedis
      ? [{
        name: "redis-server, for comparison",
        start: () => startRedis(processes, { fsync: "no", maxMemoryBytes: MEMORY_BYTES }),
      }]
      : []),
  ];
  const results: LoopResult[] = [];
  for (const connections of CONNECTIONS) {
    const rounds = contestants.map(() => [] as LoopRun[]);
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, { start }] of contestants.entries()) {
        const peer = await start();
        rounds[i]!.push(await runRound(peer, connections));
        await peer.stop();
      }
    }
    for (const [i, { name }] of contestants.entries()) {
      results.push({ name, connections, rounds: rounds[i]! });
      const p99s = rounds[i]!.map(({ p99Ms }) => p99Ms.toFixed(0)).join(" ");
      options.progress(`loops: ${connections} connections: ${name}: p99 ${p99s} ms`);
    }
  }
  return results;
}

async function runRound({ port, pids }: Peer, connections: number): Promise<LoopRun> {
  const load = {
    port,
    test: "ping_mbulk",
    requests: REQUESTS,
    connections,
    depth: 1,
    valueBytes: 64,
    keys: 1,
  };
  const before = cpuSecondsOf(pids);
  const run = await runRedisBenchmark(load);
  return { ...run, cpuSecondsPerMillion: (cpuSecondsOf(pids) - before) / REQUESTS * 1e6 };
}

export function loopsReport(results: readonly LoopResult[]): string {
  const header = [
    "loop",
    "connections",
    "requests/s",
    "CPU s per million",
    "p50 ms",
    "p99 ms (min–max)",
    "longest ms",
    "starved",
  ];
  const rows = results.map(({ name, connections, rounds }) => {
    const median = (figure: (run: LoopRun) => number) => medianOf(rounds.map(figure));
    const p99s = rounds.map(({ p99Ms }) => p99Ms);
    return [
      name,
      connections.toLocaleString("en"),
      thousandsText(median(({ requestsPerSecond }) => requestsPerSecond)),
      median(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion).toFixed(2),
      median(({ p50Ms }) => p50Ms).toFixed(1),
      `**${medianOf(p99s).toFixed(1)}** (${Math.min(...p99s).toFixed(1)}–${Math.max(...p99s).toFixed(1)})`,
      median(({ maxMs }) => maxMs).toFixed(0),
      `${p99s.filter((p99) => p99 > STARVED_P99_MS).length} of ${rounds.length}`,
    ];
  });
  const note =
    "A server that answers PING and does nothing else, one request in flight on each connection, started " +
    `anew for each round. A round starved some when its p99 is above ${STARVED_P99_MS} ms; what takes over three ` +
    "seconds counts as three.";
  return ["## Bare loops", note, tableOf(header, rows)].join("\n\n");
}
