/**
 * Routing by turns: each write goes to the next node and is removed from the others; a read asks one node after the
 * other until one has the key. For caches: simple commands with one key only.
 *
 * Invariant: of the nodes that serve, at most one has a key. A node that is away may have missed a removal; before a
 * write is acknowledged, every node that is away and may have the key is marked stale, durably, and a stale node is
 * emptied before it serves again. So what a stale node has does not count, and a write that got no answer from its
 * node may be done again elsewhere once that node is marked.
 *
 * Operations on one key come one after the other, so that nobody sees a write half done.
 */
import { latin1Of, textOf } from "../core/bytes.ts";
import { messageOf } from "../core/errors.ts";
import type { Random } from "../core/random.ts";
import { FIRST_KEY, IS_WRITE, KEY_STEP, lastKeyOf } from "../protocol/command_columns.ts";
import { COMMAND_SPECS } from "../protocol/command_specs.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import { argumentsOf, type Caller, dialectFor } from "./caller.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { slotOfKey } from "../core/slot.ts";
import { isTooLong } from "../link/ask.ts";
import { encodeRequest } from "../protocol/request_encoder.ts";
import { effectOn } from "./effects.ts";
import type { LongReplies } from "./long_replies.ts";
import type { PortionedReply } from "./portioned_reply.ts";
import type { AskedNodes } from "./fan_out.ts";
import { KeyQueue } from "./key_queue.ts";
import type { KeyedRouter, RoutedRequest } from "./keyed_router.ts";
import { LocationCache } from "./location_cache.ts";
import type { Part } from "./merge.ts";
import type { Gate } from "./gate.ts";
import type { Nodes } from "./nodes.ts";
import { ROUTE_SAME_SLOT, routeOf } from "./routes.ts";
import type { ScanPlan } from "./scan.ts";
import type { TopologySource } from "../controller/topology_source.ts";

/** Commands that replace whatever there was; SET does so unless one of the options below is there. */
const OVERWRITES = new Set(["SET", "SETEX", "PSETEX", "MSET"]);
const LOOKING_OPTIONS = new Set(["NX", "XX", "GET", "KEEPTTL"]);
/** Writes that do nothing to a key that is nowhere. */
const NEVER_CREATES = new Set(["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT", "PERSIST", "GETEX"]);
const NOWHERE = -1;
const OLD_VALUE_TOO_LONG =
  "ERR The old value is too long to be told by this command with round-robin routing; " +
  "read it with GET first";

/** One request on its way. */
interface Job {
  readonly command: number;
  readonly args: readonly Uint8Array[];
  readonly key: Uint8Array;
}

/** What a node said. */
interface Said {
  readonly index: number;
  readonly value: ReplyValue;
}

export class RoundRobin implements KeyedRouter, AskedNodes {
  readonly #nodes: Nodes;
  readonly #source: TopologySource;
  readonly #queue = new KeyQueue();
  readonly #locations: LocationCache;
  readonly #longReplies: LongReplies;
  /** Where the next search begins: apart from the turns of writes, which would be uneven otherwise. */
  #searchTurn = 0;
  /** Whether every node was reached, or could not be for the time that requests wait for one. */
  #areTried = false;

  constructor(
    nodes: Nodes,
    source: TopologySource,
    { random, longReplies }: { random: Random; longReplies: LongReplies },
  ) {
    this.#nodes = nodes;
    this.#source = source;
    this.#longReplies = longReplies;
    this.#locations = new LocationCache(random);
  }

  route({ outbox, session }: Caller, { command, request }: RoutedRequest): Gate | null {
    const full = this.#nodes.firstFull(IS_WRITE[command] === 1);
    if (full !== null) return full;
    const first = FIRST_KEY[command]!;
    const slot = slotOfKey(request.bytes, request.starts[first]!, request.ends[first]!);
    const tag = outbox.open(dialectFor(request, session), effectOn(slot, IS_WRITE[command] === 1));
    const isOneKey = lastKeyOf(command, request.argumentCount) < first + KEY_STEP[command]!;
    if (!isOneKey || routeOf[command] === ROUTE_SAME_SLOT) {
      const { name } = COMMAND_SPECS[command]!;
      const many = routeOf[command] === ROUTE_SAME_SLOT ? "" : " for several keys";
      outbox.answer(tag, {
        kind: "error",
        text: `ERR ${name} is not available${many} with round-robin routing`,
      });
      return null;
    }
    const args = argumentsOf(request);
    const key = args[first]!;
    this.#queue.run(latin1Of(key), () => outbox.answerLater(tag, this.#serve({ command, args, key })));
    return null;
  }

