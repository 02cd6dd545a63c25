/** Asks for every key, one after the other, until each was written and read, and for all in one request. */
import { sleep } from "../../src/core/clock.ts";
import type { Network } from "../../src/io/network.ts";
import { BALANCER_PORT } from "./cluster.ts";
import { show } from "../support/resp_client.ts";
import { Conversation } from "./conversation.ts";
import type { History } from "./history.ts";
import type { SimulatedProcess } from "./machine.ts";
import type { Request, Workload } from "./workload.ts";

const AGAIN_MS = 50;
const TIMEOUT_MS = 1_500;

export interface ProberOptions {
  readonly process: SimulatedProcess;
  readonly network: Network;
  readonly workload: Workload;
  readonly history: History;
}

export class Prober {
  readonly #options: ProberOptions;
  readonly #missing: Set<string>;
  #conversation: Conversation | null = null;
  #hadAll = false;
  lastReply = "nothing was heard";

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#missing = new Set(options.workload.keys);
  }

  get isDone(): boolean {
    return this.#hadAll;
  }

  /** Keys that were not served yet. */
  get missing(): string {
    return [...this.#missing].join(", ") || "MGET of all keys";
  }

  async run(): Promise<void> {
    const { workload, process: { clock } } = this.#options;
    while (!this.isDone) {
      for (const key of [...this.#missing]) {
        // What was there is seen before it is written over.
        const requests = [workload.get(key), workload.set(key), workload.get(key)];
        let isServed = true;
        for (const request of requests) isServed = isServed && await this.#ask(request);
        if (isServed) this.#missing.delete(key);
        else await sleep(clock, AGAIN_MS);
      }
      this.#hadAll = this.#missing.size === 0 && await this.#ask(workload.mget());
    }
  }

  /** Whether it was answered. */
  async #ask(request: Request): Promise<boolean> {
    const { history, process: { clock, name, machine: { scheduler } } } = this.#options;
    const timer = clock.after(TIMEOUT_MS, () => this.#conversation?.close());
    try {
      this.#conversation ??= await this.#connect();
      history.called(request.operations, scheduler.stamp());
      scheduler.note(`${name} asks ${request.args.join(" ")}`);
      await this.#conversation.send([request.args]);
      const reply = await this.#conversation.receive();
      this.lastReply = show(reply);
      scheduler.note(`${name} hears ${this.lastReply} to ${request.args.join(" ")}`);
      history.answered(request, reply, { stamp: scheduler.stamp(), isDirect: false });
      return reply.kind !== "error";
    } catch (error) {
      this.lastReply = String(error);
      this.#conversation = null;
      return false;
    } finally {
      timer.cancel();
    }
  }

  async #connect(): Promise<Conversation> {
    const address = { host: "127.0.0.1", port: BALANCER_PORT };
    return new Conversation(await this.#options.network.connect(address, TIMEOUT_MS), BALANCER_PORT);
  }
}
