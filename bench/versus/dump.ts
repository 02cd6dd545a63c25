/**
 * What a dump costs those who are served meanwhile: the latencies of a load of a fixed rate, well below what either
 * server can do, in stretches with BGSAVE after BGSAVE and in stretches without, of a node and of redis-server. Both
 * run all the while, and rounds go to them in turn.
 */
import { randomBelow } from "../../src/core/random.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { type Latencies, runPacedLoad } from "../support/paced_load.ts";
import { fill, keyOf } from "./loader.ts";
import { type Peer, startNode, startRedis } from "./peers.ts";
import type { Processes } from "./processes.ts";
import { millisecondsText, tableOf, verdictText } from "./report.ts";
import { RespCaller } from "./resp_caller.ts";
import { medianOf, type Spread, spreadOf } from "./statistics.ts";

export interface DumpOptions {
  readonly rounds: number;
  progress(line: string): void;
}

/** The stretches of one server, one each per round, in the order they ran. */
export interface DumpResult {
  readonly name: string;
  readonly quiet: readonly Latencies[];
  readonly dumping: readonly Latencies[];
  /** Dumps that were begun in a stretch, one figure per round. */
  readonly dumpCounts: readonly number[];
}

const ENTRIES = 1_000_000;
const VALUE_BYTES = 64;
const CAP_BYTES = 512 * 1024 * 1024;
const CONNECTIONS = 50;
/** Half of them SET, half GET. About an eighth of what one core serves one deep. */
const REQUESTS_PER_SECOND = 10_000;
const SECONDS_PER_STRETCH = 3;
/** Between looks whether a dump is done. */
const LOOK_MS = 20;
/** p99.9 with dumps over that without. */
const RATIO_MAX = 1.5;
const SEED = 7;

export async function measureDump(processes: Processes, options: DumpOptions): Promise<DumpResult[]> {
  const peers: Peer[] = [];
  for (const start of [startNode, startRedis]) {
    const peer = await start(processes, { fsync: "everysec", maxMemoryBytes: CAP_BYTES });
    await fill({ port: peer.port, entryCount: ENTRIES, valueBytes: VALUE_BYTES, protocol: "redis" });
    // Warms up both, and the generator.
    await runStretch(peer);
    peers.push(peer);
  }
  const results = peers.map(({ name }) => ({
    name,
    quiet: [] as Latencies[],
    dumping: [] as Latencies[],
    dumpCounts: [] as number[],
  }));
  for (let round = 0; round < options.rounds; round++) {
    for (const [i, peer] of peers.entries()) {
      results[i]!.quiet.push(await runStretch(peer));
      const dumps = await Dumping.start(peer);
      results[i]!.dumping.push(await runStretch(peer));
      results[i]!.dumpCounts.push(await dumps.stop());
    }
  }
  for (const result of results) {
    options.progress(
      `dump: ${result.name}: p99.9 ${texts(result.quiet)} without, ${texts(result.dumping)} with`,
    );
  }
  for (const peer of peers) await peer.stop();
  return results;
}

function runStretch({ port }: Peer): Promise<Latencies> {
  const random = new SeededRandom(SEED);
  const value = new Uint8Array(VALUE_BYTES).fill(0x76);
  return runPacedLoad({
    port,
    connections: CONNECTIONS,
    requestsPerSecond: REQUESTS_PER_SECOND,
    seconds: SECONDS_PER_STRETCH,
    request: (i) => {
      const key = keyOf(randomBelow(random, ENTRIES));
      // Each connection sends both, as it gets every CONNECTIONS-th request.
      return Math.floor(i / CONNECTIONS) % 2 === 0 ? ["SET", key, value] : ["GET", key];
    },
  });
}

/** BGSAVE after BGSAVE, from its start until it is stopped. */
class Dumping {
  readonly #caller: RespCaller;
  #count = 0;
  #isStopping = false;
  readonly #over: Promise<void>;

  private constructor(caller: RespCaller) {
    this.#caller = caller;
    this.#over = this.#run();
  }

  static async start({ port }: Peer): Promise<Dumping> {
    return new Dumping(await RespCaller.connect(port));
  }

  /** Waits for the dump under way; the number of dumps. */
  async stop(): Promise<number> {
    this.#isStopping = true;
    await this.#over;
    this.#caller.close();
    return this.#count;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      await this.#caller.call("BGSAVE");
      this.#count++;
      do await new Promise((resolve) => setTimeout(resolve, LOOK_MS)); while (
        (await this.#caller.call("INFO", "persistence")).includes("rdb_bgsave_in_progress:1")
      );
    }
  }
}

function texts(stretches: readonly Latencies[]): string {
  return stretches.map(({ p999Ms }) => millisecondsText(p999Ms)).join(" ");
}

export function dumpReport(results: readonly DumpResult[]): string {
  const header = [
    "server",
    "",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "with ÷ without (min–max)",
    "goal",
    "dumps a stretch",
  ];
  const rows = results.flatMap(({ name, quiet, dumping, dumpCounts }, i) => {
    const ratio = spreadOf(dumping.map(({ p999Ms }, round) => p999Ms / quiet[round]!.p999Ms));
    const verdict = { goal: `≤ ${RATIO_MAX}`, isReached: Number(ratio.median.toFixed(2)) <= RATIO_MAX };
    return [
      [name, "without", ...figuresOf(quiet), "", "", ""],
      [
        name,
        "with",
        ...figuresOf(dumping),
        ratioText(ratio),
        i === 0 ? verdictText(verdict) : "",
        medianOf(dumpCounts).toFixed(0),
      ],
    ];
  });
  const note =
    `Latencies of a load of ${
      REQUESTS_PER_SECOND.toLocaleString("en")
    } requests per second, half SET and half GET, ` +
    `over ${
      ENTRIES / 1e6
    } M entries with values of ${VALUE_BYTES} bytes, ${CONNECTIONS} connections, in stretches ` +
    `of ${SECONDS_PER_STRETCH} s without a dump and with one after the other; the ratio is that of p99.9, and less ` +
    "is better. What a request took counts from when it was due.";
  return ["## While a dump is written", note, tableOf(header, rows)].join("\n\n");
}

function figuresOf(stretches: readonly Latencies[]): string[] {
  const figures = [
    ({ p50Ms }: Latencies) => p50Ms,
    ({ p99Ms }: Latencies) => p99Ms,
    ({ p999Ms }: Latencies) => p999Ms,
  ];
  return figures.map((figure) => millisecondsText(medianOf(stretches.map(figure))));
}

function ratioText({ median, min, max }: Spread): string {
  return `**${median.toFixed(2)}** (${min.toFixed(2)}–${max.toFixed(2)})`;
}
