/** What a run comes to: figures for people, and whatever must not be. */
import { judge } from "../support/linearizability.ts";
import type { Episode, Record, Trouble } from "./record.ts";

/** Without any success for keys of shards that have a copy where the fault is. */
const UNSERVED_MS_MAX = 2_500;
const UNSERVED_MS_MEDIAN_MAX = 1_500;
/** The same for keys of all other shards. */
const UNTOUCHED_MS_MAX = 100;
/** What begins so shortly before a fault may well be held up by it. */
const BEFORE_FAULT_MS = 50;

export interface Facts {
  readonly shardCount: number;
  /** Faults for which the bounds of time hold. */
  readonly bounded: readonly string[];
}

/** Adds to `record` what it shows to be wrong; returns the report, a line each. */
export function conclude(record: Record, facts: Facts): string[] {
  const kinds = [...new Set(record.episodes.map(({ fault }) => fault))];
  return [
    historyLine(record),
    ...kinds.flatMap((fault) => faultLines(record, fault, facts)),
    quietLine(record, facts),
    ...troubleLines(record, facts),
    `timers of this program were late by ${record.ownLatenessMs.toFixed(0)} ms at most`,
  ];
}

function historyLine(record: Record): string {
  let operationCount = 0;
  let unknownCount = 0;
  for (const [key, history] of record.histories) {
    operationCount += history.length;
    unknownCount += history.filter(({ returnedAt }) => returnedAt === Infinity).length;
    const verdict = judge(history);
    if (verdict === "linearizable") continue;
    const shown = history.sort((a, b) => a.calledAt - b.calledAt).map((operation) =>
      JSON.stringify(operation)
    );
    record.violation(`history of ${key}: ${verdict}\n    ${shown.join("\n    ")}`);
  }
  return `history: ${operationCount} operations on ${record.histories.size} keys, ` +
    `${unknownCount} of unknown outcome, checked key by key`;
}

function faultLines(record: Record, fault: string, { shardCount, bounded }: Facts): string[] {
  const episodes = record.episodes.filter((episode) => episode.fault === fault);
  const all = Array.from({ length: shardCount }, (_, shard) => shard);
  const gapsOf = (shardsOf: (episode: Episode) => readonly number[]) =>
    episodes.flatMap((episode) => shardsOf(episode).map((shard) => longestGap(record, shard, episode)))
      .sort(byLength);
  const led = gapsOf((episode) => episode.led);
  const followed = gapsOf((episode) => episode.followed);
  const untouched = gapsOf(({ led, followed }) =>
    all.filter((shard) => !led.includes(shard) && !followed.includes(shard))
  );
  if (bounded.includes(fault)) {
    const bounds: [string, Gap | undefined, number][] = [
      ["longest without an answer", [...led, ...followed].sort(byLength).at(-1), UNSERVED_MS_MAX],
      [
        "median without an answer",
        [medianOf(led), medianOf(followed)].sort(byLength)[1],
        UNSERVED_MS_MEDIAN_MAX,
      ],
      ["longest without an answer where no copy was hit", untouched.at(-1), UNTOUCHED_MS_MAX],
    ];
    for (const [what, gap, msMax] of bounds) {
      if (gap === undefined || gap.ms <= msMax) continue;
      record.violation(
        `${fault}: ${what} ${gap.ms.toFixed(0)} ms, the bound is ${msMax} ms (${placeOf(gap, record)})`,
      );
    }
  }
  const uncertain = record.troubles.filter((trouble) =>
    trouble.kind === "UNCERTAIN" && episodes.some((episode) => isDuring(trouble, episode))
  );
  const waited = episodes.reduce((sum, episode) => sum + episode.waited, 0);
  const healed = episodes.map(({ fromMs, untilMs }) => ({ ...NO_GAP, ms: untilMs - fromMs })).sort(byLength);
  return [
    `${fault} ×${episodes.length}: whole again after ${shown(healed)}; ` +
    `${uncertain.length} UNCERTAIN, ${waited} requests waited`,
    `  without an answer: primary hit ${shown(led)}; replica hit ${shown(followed)}; others ${
      shown(untouched)
    }`,
  ];
}

