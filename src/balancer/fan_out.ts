/**
 * Commands about all keys: they are asked of every node, and the replies are merged. Every part is sent before the
 * next request of the client is routed, so that each node executes a client's requests in their order. What takes long
 * goes by a link of its own, where it holds up nobody; the client's next request then waits until it is answered. So does
 * what comes behind KEYS, whose reply is handed over while it arrives: see `all_keys.ts`.
 */
import type { AllKeys } from "./all_keys.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { FAILOVER_WAIT_MS, HOLD_LOOK_MS, SEND_ATTEMPTS_MAX } from "../core/limits.ts";
import { type Random, randomBelow } from "../core/random.ts";
import { slotRangeOf } from "../core/shard_ranges.ts";
import { IS_WRITE } from "../protocol/command_columns.ts";
import { COMMAND_SPECS, type CommandSpec } from "../protocol/command_specs.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import type { Request } from "../protocol/request.ts";
import { argumentsOf, type Caller, dialectFor } from "./caller.ts";
import { failureText, first, type Merge, mergeParts, minimum, type Part, sum } from "./merge.ts";
import type { Gate } from "./gate.ts";
import type { Nodes } from "./nodes.ts";
import { effectOnSeveral } from "./effects.ts";
import { scan, type ScanPlan } from "./scan.ts";

/** A node does other things meanwhile, but nothing that came on the same link. */
const TAKES_LONG: ReadonlySet<string> = new Set(["SAVE"]);

const MERGES: Partial<Record<CommandSpec["routing"], Merge>> = {
  "all-sum": sum,
  "all-ok": first,
  "all-min": minimum,
};

/** Which nodes a command about all keys is asked of. */
export interface AskedNodes {
  /** Indexes of the nodes to ask. */
  indexesFor(isWrite: boolean): readonly number[];
  /** How SCAN goes through the keys of them. */
  scanPlan(): ScanPlan;
  /**
   * `parts` are what the nodes `asked` said to a write. Resolves to those that count, when the nodes that missed it
   * are sure to make up for it.
   */
  afterWrite(asked: readonly number[], parts: readonly Part[]): Promise<readonly Part[]>;
}

/** With slots every node counts that serves any: it answers for what it serves, not for copies of others' keys. */
export function allNodes(nodes: Nodes): AskedNodes {
  return {
    indexesFor: () => nodes.serving(),
    scanPlan: () => ({
      partCount: nodes.shardCount,
      partAt: (shard) => {
        const slot = slotRangeOf(shard, nodes.shardCount).first;
        const node = nodes.ofSlot(slot);
        return { shard, node: node.name, ask: (args) => node.ask(args, false, slot) };
      },
    }),
    afterWrite: (_asked, parts) => Promise.resolve(parts),
  };
}

export interface FanOutOptions {
  readonly nodes: Nodes;
  readonly clock: Clock;
  readonly random: Random;
  readonly askedNodes: AskedNodes;
  readonly allKeys: AllKeys;
}

export class FanOut {
  readonly #nodes: Nodes;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #askedNodes: AskedNodes;
  readonly #allKeys: AllKeys;
  /** Clients whose request takes long. */
  readonly #slow = new Map<Caller["outbox"], Gate>();

  constructor({ nodes, clock, random, askedNodes, allKeys }: FanOutOptions) {
    this.#nodes = nodes;
    this.#clock = clock;
    this.#random = random;
    this.#askedNodes = askedNodes;
    this.#allKeys = allKeys;
  }

