/**
 * The load: clients with a mix of requests on keys of all shards, and for each shard a prober that asks for its keys at
 * a steady pace, so that it shows when the shard is served. All they ask and are told is recorded, key by key.
 */
import { bytesOf } from "../../src/core/bytes.ts";
import { type Random, randomBelow } from "../../src/core/random.ts";
import { shardOfSlot } from "../../src/core/shard_ranges.ts";
import { slotOfKey } from "../../src/core/slot.ts";
import type { Operation } from "../support/linearizability.ts";
import { pick, sleep } from "../support/random_choice.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { type Answer, CLIENT_KINDS, ErrorReply, type LoadClient, plain } from "./load_client.ts";
import type { Record } from "./record.ts";

const CLIENT_COUNT = 12;
const CLIENT_PACE_MS = 8;
const PROBE_PACE_MS = 12;
const KEYS_PER_SHARD = 16;
const MGET_KEYS = 6;
/** Keys that are read at once at the end. */
const READ_AGAIN_KEYS = 50;
const RECONNECT_MS = 20;
/** An answer that has not come after this is taken for lost, and for a fault of the server. */
const ANSWER_MS_MAX = 20_000;

/** What refuses a request before it runs. */
const REFUSALS = ["READONLY", "CLUSTERDOWN", "LOADING", "TRYAGAIN", "MOVED", "NOREPLICAS", "OOM"];

interface KeyOperation {
  readonly key: string;
  readonly operation: Operation;
}

export interface LoadOptions {
  readonly port: number;
  readonly shardCount: number;
  readonly record: Record;
  readonly random: Random;
}

export class Load {
  readonly #options: LoadOptions;
  /** By shard, tags that keys of it have. */
  readonly #tags: readonly (readonly string[])[];
  readonly #stop = new AbortController();
  #generation = 0;
  #lastValue = 0;
  #running: Promise<void>[] = [];
  /** By shard, when its prober was answered last. */
  readonly #servedMs: number[];

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#tags = tagsOf(options.shardCount);
    this.#servedMs = this.#tags.map(() => 0);
  }

  start(): void {
    const random = () => new SeededRandom(this.#options.random.u32());
    const allShards = this.#tags.map((_, shard) => shard);
    for (let i = 0; i < CLIENT_COUNT; i++) {
      const connect = CLIENT_KINDS[i % CLIENT_KINDS.length]!;
      this.#running.push(this.#run({ connect, random: random(), shards: allShards, isProber: false }));
    }
    for (const shard of allShards) {
      this.#running.push(this.#run({ connect: plain, random: random(), shards: [shard], isProber: true }));
    }
    this.#running.push(this.#watchOwnTimers());
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  /** From now on other keys, so that histories stay short; the old ones are read once more at the end. */
  nextGeneration(): void {
    this.#generation++;
  }

  /** Whether every shard has answered since `ms`. */
  isServedSince(ms: number): boolean {
    return this.#servedMs.every((servedMs) => servedMs > ms);
  }

  /** Reads every key once more; what is lost shows in the histories. */
  async readAgain(): Promise<void> {
    const keys = [...this.#options.record.histories.keys()];
    const client = await plain(this.#options.port);
    for (let at = 0; at < keys.length; at += READ_AGAIN_KEYS) {
      const isKnown = await this.#perform(client, mget(keys.slice(at, at + READ_AGAIN_KEYS)));
      if (!isKnown) this.#options.record.violation("what was written cannot be read at the end");
    }
    client.close();
  }

  async #run({ connect, random, shards, isProber }: {
    connect: (port: number) => Promise<LoadClient>;
    random: Random;
    shards: readonly number[];
    isProber: boolean;
  }): Promise<void> {
    let client: LoadClient | null = null;
    while (!this.#stop.signal.aborted) {
      const fromMs = performance.now();
      try {
        client ??= await connect(this.#options.port);
      } catch {
        this.#sampled(isProber, shards[0]!, fromMs, false);
        await sleep(RECONNECT_MS);
        continue;
      }
      const isAnswered = await this.#perform(client, this.#draw(random, shards));
      this.#sampled(isProber, shards[0]!, fromMs, isAnswered === true);
      if (isAnswered === null) {
        close(client);
        client = null;
      }
      const paceMs = isProber ? PROBE_PACE_MS : CLIENT_PACE_MS;
      await sleep(Math.max(1, paceMs - (performance.now() - fromMs)));
    }
    if (client !== null) close(client);
  }

  #sampled(isProber: boolean, shard: number, fromMs: number, isAnswered: boolean): void {
    if (!isProber) return;
    const untilMs = performance.now();
    this.#options.record.samples.push({ shard, fromMs, untilMs, isAnswered });
    if (isAnswered) this.#servedMs[shard] = untilMs;
  }

  #draw(random: Random, shards: readonly number[]): Drawn {
    const number = randomBelow(random, KEYS_PER_SHARD);
    const keyIn = (shard: number, i: number) =>
      `chaos:${this.#generation}:${i}:{${this.#tags[shard]![i % this.#tags[shard]!.length]}}`;
    const key = keyIn(pick(shards, random), number);
    const dice = randomBelow(random, 100);
    // Even ones hold numbers, odd ones words.
    const isCounter = number % 2 === 0;
    const value = ++this.#lastValue;
    const call = { calledAt: 0, returnedAt: Infinity };
    if (dice < 10 && shards.length > 1) {
      const keys = new Set([key]);
      while (keys.size < MGET_KEYS) {
        keys.add(keyIn(pick(shards, random), randomBelow(random, KEYS_PER_SHARD)));
      }
      return mget([...keys]);
    }
    if (dice < 40) return one(["GET", key], { kind: "get", result: undefined, ...call });
    if (dice < 65) {
      const text = isCounter ? String(value * 1000) : `${value},`;
      return one(["SET", key, text], { kind: "set", value: text, ...call });
    }
    if (dice < 75) return one(["DEL", key], { kind: "del", result: undefined, ...call });
    return isCounter
      ? one(["INCR", key], { kind: "incr", result: undefined, ...call })
      : one(["APPEND", key, `${value},`], {
        kind: "append",
        value: `${value},`,
        result: undefined,
        ...call,
      });
  }

  /** Whether there was an answer; `null` when the connection broke. */
  async #perform(client: LoadClient, { request, operations, isRead }: Drawn): Promise<boolean | null> {
    const { record } = this.#options;
    const fromMs = performance.now();
    for (const { operation } of operations) (operation as { calledAt: number }).calledAt = fromMs;
    const timer = setTimeout(() => {
      record.violation(`no answer to ${request.slice(0, 2).join(" ")} within ${ANSWER_MS_MAX / 1000} s`);
      close(client);
    }, ANSWER_MS_MAX);
    let answer: Answer;
    try {
      answer = await client.call(request);
    } catch (error) {
      const text = error instanceof ErrorReply ? error.message : `BROKEN ${error}`;
      return this.#troubled({ request, operations, isRead }, text, fromMs);
    } finally {
      clearTimeout(timer);
    }
    const untilMs = performance.now();
    const answers = Array.isArray(answer) ? answer : [answer];
    if (
      answers.length !== operations.length ||
      !operations.every(({ operation }, i) => understand(operation, answers[i]))
    ) record.violation(`wrong reply to ${request.join(" ")}: ${JSON.stringify(answer).slice(0, 200)}`);
    for (const { key, operation } of operations) {
      operation.returnedAt = untilMs;
      record.operation(key, operation);
    }
    return true;
  }

  #troubled({ operations, isRead }: Drawn, text: string, fromMs: number): false | null {
    const { record, shardCount } = this.#options;
    const kind = text.split(" ")[0]!;
    const shards = [...new Set(operations.map(({ key }) => shardOf(key, shardCount)))];
    record.troubles.push({ kind, text, isRead, shards, fromMs, untilMs: performance.now() });
    if (REFUSALS.includes(kind)) return false;
    for (const { key, operation } of operations) {
      record.operation(key, operation);
      if (kind === "UNCERTAIN") record.toldUncertain(key, operation);
    }
    return kind === "BROKEN" ? null : false;
  }

  async #watchOwnTimers(): Promise<void> {
    const { record } = this.#options;
    while (!this.#stop.signal.aborted) {
      const fromMs = performance.now();
      await sleep(PROBE_PACE_MS);
      record.ownLatenessMs = Math.max(record.ownLatenessMs, performance.now() - fromMs - PROBE_PACE_MS);
    }
  }
}