/** How long the same shards wait for an answer between the faults: what the machine itself does. */
function quietLine(record: Record, { shardCount }: Facts): string {
  const { episodes } = record;
  const pauses = episodes.slice(1).map(({ fromMs }, i) => ({
    fromMs: episodes[i]!.untilMs,
    untilMs: fromMs - BEFORE_FAULT_MS,
  }));
  const gaps = pauses.flatMap((pause) =>
    Array.from({ length: shardCount }, (_, shard) => longestGap(record, shard, pause))
  ).sort(byLength);
  const longest = gaps.at(-1);
  return `no fault: without an answer ${shown(gaps)}${
    longest === undefined ? "" : ` (${placeOf(longest, record)})`
  }`;
}

/** A time during which a shard's prober asked and got no answer. */
interface Gap {
  readonly ms: number;
  readonly shard: number;
  readonly fromMs: number;
}

const NO_GAP: Gap = { ms: 0, shard: 0, fromMs: 0 };

/** The longest gap of a shard that reaches into a stretch of time. */
function longestGap(
  { samples }: Record,
  shard: number,
  { fromMs, untilMs }: Pick<Episode, "fromMs" | "untilMs">,
): Gap {
  let longest = NO_GAP;
  let sinceMs = -1;
  for (const sample of samples) {
    if (sample.shard !== shard || sample.untilMs < fromMs || sample.fromMs > untilMs) continue;
    if (sinceMs < 0) sinceMs = sample.fromMs;
    const ms = sample.untilMs - sinceMs;
    if (ms > longest.ms) longest = { ms, shard, fromMs: sinceMs };
    if (sample.isAnswered) sinceMs = -1;
  }
  return longest;
}

/** Errors by kind and time; those that no fault explains are wrong, and uncertain reads at any time. */
function troubleLines(record: Record, { bounded }: Facts): string[] {
  const kinds = new Map<string, number>();
  for (const trouble of record.troubles) {
    const episode = record.episodes.find((each) => isDuring(trouble, each));
    const name = `${trouble.kind} during ${episode?.fault ?? "no fault"}`;
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
    const wrong = whyWrong(trouble, episode, bounded);
    if (wrong !== null) {
      const seconds = ((trouble.fromMs - (episode?.fromMs ?? 0)) / 1000).toFixed(2);
      const took = (trouble.untilMs - trouble.fromMs).toFixed(0);
      record.violation(
        `${wrong} (${name}, sent at ${seconds} s, came after ${took} ms): ${trouble.text.slice(0, 200)}`,
      );
    }
  }
  const shownKinds = [...kinds].map(([name, count]) => `${count} × ${name}`);
  return [`in place of answers: ${shownKinds.join(", ") || "nothing"}`];
}

function whyWrong(
  { kind, isRead, shards }: Trouble,
  episode: Episode | undefined,
  bounded: readonly string[],
): string | null {
  if (kind === "UNCERTAIN" && isRead) return "a read is said to be uncertain";
  if (episode === undefined) return "an error while nothing was wrong";
  if (!bounded.includes(episode.fault)) return null;
  if (kind === "BROKEN") return "a connection broke though the balancer was not hit";
  const hit = [...episode.led, ...episode.followed];
  if (!shards.some((shard) => hit.includes(shard))) return "an error for shards of which no copy was hit";
  return kind === "UNCERTAIN" ? null : "a request was refused though its shard has another copy";
}

function isDuring({ fromMs, untilMs }: Trouble, episode: Episode): boolean {
  return fromMs <= episode.untilMs && untilMs >= episode.fromMs;
}

function byLength(a: Gap, b: Gap): number {
  return a.ms - b.ms;
}

function medianOf(sorted: readonly Gap[]): Gap {
  return sorted[sorted.length >> 1] ?? NO_GAP;
}

function shown(sorted: readonly Gap[]): string {
  if (sorted.length === 0) return "none";
  return `median ${medianOf(sorted).ms.toFixed(0)} ms, longest ${sorted.at(-1)!.ms.toFixed(0)} ms`;
}

/** Where to look for it in what the processes print, and what part the machine had in it. */
function placeOf({ shard, fromMs, ms }: Gap, { processorWaits }: Record): string {
  const meanwhile = processorWaits.filter(({ atMs }) => atMs >= fromMs && atMs <= fromMs + ms);
  const waitedMs = meanwhile.reduce((sum, wait) => sum + wait.ms, 0);
  const at = new Date(performance.timeOrigin + fromMs).toISOString().slice(11, 23);
  return `shard ${shard} from ${at} on; meanwhile servers waited ${waitedMs.toFixed(0)} ms for a processor`;
}
