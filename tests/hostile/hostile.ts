/**
 * `deno task hostile`: a standalone node and a cluster, from source, under everything that clients, networks and disks
 * do, beside a well-behaved client. Exits with 1 when a process ended by itself, held too much memory, answered
 * wrongly, or made the well-behaved client wait.
 */
import { SeededRandom } from "../support/seeded_random.ts";
import { randomBelow } from "../../src/core/random.ts";
import { attackCommand, ENVIRONMENT } from "./environment.ts";
import { pick, sleep } from "../support/random_choice.ts";
import { MemoryWatch } from "./memory_watch.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { Record } from "./record.ts";
import { endWithOutside, enter, folderInside, missingTools, must } from "../support/seclusion.ts";
import { Stage } from "./stage.ts";
import { TRAFFIC } from "./traffic.ts";
import { conclude } from "./verdict.ts";
import { Witness } from "./witness.ts";

const ATTACK_MS_MIN = 3_000;
const ATTACK_MS_MAX = 9_000;
/** Between two faults of one kind of faults. */
const PAUSE_MS = 1_000;
/** What is still wrong after this, once all faults are over, is wrong for good. */
const CALM_MS = 3_000;

class Run {
  readonly #options: Options;
  readonly #record = new Record();
  readonly #memory = new MemoryWatch(this.#record);
  readonly #stop = new AbortController();
  readonly #stage: Stage;

  constructor(options: Options, folder: string) {
    this.#options = options;
    this.#stage = new Stage(folder, this.#record);
  }

  /** Ends the faults early. */
  stop(): void {
    this.#stop.abort();
  }

  /** Returns whether all is well. */
  async run(): Promise<boolean> {
    const { minutes, seed } = this.#options;
    const random = new SeededRandom(seed);
    const stage = this.#stage;
    await stage.start();
    const watching = new AbortController();
    const memory = this.#memory.run(() => stage.watched, watching.signal);
    const witnesses = stage.places.flatMap((place) =>
      Array.from({ length: 3 }, () => this.#witness(place, random))
    );
    const witnessing = witnesses.map((witness) => witness.run(watching.signal));

    const timer = setTimeout(() => this.stop(), minutes * 60_000);
    await Promise.all([
      this.#lane(
        Object.keys(ENVIRONMENT),
        new SeededRandom(random.u32()),
        (name, lane) => ENVIRONMENT[name]!.inject(stage, lane),
      ),
      this.#lane(
        Object.keys(TRAFFIC),
        new SeededRandom(random.u32()),
        (name, lane) => this.#attack(name, lane),
      ),
    ]);
    clearTimeout(timer);
    await sleep(CALM_MS);
    watching.abort();
    await Promise.all([memory, ...witnessing]);
    await this.#readAllAgain(random);
    await stage.stop();
    return this.#report();
  }

  #witness(place: Stage["places"][number], random: SeededRandom): Witness {
    return new Witness({
      place,
      port: this.#stage.portOf(place),
      tags: this.#stage.tagsOf(place),
      record: this.#record,
      random: new SeededRandom(random.u32()),
    });
  }

  /** One fault after the other, each kind once before any comes again. */
  async #lane(
    all: readonly string[],
    random: SeededRandom,
    inject: (name: string, random: SeededRandom) => Promise<void>,
  ): Promise<void> {
    const { only } = this.#options;
    const names = all.filter((name) => only.length === 0 || only.includes(name));
    const left: string[] = [];
    while (names.length > 0 && !this.#stop.signal.aborted) {
      if (left.length === 0) left.push(...names);
      const [name] = left.splice(randomBelow(random, left.length), 1);
      const episode = { fault: name!, fromMs: performance.now(), untilMs: Infinity };
      this.#record.episodes.push(episode);
      try {
        await inject(name!, random);
      } catch (error) {
        this.#record.violation(`${name} could not be injected: ${error}`);
      }
      this.#stage.checkEnds();
      episode.untilMs = performance.now();
      await sleep(PAUSE_MS);
    }
  }

  /** Attacks the node and the cluster at once. */
  async #attack(kind: string, random: SeededRandom): Promise<void> {
    const ms = ATTACK_MS_MIN + randomBelow(random, ATTACK_MS_MAX - ATTACK_MS_MIN);
    const ports = new Set(this.#stage.places.map((place) => this.#stage.portOf(place)));
    await Promise.all([...ports].map(async (port) => {
      const [command, ...args] = attackCommand(kind, "127.0.0.1", port, random.u32() >>> 1, ms);
      await new Deno.Command(command!, { args, stdin: "null" }).spawn().status;
    }));
  }

  async #readAllAgain(random: SeededRandom): Promise<void> {
    const keys = [...this.#record.histories.keys()];
    for (const target of ["node", "cluster"]) {
      const place = pick(this.#stage.places.filter((other) => other.target === target), random);
      await this.#witness(place, random).readAgain(keys.filter((key) => key.startsWith(`good:${target}:`)));
    }
  }

  #report(): boolean {
    const lines = conclude(this.#record, this.#memory.peaks);
    console.log(lines.join("\n"));
    const { violations, violationCount } = this.#record;
    for (const text of violations) console.log(`VIOLATION: ${text}`);
    const outcome = violationCount === 0 ? "all is well" : `${violationCount} violations`;
    console.log(`${outcome} (--seed ${this.#options.seed})`);
    return violationCount === 0;
  }
}

/** The tools that the chosen faults need. */
function toolsFor(only: readonly string[]): string[] {
  const faults = Object.entries(ENVIRONMENT).filter(([name]) => only.length === 0 || only.includes(name));
  return ["unshare", "mount", "nice", "ip", ...faults.flatMap(([, { tools }]) => tools)];
}

async function inside(options: Options, folder: string): Promise<number> {
  void endWithOutside();
  await must("ip", "link", "set", "lo", "up");
  const run = new Run(options, folder);
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      interrupted = true;
      run.stop();
    });
  }
  const isWell = await run.run();
  return !isWell ? 1 : interrupted ? 130 : 0;
}

async function main(): Promise<number> {
  let options: Options | "help";
  try {
    options = parseOptions(Deno.args, [...Object.keys(ENVIRONMENT), ...Object.keys(TRAFFIC)]);
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (options === "help") {
    console.log(HELP);
    return 0;
  }
  const folder = folderInside();
  if (folder !== null) return await inside(options, folder);
  const missing = await missingTools(toolsFor(options.only));
  if (missing !== null) {
    console.error(missing);
    return 2;
  }
  console.log(`${options.minutes} minutes, --seed ${options.seed}`);
  const args = ["--minutes", `${options.minutes}`, "--seed", `${options.seed}`];
  if (options.only.length > 0) args.push("--only", options.only.join());
  return await enter(new URL(import.meta.url).pathname, args);
}

Deno.exit(await main());
