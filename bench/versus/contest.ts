/**
 * One against the other: both servers run all the while, and rounds go to them in turn, so that whatever else the
 * machine does hits both alike.
 */
import { randomBelow } from "../../src/core/random.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { runLoad } from "../support/load.ts";
import { Zipfian } from "../support/zipfian.ts";
import { type Cell, keysOf, nameOf, type Subject } from "./cells.ts";
import { fill, keyOf } from "./loader.ts";
import {
  type Peer,
  type PeerOptions,
  startBare,
  startCluster,
  startNode,
  startRedis,
  startTwemproxy,
} from "./peers.ts";
import { cpuSecondsOf, residentBytesOf } from "./process_figures.ts";
import type { Processes } from "./processes.ts";
import { type BenchmarkRun, runRedisBenchmark } from "./redis_benchmark.ts";

export interface Round extends BenchmarkRun {
  /** Of all processes that serve, user and system time. */
  readonly cpuSecondsPerMillion: number;
  /** The share of the one in front, where there is one; the rest is that of the stores. */
  readonly frontCpuSecondsPerMillion: number;
  readonly residentBytes: number;
}

export interface CellResult {
  readonly cell: Cell;
  readonly peerName: string;
  /** One each per round, in the order they ran. */
  readonly ours: readonly Round[];
  readonly theirs: readonly Round[];
}

export interface ContestOptions {
  readonly rounds: number;
  /** How long a round of a cell is to take, roughly. */
  readonly secondsPerRound: number;
  /** Told what is going on. */
  progress(line: string): void;
  /** Who is measured, and against whom; what the subject of the cells says where nothing is said. */
  readonly contestants?: Contestants;
  /** Whether the rounds so far leave so much open that as many more are to be run, once. */
  readonly isUnclear?: (result: CellResult) => boolean;
}

const PILOT_SECONDS = 0.3;
/** Requests in flight from which on a pilot is short, since it takes long. */
const SLOTS_MANY = 2_000;
const PILOT_REQUESTS_PER_SLOT = 20;
const PILOT_REQUESTS_PER_SLOT_OF_MANY = 4;
const REQUESTS_MIN = 1_000;
/** So that everybody is served several times, and a round tells who is not. */
const REQUESTS_PER_CONNECTION_MIN = 10;
/** Bounds what one round writes to the logs, which grow over all cells of a stage. */
const ROUND_BYTES_MAX = 256 * 1024 * 1024;
const MEMORY_BYTES_MIN = 256 * 1024 * 1024;
const ENTRY_OVERHEAD_BYTES = 128;
const SEED = 20_240_601;

type Start = (processes: Processes, options: PeerOptions) => Promise<Peer>;
export type Contestants = readonly [ours: Start, theirs: Start];

const CONTESTANTS: Readonly<Record<Subject, Contestants>> = {
  node: [startNode, startRedis],
  cluster: [startCluster, startTwemproxy],
  hop: [startCluster, startNode],
  runtime: [startNode, startBare],
};

/** Binaries without which a subject cannot be measured. */
export const BINARIES: Readonly<Record<Subject, readonly string[]>> = {
  node: ["redis-server", "redis-benchmark"],
  cluster: ["redis-server", "redis-benchmark", "nutcracker"],
  hop: ["redis-benchmark"],
  runtime: ["redis-benchmark"],
};

/** Measures the cells of one stage (see `stagesOf`). */
export async function runStage(
  processes: Processes,
  stage: readonly Cell[],
  options: ContestOptions,
): Promise<CellResult[]> {
  const { subject, fsync } = stage[0]!;
  const peers: Peer[] = [];
  for (const start of options.contestants ?? CONTESTANTS[subject]) {
    peers.push(await start(processes, { fsync, maxMemoryBytes: memoryFor(stage[0]!) }));
  }
  if (subject !== "runtime") {
    for (const { port } of peers) await fillFor(stage[0]!, port);
  }
  const results: CellResult[] = [];
  for (const cell of stage) {
    results.push(await runCell(cell, peers[0]!, peers[1]!, options));
  }
  for (const peer of peers) await peer.stop();
  return results;
}

