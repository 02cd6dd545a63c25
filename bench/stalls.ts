/**
 * How long a node's event loop is held by what is large or comes all at once. A real node is watched from inside (see
 * stalls/watched.ts) while it does one deed after the other; beside it runs a loop that has nothing to do, so that
 * what the machine does can be told from what the node does. Prints a Markdown table.
 *
 *     deno task bench:stalls [--entries 4000000] [--expiring 1000000] [--only part-of-a-name]
 */
import { parseArgs } from "@std/cli/parse-args";
import { RespClient } from "../tests/support/resp_client.ts";
import { type Deed, DEEDS, type DeedTarget } from "./stalls/deeds.ts";
import { StallWatch } from "./stalls/stall_watch.ts";
import type { Stalls } from "./stalls/watched.ts";
import { placeOf } from "./versus/peers.ts";
import { Processes, untilAnswers } from "./versus/processes.ts";
import { tableOf, verdictText } from "./versus/report.ts";

const CAP_BYTES_PER_ENTRY = 256;
const CAP_BYTES_MIN = 512 * 1024 * 1024;
/** What a deed has begun is over by then. */
const SETTLE_MS = 1_000;
const PING = "*1\r\n$4\r\nPING\r\n";
const HEADER = ["what", "s", "held ms", "goal", "late ms", "idle loop late ms", "held ms, first time"];
const NOTE =
  `The longest times of each deed. Held: the loop did not come round, and the process was at work; that is \
what the goal is about. Late: the loop did not come round, be it that the machine had others to serve; beside it, how \
late a loop was meanwhile that had nothing to do. All is done twice by the same node; the last column is of the \
first time, when the runtime has not compiled yet what is done.`;

/** To begin with, what there is without any deed. */
const NOTHING: Deed = { name: "nothing", goalMs: 5, run: () => Promise.resolve() };

interface Outcome extends Stalls {
  readonly seconds: number;
  readonly idleMs: number;
}

async function measure(
  processes: Processes,
  { entryCount, expiringCount, only }: { entryCount: number; expiringCount: number; only: string },
): Promise<string[][]> {
  const { port, folder } = placeOf(processes);
  const idle = await StallWatch.start(processes, []);
  const node = await StallWatch.start(processes, [
    ...[
      `--port=${port}`,
      `--data-dir=${folder}`,
      "--standalone=true",
      "--fsync=everysec",
      "--log-level=warn",
    ],
    `--max-memory=${Math.max(CAP_BYTES_MIN, entryCount * CAP_BYTES_PER_ENTRY)}`,
    ...["--dump-interval=0", "--dump-log-size=64gb"],
  ]);
  await untilAnswers(node.child, { port, request: PING, expected: "+PONG" });
  const client = await RespClient.connect(port);
  const target = { port, client, entryCount, expiringCount };
  const [load, ...others] = DEEDS;
  const deeds = [NOTHING, load!, ...others.filter(({ name }) => name.includes(only))];
  const first: Outcome[] = [];
  for (const deed of deeds) first.push(await watch(deed, target, node, idle));
  const rows: string[][] = [];
  for (const [i, deed] of deeds.entries()) {
    rows.push(rowOf(deed, await watch(deed, target, node, idle), first[i]!));
    console.error(rows.at(-1)!.join(" · "));
  }
  client.close();
  return rows;
}

async function watch(deed: Deed, target: DeedTarget, node: StallWatch, idle: StallWatch): Promise<Outcome> {
  await deed.prepare?.(target);
  await wait(SETTLE_MS);
  await Promise.all([node.read(), idle.read()]);
  const began = performance.now();
  await deed.run(target);
  const seconds = (performance.now() - began) / 1000;
  await wait(SETTLE_MS);
  const [stalls, { lateMs: idleMs }] = await Promise.all([node.read(), idle.read()]);
  return { ...stalls, seconds, idleMs };
}

function rowOf(
  { name, goalMs }: Deed,
  { seconds, heldMs, lateMs, idleMs }: Outcome,
  first: Outcome,
): string[] {
  return [
    name,
    seconds.toFixed(1),
    `**${heldMs.toFixed(1)}**`,
    goalMs === null ? "" : verdictText({ goal: `≤ ${goalMs}`, isReached: heldMs <= goalMs }),
    ...[lateMs, idleMs, first.heldMs].map((ms) => ms.toFixed(1)),
  ];
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const { entries, expiring, only } = parseArgs(Deno.args, { string: ["entries", "expiring", "only"] });
const processes = new Processes();
Deno.addSignalListener("SIGINT", () => {
  processes.close();
  Deno.exit(130);
});
try {
  const rows = await measure(processes, {
    entryCount: Number(entries ?? 4_000_000),
    expiringCount: Number(expiring ?? 1_000_000),
    only: String(only ?? ""),
  });
  console.log([NOTE, tableOf(HEADER, rows)].join("\n\n"));
} finally {
  processes.close();
}
Deno.exit(0);
