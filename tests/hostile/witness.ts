/**
 * The well-behaved client: one request at a time on each connection, at a steady pace, on keys of one node. It keeps a
 * record of what it asked, what it was told, and how long that took.
 */
import { type Random, randomBelow } from "../../src/core/random.ts";
import { RespClient } from "../support/resp_client.ts";
import type { Operation } from "../support/linearizability.ts";
import type { Place, Record } from "./record.ts";

const PACE_MS = 25;
/** New keys every so often, so that histories stay short. */
const GENERATION_MS = 4_000;
const KEYS_PER_GENERATION = 8;
/** After this long an answer is taken for lost. */
const ANSWER_TIMEOUT_MS = 20_000;
const RECONNECT_MS = 50;

/** What refuses a request before it runs. */
const REFUSALS = ["READONLY", "CLUSTERDOWN", "LOADING"];

export interface WitnessOptions {
  readonly port: number;
  readonly place: Place;
  /** Hash tags that lie on the node. */
  readonly tags: readonly string[];
  readonly record: Record;
  readonly random: Random;
}

let lastValue = 0;

export class Witness {
  readonly #options: WitnessOptions;
  #client: RespClient | null = null;

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const began = performance.now();
      await this.#operate(this.#key(began));
      await sleep(Math.max(1, PACE_MS - (performance.now() - began)));
    }
    this.#client?.close();
  }

  /** Reads every key once more; what is wrong shows in the histories. */
  async readAgain(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#perform(key, { kind: "get", result: undefined, ...this.#call() });
    this.#client?.close();
    this.#client = null;
  }

  #key(nowMs: number): string {
    const { tags, random, place } = this.#options;
    const tag = tags[randomBelow(random, KEYS_PER_GENERATION) % tags.length]!;
    return `good:${place.target}:${Math.floor(nowMs / GENERATION_MS)}:{${tag}}`;
  }

  #call(): { calledAt: number; returnedAt: number } {
    return { calledAt: performance.now(), returnedAt: Infinity };
  }

  async #operate(key: string): Promise<void> {
    const dice = randomBelow(this.#options.random, 100);
    const call = this.#call();
    if (dice < 45) await this.#perform(key, { kind: "get", result: undefined, ...call });
    else if (dice < 75) await this.#perform(key, { kind: "set", value: String(++lastValue * 1000), ...call });
    else if (dice < 90) await this.#perform(key, { kind: "incr", result: undefined, ...call });
    else await this.#perform(key, { kind: "del", result: undefined, ...call });
  }

  async #perform(key: string, operation: Operation): Promise<void> {
    const { record, place } = this.#options;
    const client = await this.#connected();
    if (client === null) return;
    const request = operation.kind === "set" ? ["SET", key, operation.value] : [operation.kind, key];
    let reply: string;
    const timer = setTimeout(() => client.close(), ANSWER_TIMEOUT_MS);
    try {
      reply = await client.call(...request);
    } catch {
      reply = "-BROKEN connection";
      try {
        client.close();
      } catch {
        // The time-out has closed it.
      }
      this.#client = null;
    }
    clearTimeout(timer);
    const trouble = reply.startsWith("-") ? reply.slice(1).split(" ")[0]! : "";
    record.samples.push({ place, fromMs: operation.calledAt, untilMs: performance.now(), trouble });
    if (REFUSALS.includes(trouble)) return;
    if (trouble === "" && understand(operation, reply)) operation.returnedAt = performance.now();
    else if (trouble !== "BROKEN" && trouble !== "UNCERTAIN") {
      record.violation(`wrong reply to ${request.join(" ")}: ${reply.slice(0, 200)}`);
    }
    record.operation(key, operation);
  }

  /** A connection, or `null` when there is none to be had for the moment. */
  async #connected(): Promise<RespClient | null> {
    const fromMs = performance.now();
    try {
      return this.#client ??= await RespClient.connect(this.#options.port);
    } catch {
      const { record, place } = this.#options;
      record.samples.push({ place, fromMs, untilMs: performance.now(), trouble: "REFUSED" });
      await sleep(RECONNECT_MS);
      return null;
    }
  }
}

/** Notes the answer; `false` for one that the request cannot have. */
function understand(operation: Operation, reply: string): boolean {
  const isNumber = /^-?\d+$/.test(reply);
  switch (operation.kind) {
    case "set":
      return reply === "OK";
    case "get":
      operation.result = reply === "(nil)" ? null : reply;
      return reply === "(nil)" || isNumber;
    case "incr":
      operation.result = reply;
      return isNumber;
    case "del":
      operation.result = reply === "1";
      return reply === "0" || reply === "1";
    default:
      return false;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