async function runCell(cell: Cell, us: Peer, them: Peer, options: ContestOptions): Promise<CellResult> {
  const requests = await requestsFor(cell, [us, them], options.secondsPerRound);
  const ours: Round[] = [];
  const theirs: Round[] = [];
  const result = { cell, peerName: them.name, ours, theirs };
  const runOurs = async () => ours.push(await runRound(cell, us, requests));
  const runTheirs = async () => theirs.push(await runRound(cell, them, requests));
  for (let round = 0; round < options.rounds; round++) await inTurn(round, runOurs, runTheirs);
  if (options.isUnclear?.(result)) {
    for (let round = 0; round < options.rounds; round++) await inTurn(round, runOurs, runTheirs);
  }
  const [mine, other] = [ours, theirs].map((rounds) =>
    rounds.map(({ requestsPerSecond }) => `${Math.round(requestsPerSecond / 1000)} k`).join(" ")
  );
  options.progress(`${cell.subject}: ${nameOf(cell)}: ${mine} / ${other} (${requests} requests a round)`);
  return result;
}

/** Each goes first in every other round, so that neither has the better of a machine that slows down or warms up. */
async function inTurn(
  round: number,
  one: () => Promise<unknown>,
  other: () => Promise<unknown>,
): Promise<void> {
  for (const run of round % 2 === 0 ? [one, other] : [other, one]) await run();
}

/** The requests of one round, the same for all, from a short run that also warms them up. */
export async function requestsFor(cell: Cell, peers: readonly Peer[], seconds: number): Promise<number> {
  let rates = 0;
  for (const peer of peers) {
    const slots = cell.depth * cell.connections;
    const perSlot = slots > SLOTS_MANY ? PILOT_REQUESTS_PER_SLOT_OF_MANY : PILOT_REQUESTS_PER_SLOT;
    const first = await run(cell, peer, boundedRequests(cell, slots * perSlot));
    const pilot = boundedRequests(cell, first.requestsPerSecond * PILOT_SECONDS);
    rates += (await run(cell, peer, pilot)).requestsPerSecond;
  }
  const requests = Math.max(rates / peers.length * seconds, cell.connections * REQUESTS_PER_CONNECTION_MIN);
  return boundedRequests(cell, requests);
}

function boundedRequests({ valueBytes }: Cell, requests: number): number {
  const max = Math.floor(ROUND_BYTES_MAX / valueBytes);
  return Math.max(REQUESTS_MIN, Math.min(max, Math.round(requests / 1000) * 1000));
}

/** One round of `cell` at `peer`. */
export async function runRound(cell: Cell, peer: Peer, requests: number): Promise<Round> {
  const fronts = peer.frontPid === undefined ? [] : [peer.frontPid];
  const [before, frontBefore] = [cpuSecondsOf(peer.pids), cpuSecondsOf(fronts)];
  const result = await run(cell, peer, requests);
  const perMillion = (cpuSeconds: number) => cpuSeconds / requests * 1e6;
  return {
    ...result,
    cpuSecondsPerMillion: perMillion(cpuSecondsOf(peer.pids) - before),
    frontCpuSecondsPerMillion: perMillion(cpuSecondsOf(fronts) - frontBefore),
    residentBytes: residentBytesOf(peer.pids),
  };
}

function run(cell: Cell, { port }: Peer, requests: number): Promise<BenchmarkRun> {
  const { command, depth, connections, valueBytes, distribution } = cell;
  const keys = keysOf(cell);
  if (distribution === "zipfian") return runZipfian(cell, port, keys, requests);
  const test = command === "PING" ? "ping_mbulk" : command.toLowerCase();
  return runRedisBenchmark({ port, test, requests, connections, depth, valueBytes, keys });
}

/** `redis-benchmark` draws uniformly only; this goes through our own load generator. */
function runZipfian(cell: Cell, port: number, keys: number, requests: number): Promise<BenchmarkRun> {
  const { command, depth, connections, valueBytes } = cell;
  const random = new SeededRandom(SEED);
  const zipfian = new Zipfian(keys);
  // Drawn before, so that the time it takes is not in the figures.
  const chosen = Uint32Array.from({ length: requests }, () => zipfian.next(random));
  const tail = command === "SET" ? [new Uint8Array(valueBytes).fill(0x40 + randomBelow(random, 26))] : [];
  const nameFor = command === "INCR" ? (i: number) => `counter:${i}` : keyOf;
  const request = (i: number) => [command, nameFor(chosen[i]!), ...tail];
  return runLoad({ port, connections, depth, requests, request });
}

/** Writes the entries that are there before `cell` begins. */
export function fillFor(cell: Cell, port: number): Promise<void> {
  return fill({ port, entryCount: keysOf(cell), valueBytes: cell.valueBytes, protocol: "redis" });
}

/** Twice what the entries need, so that nothing is ever evicted. */
export function memoryFor(cell: Cell): number {
  return Math.max(MEMORY_BYTES_MIN, 2 * keysOf(cell) * (cell.valueBytes + ENTRY_OVERHEAD_BYTES));
}
