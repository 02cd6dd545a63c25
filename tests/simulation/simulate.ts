/**
 * `deno task simulate`: runs of the simulated cluster, a seed each, one after the other. The first that shows what must
 * not be is run again with fewer and fewer faults, as long as it still does, and printed with its last events.
 */
import { parseArgs } from "@std/cli/parse-args";
import { MEMBERSHIP_RULES } from "./membership_rules.ts";
import { type Fixed, optionsOf, type RunOptions } from "./options.ts";
import { REPLICATION_RULES } from "./replication_rules.ts";
import { RULES } from "./rules.ts";
import { run, type RunResult } from "./run.ts";

const SEEDS_DEFAULT = 100;
const PROGRESS_MS = 10_000;
const LINES_SHOWN = 120;

const HELP = `deno task simulate: the cluster on a simulated clock, disk and network, with faults

  --seeds NUMBER      how many runs [${SEEDS_DEFAULT}, or as many as the time allows]
  --seed NUMBER       the first seed; the same seed is the same run, event by event [random]
  --minutes MINUTES   how long at most
  --nodes NUMBER      nodes of the cluster [drawn]
  --replicas NUMBER   further copies of each shard [drawn]
  --lines NUMBER      last events to print of a run that failed, or of a single one [${LINES_SHOWN}]
  --rules             switch the product's safety rules off in turn, and see how soon a run shows it
  --help              print this
`;

interface Flags {
  readonly seed: number;
  readonly seeds: number;
  readonly untilMs: number;
  readonly lines: number;
  readonly rules: boolean;
  readonly fixed: Fixed;
}

/** Throws a `RangeError` that names the flag, the value, and what it takes. */
function flagsOf(args: readonly string[]): Flags | "help" {
  const flags = parseArgs([...args], {
    string: ["seeds", "seed", "minutes", "nodes", "replicas", "lines"],
    boolean: ["help", "rules"],
    unknown: (flag) => {
      throw new RangeError(`Unknown argument: ${flag}`);
    },
  });
  if (flags.help) return "help";
  const numberOf = (name: "seeds" | "seed" | "minutes" | "nodes" | "replicas" | "lines") => {
    const text = flags[name];
    if (text === undefined) return undefined;
    const number = Number(text);
    if (text === "" || !(number >= 0)) throw new RangeError(`--${name} takes a number, got "${text}"`);
    return number;
  };
  const minutes = numberOf("minutes");
  const nodeCount = numberOf("nodes");
  const replicas = numberOf("replicas");
  return {
    seed: numberOf("seed") ?? Math.floor(Math.random() * 2 ** 31),
    seeds: numberOf("seeds") ?? (minutes === undefined ? SEEDS_DEFAULT : Infinity),
    untilMs: performance.now() + (minutes ?? Infinity) * 60_000,
    lines: numberOf("lines") ?? LINES_SHOWN,
    rules: flags.rules === true,
    fixed: {
      ...(nodeCount === undefined ? {} : { nodeCount }),
      ...(replicas === undefined ? {} : { replicas }),
    },
  };
}

/** Leaves out faults for as long as the run still fails. */
async function shrink(
  options: RunOptions,
  failed: RunResult,
): Promise<{ options: RunOptions; result: RunResult }> {
  let best = { options, result: failed };
  for (let i = best.options.faults.length - 1; i >= 0; i--) {
    const fewer = { ...best.options, faults: best.options.faults.toSpliced(i, 1) };
    const result = await run(fewer);
    if (result.violations.length > 0) best = { options: fewer, result };
  }
  return best;
}

function print(options: RunOptions, result: RunResult, lines: number): void {
  console.log(result.trace.slice(-lines).join("\n"));
  console.log(options);
  for (const violation of result.violations) console.log(`VIOLATION ${violation}`);
}

class Totals {
  readonly sightings = new Map<string, number>();
  readonly replies = new Map<string, number>();
  readonly healedMs: number[] = [];
  runCount = 0;
  simulatedMs = 0;
  operationCount = 0;
  undecidedCount = 0;
  eventCount = 0;

