/**
 * A client of the simulated cluster: connects, sends requests, one at a time or several, and keeps a record of what it was
 * told of each. What a request did whose answer it never saw, it does not know.
 */
import { sleep } from "../../src/core/clock.ts";
import { type Random, randomBelow } from "../../src/core/random.ts";
import type { Network } from "../../src/io/network.ts";
import { show } from "../support/resp_client.ts";
import { Conversation } from "./conversation.ts";
import type { SimulatedProcess } from "./machine.ts";
import type { History } from "./history.ts";
import type { Request, Workload } from "./workload.ts";

const CONNECT_TIMEOUT_MS = 1_000;
const ANSWER_TIMEOUT_MS = 6_000;
const RECONNECT_MS = 20;

export interface ClientOptions {
  readonly process: SimulatedProcess;
  readonly network: Network;
  /** Where it connects at first; a `MOVED` sends it elsewhere. */
  readonly ports: readonly number[];
  /** Whether these are nodes'. */
  readonly isDirect: boolean;
  readonly workload: Workload;
  readonly history: History;
  readonly random: Random;
  /** Longest pause between two requests. */
  readonly thinkMs: number;
  /** Most requests in one pipeline. */
  readonly pipelineMax: number;
}

export class SimulatedClient {
  readonly #options: ClientOptions;
  /** Open connections by their port. */
  readonly #conversations = new Map<number, Conversation>();
  /** Where a `MOVED` has sent requests of a key. */
  readonly #portOfKey = new Map<string, number>();
  #isStopped = false;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Sends requests until it is stopped. */
  async run(): Promise<void> {
    const { process: { clock }, random, thinkMs, pipelineMax, workload } = this.#options;
    while (!this.#isStopped) {
      await sleep(clock, randomBelow(random, thinkMs * 10) / 10);
      const count = randomBelow(random, 4) === 0 ? 1 + randomBelow(random, pipelineMax) : 1;
      await this.#perform(Array.from({ length: count }, () => workload.next()));
    }
    for (const conversation of this.#conversations.values()) conversation.close();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Sends `requests` in one go and waits for their replies. */
  async #perform(requests: readonly Request[]): Promise<void> {
    const { process: { clock, name, machine: { scheduler } }, history, isDirect } = this.#options;
    const conversation = await this.#connected(requests[0]!);
    if (conversation === null) return;
    for (const { operations, args } of requests) {
      history.called(operations, scheduler.stamp());
      scheduler.note(`${name} asks ${args.join(" ")}`);
    }
    const timer = clock.after(ANSWER_TIMEOUT_MS, () => conversation.close());
    try {
      await conversation.send(requests.map(({ args }) => args));
      for (const request of requests) {
        const reply = await conversation.receive();
        scheduler.note(`${name} hears ${show(reply)} to ${request.args.join(" ")}`);
        const port = history.answered(request, reply, { stamp: scheduler.stamp(), isDirect });
        if (port !== null) this.#portOfKey.set(request.operations[0]!.key, port);
      }
    } catch {
      scheduler.note(`${name} has lost its connection`);
      conversation.close();
    }
    timer.cancel();
    if (conversation.isClosed) this.#conversations.delete(conversation.port);
  }

  /** A connection for `request`; `null` when there is none to be had for the moment. */
  async #connected({ operations }: Request): Promise<Conversation | null> {
    const { network, ports, random, process: { clock } } = this.#options;
    const { key } = operations[0]!;
    const port = this.#portOfKey.get(key) ?? ports[randomBelow(random, ports.length)]!;
    const open = this.#conversations.get(port);
    if (open !== undefined) return open;
    try {
      const connection = await network.connect({ host: "127.0.0.1", port }, CONNECT_TIMEOUT_MS);
      const conversation = new Conversation(connection, port);
      this.#conversations.set(port, conversation);
      return conversation;
    } catch {
      // The node may not be the right one any more.
      this.#portOfKey.delete(key);
      await sleep(clock, RECONNECT_MS);
      return null;
    }
  }
}
