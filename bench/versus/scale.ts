/**
 * What many keys cost: the rate with 4 M keys over that with 100,000, of a node and of redis-server. All four servers
 * run all the while, and rounds go to them in turn.
 */
import type { Cell } from "./cells.ts";
import { PRESETS } from "./cells.ts";
import { fillFor, memoryFor, requestsFor, type Round, runRound } from "./contest.ts";
import { type Peer, startNode, startRedis } from "./peers.ts";
import type { Processes } from "./processes.ts";
import { tableOf, thousandsText, verdictText } from "./report.ts";
import { medianOf, type Spread, spreadOf } from "./statistics.ts";

export interface ScaleOptions {
  readonly rounds: number;
  readonly secondsPerRound: number;
  /** Whether `cell` is asked for. */
  wants(cell: Cell): boolean;
  progress(line: string): void;
}

/** Requests per second of one server with few and with many keys, one each per round, in the order they ran. */
export interface Rates {
  readonly few: readonly number[];
  readonly many: readonly number[];
}

export interface ScaleResult {
  /** With few keys. */
  readonly cell: Cell;
  readonly ours: Rates;
  readonly theirs: Rates;
}

const KEYS_MANY = 4_000_000;
const RATIO_MIN = 0.85;
const CELLS = PRESETS.quick.filter(({ subject }) => subject === "node");

/** A server with few keys and one with many. */
type Pair = readonly [few: Peer, many: Peer];

export async function measureScale(processes: Processes, options: ScaleOptions): Promise<ScaleResult[]> {
  const cells = CELLS.filter((cell) => options.wants(cell));
  if (cells.length === 0) return [];
  const pairs: Pair[] = [];
  for (const start of [startNode, startRedis]) {
    const startWith = async (cell: Cell) => {
      const peer = await start(processes, { fsync: cell.fsync, maxMemoryBytes: memoryFor(cell) });
      await fillFor(cell, peer.port);
      return peer;
    };
    pairs.push([await startWith(cells[0]!), await startWith(withMany(cells[0]!))]);
  }
  const results: ScaleResult[] = [];
  for (const cell of cells) results.push(await runCell(cell, pairs, options));
  for (const peer of pairs.flat()) await peer.stop();
  return results;
}

async function runCell(cell: Cell, pairs: readonly Pair[], options: ScaleOptions): Promise<ScaleResult> {
  const requests = await requestsFor(cell, pairs.flat(), options.secondsPerRound);
  const rates = pairs.map(() => ({ few: [] as number[], many: [] as number[] }));
  for (let round = 0; round < options.rounds; round++) {
    for (const [i, [few, many]] of pairs.entries()) {
      rates[i]!.few.push(rateOf(await runRound(cell, few, requests)));
      rates[i]!.many.push(rateOf(await runRound(withMany(cell), many, requests)));
    }
  }
  const [ours, theirs] = rates;
  const ratios = rates.map((one) => ratioOf(one).median.toFixed(2));
  options.progress(`scale: ${cell.command}, ${cell.depth} deep: ${ratios.join(" / ")}`);
  return { cell, ours: ours!, theirs: theirs! };
}

function withMany(cell: Cell): Cell {
  return { ...cell, keys: KEYS_MANY };
}

function rateOf({ requestsPerSecond }: Round): number {
  return requestsPerSecond;
}

/** With many keys over few, round by round. */
function ratioOf({ few, many }: Rates): Spread {
  return spreadOf(many.map((rate, i) => rate / few[i]!));
}

export function scaleReport(results: readonly ScaleResult[]): string {
  const header = [
    "",
    "Roundel, 100 k",
    "4 M",
    "ratio (min–max)",
    "goal",
    "redis, 100 k",
    "4 M",
    "ratio (min–max)",
  ];
  const rows = results.map(({ cell, ours, theirs }) => {
    const ratio = ratioOf(ours).median;
    const verdict = { goal: `≥ ${RATIO_MIN}`, isReached: Number(ratio.toFixed(2)) >= RATIO_MIN };
    return [
      `${cell.command}, ${cell.depth} deep`,
      ...fieldsOf(ours),
      verdictText(verdict),
      ...fieldsOf(theirs),
    ];
  });
  const note =
    "Requests per second with 4 M keys over those with 100,000, values of 64 bytes, 50 connections.";
  return ["## Many keys", note, tableOf(header, rows)].join("\n\n");
}

function fieldsOf(rates: Rates): string[] {
  const { median, min, max } = ratioOf(rates);
  return [
    thousandsText(medianOf(rates.few)),
    thousandsText(medianOf(rates.many)),
    `**${median.toFixed(2)}** (${min.toFixed(2)}–${max.toFixed(2)})`,
  ];
}