  add(result: RunResult): void {
    this.runCount++;
    this.simulatedMs += result.tookMs;
    this.operationCount += result.operationCount;
    this.undecidedCount += result.undecidedCount;
    this.eventCount += result.eventCount;
    this.healedMs.push(result.healedMs);
    for (const [what, count] of result.sightings) {
      this.sightings.set(what, (this.sightings.get(what) ?? 0) + count);
    }
    for (const [word, count] of result.replies) this.replies.set(word, (this.replies.get(word) ?? 0) + count);
  }

  print(tookMs: number): void {
    const healed = this.healedMs.sort((a, b) => a - b);
    const shown = (counts: Map<string, number>) =>
      [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([what, count]) => `${what} ×${count}`).join(", ");
    console.log(
      `${this.runCount} runs without a violation in ${(tookMs / 1000).toFixed(1)} s: ` +
        `${Math.round(this.simulatedMs / 1000)} s of simulated time (${
          (this.simulatedMs / tookMs).toFixed(1)
        } a second), ` +
        `${this.eventCount} events, ${this.operationCount} operations, ${this.undecidedCount} histories undecided`,
    );
    console.log(`replies: ${shown(this.replies)}`);
    console.log(`happened: ${shown(this.sightings)}`);
    const at = (share: number) =>
      Math.round(healed[Math.min(healed.length - 1, Math.floor(share * healed.length))] ?? 0);
    console.log(
      `served again after the last fault: median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`,
    );
  }
}

/** Whether all runs were right. */
async function simulate({ seed, seeds, untilMs, lines, fixed }: Flags): Promise<boolean> {
  const beganMs = performance.now();
  let toldMs = beganMs;
  const totals = new Totals();
  for (let i = 0; i < seeds && performance.now() < untilMs; i++) {
    const options = optionsOf((seed + i) >>> 0, fixed);
    const result = await run(options);
    if (result.violations.length > 0) {
      const shrunk = await shrink(options, result);
      print(shrunk.options, shrunk.result, lines);
      console.log(
        `seed ${options.seed} is wrong with ${shrunk.options.faults.length} of its ${options.faults.length} faults; ` +
          `to meet it again: deno task simulate --seeds 1 --seed ${options.seed}`,
      );
      return false;
    }
    totals.add(result);
    if (seeds === 1) print(options, result, lines);
    if (performance.now() - toldMs < PROGRESS_MS) continue;
    toldMs = performance.now();
    console.log(`${totals.runCount} runs from seed ${seed} are right`);
  }
  totals.print(performance.now() - beganMs);
  return true;
}

/** Whether each rule is missed when it is off. With replicas asked for, those of replication, too. */
async function missRules({ seed, seeds, fixed }: Flags): Promise<boolean> {
  let areAllMissed = true;
  const ofReplicas = (fixed.replicas ?? 0) > 0 ? [...REPLICATION_RULES, ...MEMBERSHIP_RULES] : [];
  for (const rule of [...RULES, ...ofReplicas]) {
    const mendRule = rule.breakRule();
    let found: string | null = null;
    for (let i = 0; i < seeds && found === null; i++) {
      const { violations } = await run(optionsOf((seed + i) >>> 0, rule.fixed));
      if (violations.length > 0) found = `seed ${seed + i}: ${violations[0]!.split("\n")[0]}`;
    }
    mendRule();
    areAllMissed &&= found !== null;
    console.log(`${rule.name}\n    ${found ?? `not missed in ${seeds} runs`}`);
  }
  return areAllMissed;
}

try {
  const flags = flagsOf(Deno.args);
  if (flags === "help") console.log(HELP);
  else if (!await (flags.rules ? missRules(flags) : simulate(flags))) Deno.exitCode = 1;
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  console.error(error.message);
  Deno.exitCode = 2;
}