interface Drawn {
  readonly request: readonly string[];
  readonly operations: readonly KeyOperation[];
  readonly isRead: boolean;
}

function one(request: readonly string[], operation: Operation): Drawn {
  return { request, operations: [{ key: request[1]!, operation }], isRead: operation.kind === "get" };
}

function mget(keys: readonly string[]): Drawn {
  const operations = keys.map((key): KeyOperation => ({
    key,
    operation: { kind: "get", result: undefined, calledAt: 0, returnedAt: Infinity },
  }));
  return { request: ["MGET", ...keys], operations, isRead: true };
}

/** Notes the answer; `false` for one that the request cannot have. */
function understand(operation: Operation, answer: Answer | undefined): boolean {
  switch (operation.kind) {
    case "set":
      return answer === "OK";
    case "get":
      operation.result = answer as string | null;
      return answer === null || typeof answer === "string";
    case "incr":
      operation.result = String(answer);
      return typeof answer === "number";
    case "append":
      operation.result = answer as number;
      return typeof answer === "number";
    case "del":
      operation.result = answer === 1;
      return answer === 0 || answer === 1;
    default:
      return false;
  }
}

function shardOf(key: string, shardCount: number): number {
  const bytes = bytesOf(key);
  return shardOfSlot(slotOfKey(bytes, 0, bytes.length), shardCount);
}

/** For each shard hash tags of keys that lie in it. */
function tagsOf(shardCount: number): string[][] {
  const tags = Array.from({ length: shardCount }, () => [] as string[]);
  for (let i = 0; tags.some(({ length }) => length < KEYS_PER_SHARD / 2); i++) {
    tags[shardOf(`t${i}`, shardCount)]!.push(`t${i}`);
  }
  return tags;
}

function close(client: LoadClient): void {
  try {
    client.close();
  } catch {
    // Closed already.
  }
}
