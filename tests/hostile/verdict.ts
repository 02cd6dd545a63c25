/** What a run comes to: figures for people, and whatever must not be. */
import { MIB } from "../../src/core/limits.ts";
import { judge } from "../support/linearizability.ts";
import type { MemoryWatch } from "./memory_watch.ts";
import type { Record, Sample } from "./record.ts";

const P99_MS_MAX = 50;
const SAMPLES_MIN = 100;

/** Adds to `record` what its histories and samples show; returns the report, a line each. */
export function conclude(record: Record, memory: MemoryWatch["peaks"]): string[] {
  return [
    historyLine(record),
    ...(["node", "cluster"] as const).flatMap((target) => serviceLines(record, target)),
    ...[...memory].map(([name, { peak, max }]) =>
      `${name}: at most ${Math.round(peak / MIB)} MB resident (bound ${Math.round(max / MIB)} MB)`
    ),
    ...faultLines(record),
  ];
}

function historyLine(record: Record): string {
  let operationCount = 0;
  for (const [key, history] of record.histories) {
    operationCount += history.length;
    const verdict = judge(history);
    if (verdict === "linearizable") continue;
    const shown = history.sort((a, b) => a.calledAt - b.calledAt).map((operation) =>
      JSON.stringify(operation)
    );
    record.violation(`history of ${key}: ${verdict}\n    ${shown.join("\n    ")}`);
  }
  return `history: ${operationCount} operations on ${record.histories.size} keys, checked key by key`;
}

function serviceLines(record: Record, target: "node" | "cluster"): string[] {
  const own = record.samples.filter(({ place }) => place.target === target);
  const outside = own.filter((sample) => record.outageOf(sample) === null);
  const undue = Object.groupBy(
    outside.filter(({ trouble }) => trouble !== ""),
    (sample) => `${sample.trouble}; under way: ${faultsDuring(record, sample).join(", ")}`,
  );
  for (const [what, some] of Object.entries(undue)) {
    record.violation(`${some!.length} × a client of ${target} whose node was not down got ${what}`);
  }
  const sorted = latenciesOf(outside);
  const p99 = at(sorted, 0.99);
  if (sorted.length < SAMPLES_MIN) {
    record.violation(`only ${sorted.length} requests to ${target} outside of outages: too few to judge`);
  } else if (p99 > P99_MS_MAX) {
    record.violation(`p99 at ${target} is ${p99.toFixed(1)} ms, its bound is ${P99_MS_MAX} ms`);
  }
  const troubles = Object.entries(Object.groupBy(own, ({ trouble }) => trouble)).filter(([word]) =>
    word !== ""
  );
  return [
    `${target}: ${own.length} requests, ${own.length - outside.length} of them while their node was down`,
    `  outside of that: ${[0.5, 0.99, 0.999, 1].map((share) => shown(sorted, share)).join(", ")}`,
    `  not answered: ${troubles.map(([word, some]) => `${word} ×${some!.length}`).join(", ") || "none"}`,
  ];
}

/** What those met who were not hit by an outage, by the fault that was under way, or none: what the machine itself does. */
function faultLines(record: Record): string[] {
  const met = new Map<string, { node: Sample[]; cluster: Sample[] }>();
  for (const sample of record.samples) {
    if (record.outageOf(sample) !== null) continue;
    const faults = faultsDuring(record, sample);
    for (const fault of faults.length === 0 ? ["no fault"] : faults) {
      const entry = met.get(fault) ?? { node: [], cluster: [] };
      met.set(fault, entry);
      entry[sample.place.target].push(sample);
    }
  }
  return [...met].map(([fault, { node, cluster }]) => {
    const count = record.episodes.filter((episode) => episode.fault === fault).length;
    const figures = [node, cluster].map(latenciesOf).map((sorted) =>
      `${shown(sorted, 0.99)}, ${shown(sorted, 1)}`
    );
    return `${fault}${count === 0 ? "" : ` ×${count}`}: node ${figures[0]}; cluster ${figures[1]}`;
  });
}

function faultsDuring(record: Record, { fromMs, untilMs }: Sample): string[] {
  const met = record.episodes.filter((episode) => episode.fromMs <= untilMs && episode.untilMs >= fromMs);
  return met.map(({ fault }) => fault);
}

function latenciesOf(samples: readonly Sample[]): number[] {
  return samples.map(({ fromMs, untilMs }) => untilMs - fromMs).sort((a, b) => a - b);
}

/** The latency that `share` of `sorted` do not exceed; 0 of none. */
function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function shown(sorted: readonly number[], share: number): string {
  return `${share === 1 ? "most" : `p${share * 100}`} ${at(sorted, share).toFixed(1)} ms`;
}