  /** All nodes that serve: what the others have does not count. */
  indexesFor(): readonly number[] {
    return this.#indexes().filter((index) => this.#nodes.isUsable(index));
  }

  /** Each node has one shard of everything. */
  scanPlan(): ScanPlan {
    const indexes = this.indexesFor();
    return {
      partCount: this.#nodes.all.length,
      partAt: (index) => {
        const node = this.#nodes.all[index]!;
        if (!indexes.includes(index)) return null;
        return { shard: 0, node: node.name, ask: (args) => node.ask(args, false) };
      },
    };
  }

  async afterWrite(asked: readonly number[], parts: readonly Part[]): Promise<readonly Part[]> {
    const done = parts.filter((part) => part.value.kind !== "error");
    if (done.length === 0) return parts;
    const failed = asked.filter((_, i) => parts[i]!.value.kind === "error");
    const missed = this.#indexes().filter((index) => !asked.includes(index) || failed.includes(index));
    const refusal = await this.#giveUp(missed);
    return refusal === null ? done : [{ node: "", value: refusal }];
  }

  async #serve(job: Job): Promise<ReplyValue | PortionedReply> {
    if (!this.#areTried) await this.#tryAll();
    const { name } = COMMAND_SPECS[job.command]!;
    if (IS_WRITE[job.command] === 0) return name === "GET" ? await this.#get(job) : await this.#read(job);
    const value = isOverwrite(name, job.args) ? await this.#overwrite(job) : await this.#update(job, name);
    return isTooLong(value) ? { kind: "error", text: OLD_VALUE_TOO_LONG } : value;
  }