  /** Answers a request of a command that is asked of all nodes. Returns what it has to wait for when it was not begun. */
  route({ outbox, session }: Caller, command: number, request: Request): Gate | null {
    const gate = this.#nodes.gateOfAll(IS_WRITE[command] === 1);
    if (gate !== null) return gate;
    const tag = outbox.open(dialectFor(request, session), effectOnSeveral(IS_WRITE[command] === 1));
    if (COMMAND_SPECS[command]!.routing === "all-array") {
      const nodes = () => this.#askedNodes.indexesFor(false).map((index) => this.#nodes.all[index]!);
      outbox.putLater(tag, this.#allKeys.reply(argumentsOf(request), nodes));
      return null;
    }
    const answer = this.#answer(command, argumentsOf(request));
    // With replicas it may have to be asked again, and nothing of the client is to overtake it.
    if (TAKES_LONG.has(COMMAND_SPECS[command]!.name) || this.#nodes.isReplicated) {
      const answered = answer.then(
        () => void this.#slow.delete(outbox),
        () => void this.#slow.delete(outbox),
      );
      this.#slow.set(outbox, { whenRoom: () => answered });
    }
    outbox.answerLater(tag, answer);
    return null;
  }

  /** What the client's requests wait for; `null` when they need not wait. */
  gateOf({ outbox }: Caller): Gate | null {
    return this.#slow.size === 0 ? null : this.#slow.get(outbox) ?? null;
  }

  #answer(command: number, args: Uint8Array[]): Promise<ReplyValue> {
    const { routing } = COMMAND_SPECS[command]!;
    if (routing === "scan") return scan(args, this.#askedNodes.scanPlan());
    if (routing === "random-key") return this.#randomKey(args);
    return this.#all(command, args);
  }

  async #all(command: number, args: Uint8Array[]): Promise<ReplyValue> {
    const { name, routing, write } = COMMAND_SPECS[command]!;
    let indexes: readonly number[];
    let parts: readonly Part[];
    for (let attempts = 1;; attempts++) {
      const { all } = this.#nodes;
      indexes = this.#askedNodes.indexesFor(write);
      const asked = indexes.map((i) =>
        TAKES_LONG.has(name) ? this.#askSlowly(i, args) : this.#ask(i, args, write)
      );
      parts = await Promise.all(asked);
      // Where another topology came meanwhile, others may know what one that is gone would have said; and with replicas a
      // shard may have gone from one that had not answered yet to one that had, so that nobody spoke for it.
      const isOutdated = this.#nodes.all !== all &&
        (this.#nodes.isReplicated || (!write && parts.some(({ value }) => value.kind === "error")));
      if (!isOutdated || attempts === SEND_ATTEMPTS_MAX) break;
    }
    if (write) parts = await this.#askedNodes.afterWrite(indexes, parts);
    if (parts.length === 0) {
      return { kind: "error", text: `CLUSTERDOWN ${name} failed: no node can be reached` };
    }
    return mergeParts(parts, { command: name, isWrite: write }, MERGES[routing] ?? first);
  }

  async #ask(index: number, args: Uint8Array[], isWrite: boolean): Promise<Part> {
    const node = this.#nodes.all[index]!;
    const sinceMs = this.#clock.monotonicMs();
    while (true) {
      const value = await node.ask(args, isWrite);
      const isNotServed = value.kind === "error" && value.text.startsWith("TRYAGAIN ");
      if (!isNotServed || this.#clock.monotonicMs() - sinceMs >= FAILOVER_WAIT_MS) {
        return { node: node.name, value };
      }
      await sleep(this.#clock, HOLD_LOOK_MS);
    }
  }

  /** On the link for what takes long, once everything that was sent before is executed. */
  async #askSlowly(index: number, args: Uint8Array[]): Promise<Part> {
    const node = this.#nodes.all[index]!;
    return { node: node.name, value: await node.askSlowly(args) };
  }

  /** Asks nodes, beginning with any, until one has a key. */
  async #randomKey(args: Uint8Array[]): Promise<ReplyValue> {
    const indexes = this.#askedNodes.indexesFor(false);
    const begin = randomBelow(this.#random, Math.max(1, indexes.length));
    let failed: ReplyValue | null = null;
    for (let i = 0; i < indexes.length; i++) {
      const part = await this.#ask(indexes[(begin + i) % indexes.length]!, args, false);
      if (part.value.kind === "error") failed = { kind: "error", text: failureText("RANDOMKEY", part) };
      else if (part.value.kind !== "nil") return part.value;
    }
    return failed ?? { kind: "nil" };
  }
}
