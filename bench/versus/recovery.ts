/**
 * How long a server takes from its start until it answers with every entry: a node from its dump and from its log
 * alone, redis from RDB and from AOF, and both with nothing to read. What is read was written a moment ago, so it
 * comes from the system's cache for both.
 */
import { fill } from "./loader.ts";
import { appendOnly, type Place, placeOf, spawnNode, spawnRedis } from "./peers.ts";
import { type Child, type Processes, untilAnswers } from "./processes.ts";
import { tableOf, verdictText } from "./report.ts";
import { type Spread, spreadOf } from "./statistics.ts";

export interface RecoveryOptions {
  readonly entryCount: number;
  readonly rounds: number;
  progress(line: string): void;
}

export interface RecoveryResult {
  readonly entryCount: number;
  /** What both read. */
  readonly source: string;
  readonly ourSeconds: Spread;
  readonly theirSeconds: Spread;
  /** Ours over theirs, round by round. */
  readonly ratio: Spread;
}

const VALUE_BYTES = 64;
const CAP_BYTES_PER_ENTRY = 256;
const CAP_BYTES_MIN = 256 * 1024 * 1024;
/** Has a goal: from dump, that of redis. */
const DUMP = "dump ÷ RDB";
const LOG = "log ÷ AOF";
const NOTHING = "nothing";
const RATIO_MAX = 1.0;
const ENTRIES_OF_GOAL = 4_000_000;

const PING = "*1\r\n$4\r\nPING\r\n";
const DBSIZE = "*1\r\n$6\r\nDBSIZE\r\n";
const SAVE = "*1\r\n$4\r\nSAVE\r\n";

/** A server whose data lies in a place of its own, and that can be started there again and again. */
interface Server {
  readonly place: Place;
  start(): Child;
}

/** From a log and from a dump, and from nothing if `entryCount` is 0. */
export async function measureRecovery(
  processes: Processes,
  options: RecoveryOptions,
): Promise<RecoveryResult[]> {
  const { entryCount } = options;
  const maxMemoryBytes = Math.max(CAP_BYTES_MIN, entryCount * CAP_BYTES_PER_ENTRY);
  const nodeAt = (place: Place): Server => ({
    place,
    start: () => spawnNode(processes, place, { fsync: "everysec", maxMemoryBytes }),
  });
  const redisAt = (place: Place, settings: Record<string, string>): Server => ({
    place,
    start: () => spawnRedis(processes, place, settings),
  });
  const results: RecoveryResult[] = [];
  for (const source of entryCount === 0 ? [NOTHING] : [LOG, DUMP]) {
    const settings = source === DUMP ? { appendonly: "no" } : appendOnly("everysec");
    const servers = [nodeAt(placeOf(processes)), redisAt(placeOf(processes), settings)];
    for (const server of servers) await prepare(server, entryCount, source === DUMP);
    const seconds: number[][] = [[], []];
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, server] of servers.entries()) seconds[i]!.push(await secondsToReady(server, entryCount));
    }
    for (const { place } of servers) processes.removeFolder(place.folder);
    const [ours, theirs] = seconds;
    const result = {
      entryCount,
      source,
      ourSeconds: spreadOf(ours!),
      theirSeconds: spreadOf(theirs!),
      ratio: spreadOf(ours!.map((value, i) => value / theirs![i]!)),
    };
    const { ourSeconds, theirSeconds } = result;
    options.progress(
      `recovery: ${entryCount} entries, ${source}: ${secondsText(ourSeconds)} / ${
        secondsText(theirSeconds)
      } s`,
    );
    results.push(result);
  }
  return results;
}

/** Writes the entries, and has them in the files that are to be read. */
async function prepare(
  { place: { port }, start }: Server,
  entryCount: number,
  isDumped: boolean,
): Promise<void> {
  const child = start();
  await untilAnswers(child, { port, request: PING, expected: "+PONG" });
  await fill({ port, entryCount, valueBytes: VALUE_BYTES, protocol: "redis" });
  await untilAnswers(child, { port, request: DBSIZE, expected: `:${entryCount}\r\n` });
  if (isDumped) await saved(port);
  await child.stop();
}

/** From the start of the process to the answer that counts every entry. */
async function secondsToReady({ place: { port }, start }: Server, entryCount: number): Promise<number> {
  const began = performance.now();
  const child = start();
  await untilAnswers(child, { port, request: DBSIZE, expected: `:${entryCount}\r\n` });
  const seconds = (performance.now() - began) / 1000;
  await child.stop();
  return seconds;
}

/** SAVE, however long that takes. */
async function saved(port: number): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(SAVE));
  const buffer = new Uint8Array(256);
  const count = await connection.read(buffer);
  connection.close();
  const answer = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  if (!answer.startsWith("+OK")) throw new Error(`Cannot make a dump: the server answers ${answer}`);
}

export function recoveryReport(results: readonly RecoveryResult[]): string {
  const header = ["entries", "read from", "Roundel s", "redis s", "ratio (min–max)", "goal"];
  const rows = results.map(({ entryCount, source, ourSeconds, theirSeconds, ratio }) => {
    const isGoal = source === DUMP && entryCount === ENTRIES_OF_GOAL;
    return [
      entryCount === 0 ? "none" : `${entryCount / 1e6} M`,
      source,
      secondsText(ourSeconds),
      secondsText(theirSeconds),
      `**${ratio.median.toFixed(2)}** (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
      isGoal ? verdictText({ goal: `≤ ${RATIO_MAX.toFixed(1)}`, isReached: ratio.median <= RATIO_MAX }) : "",
    ];
  });
  const note =
    "From the start of the process until DBSIZE answers with every entry (keys of 16, values of 64 " +
    "bytes); here less is better. The files come from the system's cache.";
  return ["## Start and recovery", note, tableOf(header, rows)].join("\n\n");
}

function secondsText({ median }: Spread): string {
  return median.toFixed(median < 1 ? 3 : 2);
}