  /** What node `index` said to a read; or its long reply, which is fetched when it is the client's turn. */
  #said({ args }: Job, { index, value }: Said): ReplyValue | PortionedReply {
    if (!isTooLong(value)) return value;
    const request = new OutputBuffer();
    encodeRequest(request, args);
    return this.#longReplies.fromNode(this.#nodes.all[index]!, request.view());
  }

  /** GET: the value itself says whether it is there. */
  async #get(job: Job): Promise<ReplyValue | PortionedReply> {
    const { args, key } = job;
    let last: ReplyValue | null = null;
    for (const index of this.#order(this.#locations.get(key))) {
      const value = await this.#ask(index, args, false);
      if (value.kind === "bulk" || isTooLong(value)) this.#locations.set(key, index);
      if (!isUnreachable(value) && value.kind !== "nil") return this.#said(job, { index, value });
      if (last === null || value.kind === "nil") last = value;
    }
    return last ?? this.#ask(this.#anyIndex(), args, false);
  }

  async #read(job: Job): Promise<ReplyValue | PortionedReply> {
    const found = await this.#locate(job.key);
    const index = found === NOWHERE ? this.#anyIndex() : found;
    return this.#said(job, { index, value: await this.#ask(index, job.args, false) });
  }

  /** A write that does not care what was there before. */
  async #overwrite(job: Job): Promise<ReplyValue> {
    const known = this.#locations.get(job.key);
    const { index, value } = await this.#place(job);
    if (value.kind === "error") return value;
    const others = (known === NOWHERE ? this.#indexes() : [known]).filter((other) => other !== index);
    const left = await Promise.all(others.map((other) => this.#remove(other, job.key)));
    const refusal = await this.#giveUp(others.filter((_, i) => !left[i]));
    if (refusal !== null) return refusal;
    this.#locations.set(job.key, index);
    return value;
  }

  /** A write that builds on what is there: at the node that has it, or else at the next in turn. */
  async #update(job: Job, name: string): Promise<ReplyValue> {
    const known = this.#locations.get(job.key);
    const unasked = this.#indexes().filter((index) => !this.#nodes.isUsable(index));
    const found = await this.#locate(job.key);
    if (found !== NOWHERE) return this.#ask(found, job.args, true);
    const { index, value } = await this.#place(job);
    if (value.kind === "error" || NEVER_CREATES.has(name)) return value;
    const refusal = await this.#giveUp(unasked.filter((other) => known === NOWHERE || other === known));
    if (refusal !== null) return refusal;
    this.#locations.set(job.key, index);
    return value;
  }

  /** Runs a write at the next node in turn; at the one after that, when it cannot be reached or does not answer. */
  async #place({ args }: Job): Promise<Said> {
    const count = this.#nodes.all.length;
    let said: Said = { index: this.#nodes.nextInTurn(), value: { kind: "nil" } };
    for (let tries = 0; tries < count; tries++) {
      if (tries > 0) said = { index: this.#nodes.nextInTurn(), value: said.value };
      said = { index: said.index, value: await this.#ask(said.index, args, true) };
      if (!isUnreachable(said.value)) return said;
      if (isUncertain(said.value)) {
        if (count === 1) return said;
        const refusal = await this.#giveUp([said.index]);
        if (refusal !== null) return { index: said.index, value: refusal };
      }
    }
    return said;
  }

  /** A node that was not reached yet, but may be in a moment, is not passed over: its keys would be given up. */
  async #tryAll(): Promise<void> {
    await Promise.all(this.#nodes.all.map((node) => node.whenTried()));
    this.#areTried = true;
  }

  /** The node that has `key`, or `NOWHERE`. */
  async #locate(key: Uint8Array): Promise<number> {
    for (const index of this.#order(this.#locations.get(key))) {
      const value = await this.#ask(index, ["EXISTS", key], false);
      if (value.kind !== "integer" || Number(value.value) === 0) continue;
      this.#locations.set(key, index);
      return index;
    }
    return NOWHERE;
  }

  /** Removes `key` from node `index`; false when it is not sure to be gone. */
  async #remove(index: number, key: Uint8Array): Promise<boolean> {
    if (!this.#nodes.isUsable(index)) return false;
    return (await this.#ask(index, ["DEL", key], true)).kind === "integer";
  }

  /** What nodes `indexes` have does not count any more. Returns an error when that cannot be made durable. */
  async #giveUp(indexes: readonly number[]): Promise<ReplyValue | null> {
    try {
      for (const index of indexes) {
        const node = this.#nodes.all[index]!;
        if (node.id !== null) await this.#source.markStale(node.id);
        // A node that is there is admitted anew, and so emptied.
        if (node.state === "ready") node.reconnect();
      }
      return null;
    } catch (error) {
      return { kind: "error", text: `UNCERTAIN The topology cannot be saved: ${messageOf(error)}` };
    }
  }

  #ask(index: number, args: readonly (string | Uint8Array)[], isWrite: boolean): Promise<ReplyValue> {
    return this.#nodes.all[index]!.ask(args, isWrite);
  }

  /** The nodes that serve: `first`, if it is one of them, then the others in turn. */
  #order(first: number): number[] {
    const all = this.#indexes();
    const begin = this.#searchTurn = (this.#searchTurn + 1) % all.length;
    const turned = [...all.slice(begin), ...all.slice(0, begin)];
    return [first, ...turned.filter((index) => index !== first)].filter((index) =>
      index !== NOWHERE && this.#nodes.isUsable(index)
    );
  }

  /** A node that serves, if there is one. */
  #anyIndex(): number {
    return this.#order(NOWHERE)[0] ?? this.#searchTurn;
  }

  #indexes(): number[] {
    return this.#nodes.all.map((_, index) => index);
  }
}

function isOverwrite(name: string, args: readonly Uint8Array[]): boolean {
  if (!OVERWRITES.has(name)) return false;
  return name !== "SET" || !args.slice(3).some((arg) => LOOKING_OPTIONS.has(textOf(arg).toUpperCase()));
}

/** Whether the node is away: the request was not executed, or nobody knows. */
function isUnreachable(value: ReplyValue): boolean {
  return isUncertain(value) || (value.kind === "error" && value.text.startsWith("CLUSTERDOWN "));
}

function isUncertain(value: ReplyValue): boolean {
  return value.kind === "error" && value.text.startsWith("UNCERTAIN ");
}
