/**
 * Commands about all keys: they are asked of every node, and the replies are merged. Every part is sent before the
 * next request of the client is routed, so that each node executes a client's requests in their order. What takes long
 * goes by a link of its own, where it holds up nobody; the client's next request then waits until it is answered.
 */
import { bytesOf, textOf } from "../core/bytes.ts";
import { type Random, randomBelow } from "../core/random.ts";
import { COMMAND_SPECS, type CommandSpec } from "../protocol/command_specs.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import type { Request } from "../protocol/request.ts";
import { argumentsOf, type Caller, dialectFor } from "./caller.ts";
import {
  concatenated,
  failureText,
  first,
  itemsOf,
  type Merge,
  mergeParts,
  minimum,
  type Part,
  sum,
} from "./merge.ts";
import type { Gate, Nodes } from "./nodes.ts";

/** A cursor of the balancer is the node's own, times this, plus the node's index. */
const CURSORS_PER_NODE = 256n;
const CURSOR = /^\d{1,20}$/;

/** A node does other things meanwhile, but nothing that came on the same link. */
const TAKES_LONG: ReadonlySet<string> = new Set(["SAVE", "KEYS"]);

const MERGES: Partial<Record<CommandSpec["routing"], Merge>> = {
  "all-sum": sum,
  "all-array": concatenated,
  "all-ok": first,
  "all-min": minimum,
};

/** Which nodes a command about all keys is asked of. */
export interface AskedNodes {
  /** Indexes of the nodes to ask. */
  indexesFor(isWrite: boolean): readonly number[];
  /**
   * `parts` are what the nodes `asked` said to a write. Resolves to those that count, when the nodes that missed it
   * are sure to make up for it.
   */
  afterWrite(asked: readonly number[], parts: readonly Part[]): Promise<readonly Part[]>;
}

/** With slots every node counts: none has a copy of another's keys. */
export function allNodes(nodes: Nodes): AskedNodes {
  return {
    indexesFor: () => nodes.all.map((_, index) => index),
    afterWrite: (_asked, parts) => Promise.resolve(parts),
  };
}

export class FanOut {
  readonly #nodes: Nodes;
  readonly #random: Random;
  readonly #askedNodes: AskedNodes;
  /** Clients whose request takes long. */
  readonly #slow = new Map<Caller["batch"], Gate>();

  constructor(nodes: Nodes, random: Random, askedNodes: AskedNodes) {
    this.#nodes = nodes;
    this.#random = random;
    this.#askedNodes = askedNodes;
  }

  /** Answers a request of a command that is asked of all nodes. Returns a full node when it was not begun. */
  route({ batch, session }: Caller, command: number, request: Request): Gate | null {
    const full = this.#nodes.firstFull();
    if (full !== null) return full;
    const tag = batch.open(dialectFor(request, session));
    const answer = this.#answer(command, argumentsOf(request));
    if (TAKES_LONG.has(COMMAND_SPECS[command]!.name)) {
      const answered = answer.then(() => void this.#slow.delete(batch), () => void this.#slow.delete(batch));
      this.#slow.set(batch, { whenRoom: () => answered });
    }
    batch.answerLater(tag, answer);
    return null;
  }

  /** What the client's requests wait for; `null` when they need not wait. */
  gateOf({ batch }: Caller): Gate | null {
    return this.#slow.size === 0 ? null : this.#slow.get(batch) ?? null;
  }

  #answer(command: number, args: Uint8Array[]): Promise<ReplyValue> {
    const { routing } = COMMAND_SPECS[command]!;
    if (routing === "scan") return this.#scan(args);
    if (routing === "random-key") return this.#randomKey(args);
    return this.#all(command, args);
  }

  async #all(command: number, args: Uint8Array[]): Promise<ReplyValue> {
    const { name, routing, write } = COMMAND_SPECS[command]!;
    const indexes = this.#askedNodes.indexesFor(write);
    const asked = indexes.map((i) =>
      TAKES_LONG.has(name) ? this.#askSlowly(i, args) : this.#ask(i, args, write)
    );
    let parts: readonly Part[] = await Promise.all(asked);
    if (write) parts = await this.#askedNodes.afterWrite(indexes, parts);
    if (parts.length === 0) {
      return { kind: "error", text: `CLUSTERDOWN ${name} failed: no node can be reached` };
    }
    return mergeParts(parts, { command: name, isWrite: write }, MERGES[routing] ?? first);
  }

  async #ask(index: number, args: Uint8Array[], isWrite: boolean): Promise<Part> {
    const node = this.#nodes.all[index]!;
    return { node: node.name, value: await node.ask(args, isWrite) };
  }

  /** On the link for what takes long, once everything that was sent before is executed. */
  async #askSlowly(index: number, args: Uint8Array[]): Promise<Part> {
    const node = this.#nodes.all[index]!;
    return { node: node.name, value: await node.askSlowly(args) };
  }

  /** One step of SCAN, at the node that the cursor names. */
  async #scan(args: Uint8Array[]): Promise<ReplyValue> {
    const text = textOf(args[1]!);
    const cursor = CURSOR.test(text) ? BigInt(text) : -1n;
    if (cursor < 0n || cursor >= 1n << 64n) return { kind: "error", text: "ERR invalid cursor" };
    const indexes = this.#askedNodes.indexesFor(false);
    let index = indexes.find((candidate) => BigInt(candidate) >= cursor % CURSORS_PER_NODE);
    if (index === undefined) return scanReply(0n, []);
    // The node that the cursor belongs to may be gone by now: then the next one is scanned from its start.
    const own = BigInt(index) === cursor % CURSORS_PER_NODE ? cursor / CURSORS_PER_NODE : 0n;
    args[1] = bytesOf(String(own));
    const part = await this.#ask(index, args, false);
    const [next, keys] = itemsOf(part);
    if (next?.kind !== "bulk" || keys?.kind !== "array") {
      if (part.value.kind !== "error") return { kind: "error", text: `ERR SCAN failed on node ${part.node}` };
      // What is wrong with the request itself needs no node's name.
      return part.value.text.startsWith("ERR ")
        ? part.value
        : { kind: "error", text: failureText("SCAN", part) };
    }
    const nodeCursor = BigInt(textOf(next.bytes));
    if (nodeCursor !== 0n) return scanReply(nodeCursor * CURSORS_PER_NODE + BigInt(index), keys.items);
    const done = index;
    index = indexes.find((candidate) => candidate > done);
    return scanReply(index === undefined ? 0n : BigInt(index), keys.items);
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

function scanReply(cursor: bigint, items: ReplyValue[]): ReplyValue {
  return {
    kind: "array",
    items: [{ kind: "bulk", bytes: bytesOf(String(cursor)) }, { kind: "array", items }],
  };
}
