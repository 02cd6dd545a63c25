/**
 * `deno task chaos`: a balancer and three nodes, from source, with two copies of each shard, under recorded load, while
 * nodes are killed, stopped and cut off. Exits with 1 when a write was lost, a history is not linearizable, an answer
 * was wrong, or keys were without an answer for longer than is promised.
 */
import { MIB } from "../../src/core/limits.ts";
import { type Random, randomBelow } from "../../src/core/random.ts";
import { sleep } from "../support/random_choice.ts";
import { endWithOutside, enter, folderInside, missingTools, must, run } from "../support/seclusion.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { CUT_TOOLS } from "./cuts.ts";
import { FAULTS } from "./faults.ts";
import { Load } from "./load.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { watchProcessorWaits } from "./processor_waits.ts";
import { type Episode, Record } from "./record.ts";
import { Stage } from "./stage.ts";
import { conclude } from "./verdict.ts";

const DISK_BYTES = 768 * MIB;
const WARM_UP_MS = 2_000;
/** By then everybody has noticed a fault. */
const NOTICED_MS = 3_000;
/** After a fault is over, all copies are in sync again within this. */
const HEAL_MS_MAX = 60_000;
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 2_000;

class Run {
  readonly #options: Options;
  readonly #names: readonly string[];
  readonly #random: Random;
  readonly #record = new Record();
  readonly #stage: Stage;
  #isStopped = false;

  constructor(options: Options, folder: string, canCut: boolean) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#stage = new Stage(folder, this.#record);
    const { only } = options;
    this.#names = Object.entries(FAULTS).filter(([name, { needsCuts }]) =>
      (only.length === 0 || only.includes(name)) && (canCut || !needsCuts)
    ).flatMap(([name, { share }]) => Array.from({ length: share }, () => name));
  }

  /** Ends the faults early. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Returns whether all is well. */
  async run(): Promise<boolean> {
    const stage = this.#stage;
    try {
      await stage.start();
      const { shardCount } = stage.topology;
      const random = new SeededRandom(this.#random.u32());
      const load = new Load({ port: stage.port, shardCount, record: this.#record, random });
      if (!await stage.until(() => stage.isWhole, HEAL_MS_MAX)) this.#record.violation(stage.problems);
      load.start();
      const watching = new AbortController();
      const watch = watchProcessorWaits(() => stage.pids, this.#record, watching.signal);
      await sleep(WARM_UP_MS);
      await this.#injectAll(load);
      await load.stop();
      watching.abort();
      await watch;
      await load.readAgain();
      await stage.stop();
      return this.#report(shardCount);
    } finally {
      stage.end();
    }
  }

  async #injectAll(load: Load): Promise<void> {
    const { minutes, kills } = this.#options;
    const endMs = performance.now() + minutes * 60_000;
    const left: string[] = [];
    let killCount = 0;
    while (!this.#isStopped) {
      const isOver = performance.now() > endMs;
      if (isOver && killCount >= kills) break;
      if (left.length === 0) left.push(...this.#names);
      const [drawn] = left.splice(randomBelow(this.#random, left.length), 1);
      const name = isOver ? "kill-node" : drawn!;
      if (name === "kill-node") killCount++;
      const isHealed = await this.#inject(name, load);
      if (!isHealed) break;
      await sleep(PAUSE_MS_MIN + randomBelow(this.#random, PAUSE_MS_MAX - PAUSE_MS_MIN));
      load.nextGeneration();
    }
  }

  /** Returns whether every shard has all its copies again afterwards. */
  async #inject(name: string, load: Load): Promise<boolean> {
    const stage = this.#stage;
    const waitedBefore = await stage.figure("waited_requests");
    let episode: Episode | null = null;
    const hits = (hit: Pick<Episode, "led" | "followed">) => {
      episode = { fault: name, ...hit, fromMs: performance.now(), untilMs: Infinity, waited: 0 };
      this.#record.episodes.push(episode);
    };
    await FAULTS[name]!.inject(stage, this.#random, hits);
    await sleep(NOTICED_MS);
    const sinceMs = performance.now();
    const isHealed = await stage.until(() => stage.isWhole && load.isServedSince(sinceMs), HEAL_MS_MAX);
    if (!isHealed) {
      this.#record.violation(
        `${name}: not whole ${HEAL_MS_MAX / 1000} s after it was over: ${stage.problems}`,
      );
    }
    const waited = await stage.figure("waited_requests");
    const { led, followed } = episode!;
    Object.assign(episode!, {
      untilMs: performance.now(),
      waited: waited < waitedBefore ? waited : waited - waitedBefore,
    });
    stage.checkEnds();
    console.log(
      `${name}: primaries of ${led!.length} shards, replicas of ${followed!.length}; load of the machine ` +
        Deno.loadavg()[0]!.toFixed(1),
    );
    return isHealed;
  }

  async #report(shardCount: number): Promise<boolean> {
    const bounded = Object.entries(FAULTS).filter(([, { isBounded }]) => isBounded).map(([name]) => name);
    console.log(conclude(this.#record, { shardCount, bounded }).join("\n"));
    const { violations, violationCount } = this.#record;
    for (const text of violations) console.log(`VIOLATION: ${text}`);
    if (violationCount > 0) {
      const log = await Deno.makeTempFile({ prefix: "roundel-chaos-", suffix: ".log" });
      await Deno.writeTextFile(log, this.#stage.output);
      console.log(`what the processes printed: ${log}`);
    }
    const outcome = violationCount === 0 ? "all is well" : `${violationCount} violations`;
    console.log(`${outcome} (--seed ${this.#options.seed})`);
    return violationCount === 0;
  }
}

async function runIn(folder: string, options: Options, canCut: boolean): Promise<number> {
  const chaos = new Run(options, folder, canCut);
  let isInterrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      isInterrupted = true;
      chaos.stop();
    });
  }
  const isWell = await chaos.run();
  return !isWell ? 1 : isInterrupted ? 130 : 0;
}

async function main(): Promise<number> {
  let options: Options | "help";
  try {
    options = parseOptions(Deno.args, Object.keys(FAULTS));
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (options === "help") {
    console.log(HELP);
    return 0;
  }
  const inside = folderInside();
  if (inside !== null) {
    void endWithOutside();
    await must("ip", "link", "set", "lo", "up");
    // No disk that others keep busy has a part in what is measured.
    await must("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", inside);
    return await runIn(inside, options, true);
  }
  const { minutes, seed, kills, only } = options;
  console.log(`${minutes} minutes, --seed ${seed}`);
  const why = await whyNoCuts();
  if (why === null) {
    const args = ["--minutes", `${minutes}`, "--seed", `${seed}`, "--kills", `${kills}`];
    if (only.length > 0) args.push("--only", only.join());
    return await enter(new URL(import.meta.url).pathname, args);
  }
  console.log(`Without cuts: ${why}`);
  const folder = await Deno.makeTempDir({ prefix: "roundel-chaos-" });
  try {
    return await runIn(folder, options, false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Why there can be no network of our own here; `null` when there can be. */
async function whyNoCuts(): Promise<string | null> {
  const missing = await missingTools(CUT_TOOLS);
  if (missing !== null) return missing;
  const user = Deno.uid() === 0 ? [] : ["--user", "--map-root-user"];
  const { success, output } = await run("unshare", ...user, "--net", "iptables", "-L", "INPUT");
  return success ? null : output.trim();
}

Deno.exit(await main());
