/**
 * A bench for handlers: real stores, decoder and replies; the process and the cluster around them are played. What
 * the pipeline of a node checks before a handler runs (name, arity) is checked here in the same words.
 */
import { assert } from "@std/assert";
import type { CommandContext, ServerDoor } from "../../src/commands/context.ts";
import { HANDLERS } from "../../src/commands/handlers.ts";
import { latin1Of } from "../../src/core/bytes.ts";
import { bytesOfLatin1 } from "../support/latin1.ts";
import { MIB } from "../../src/core/limits.ts";
import type { Clock } from "../../src/core/clock.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { type Random } from "../../src/core/random.ts";
import type { ClusterView, InfoSections, Setting } from "../../src/serving/server_facts.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { findCommand, unknownCommandText, wrongCountText } from "../../src/protocol/command_table.ts";
import type { Reply } from "../../src/protocol/reply.ts";
import { RequestDecoder } from "../../src/protocol/request_decoder.ts";
import { RespReply } from "../../src/protocol/resp_reply.ts";
import { SessionRegistry } from "../../src/serving/session.ts";
import { TextReply } from "../../src/protocol/text_reply.ts";
import {
  KIND_DELETE,
  KIND_EXPIRE,
  KIND_FLUSH,
  type Mutation,
  type Position,
} from "../../src/core/mutation.ts";
import type { MutationListener } from "../../src/store/mutation_listener.ts";
import { Store } from "../../src/store/store.ts";

/** A word of a request: text stands for a byte each character. */
export type Word = string | Uint8Array;

/** The process around the data, as a test wants it. */
export class FakeServer implements ServerDoor {
  saveFailure = "";
  saveCount = 0;
  whyNoBackgroundSave = "";
  lastSaveMs = 1_700_000_000_999;
  settingList: Setting[] = [["maxmemory", "1048576"], ["save", ""], ["appendonly", "yes"]];
  readonly clusterView = new FakeCluster();
  sections: InfoSections = {};
  commits = true;
  replicaCount = 0;
  commitWaitCount = 0;

  save(): Promise<void> {
    this.saveCount++;
    return this.saveFailure === "" ? Promise.resolve() : Promise.reject(new Error(this.saveFailure));
  }

  backgroundSave(): string {
    return this.whyNoBackgroundSave;
  }

  infoSections(): InfoSections {
    return this.sections;
  }

  cluster(): ClusterView {
    return this.clusterView;
  }

  settings(): readonly Setting[] {
    return this.settingList;
  }

  inSyncReplicaCount(): number {
    return this.replicaCount;
  }

  whenCommitted(): Promise<boolean> {
    this.commitWaitCount++;
    return Promise.resolve(this.commits);
  }

  inTurn(run: () => Promise<void>): Promise<void> {
    return run();
  }

  admin(context: CommandContext): Promise<void> {
    context.reply.bulkText("admin");
    return Promise.resolve();
  }
}

/** The topology, as a test wants it. */
export class FakeCluster implements ClusterView {
  enabled = false;
  myId = "node-a";
  myPort = 8081;
  version = 7;
  nodeList: ReturnType<ClusterView["nodes"]> = [];
  shardList: ReturnType<ClusterView["shards"]> = [];

  nodes(): ReturnType<ClusterView["nodes"]> {
    return this.nodeList;
  }

  shards(): ReturnType<ClusterView["shards"]> {
    return this.shardList;
  }
}

/** Keeps the mutations as text: `set key value expiry`, `delete key`, `expire key expiry`, `flush`. */
class MutationTexts implements MutationListener {
  readonly texts: string[] = [];

  onMutation(
    { kind, keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd, expiresAtMs }: Mutation,
  ): Position {
    if (kind === KIND_FLUSH) return this.texts.push("flush");
    const key = latin1Of(keyBytes, keyStart, keyEnd);
    if (kind === KIND_DELETE) return this.texts.push(`delete ${key}`);
    if (kind === KIND_EXPIRE) return this.texts.push(`expire ${key} ${expiresAtMs}`);
    const value = latin1Of(valueBytes, valueStart, Math.min(valueEnd, valueStart + 32));
    return this.texts.push(`set ${key} ${value} ${expiresAtMs}`);
  }
}

export interface BenchOptions {
  /** Stores, told apart by the first byte of a key, modulo their count. */
  readonly storeCount?: number;
  readonly capBytes?: number;
}

export class Bench implements CommandContext {
  readonly request = new RequestDecoder();
  clock: Clock = new FakeClock();
  readonly server = new FakeServer();
  readonly random: Random = new SeededRandom(1);
  readonly sessions = new SessionRegistry();
  readonly session = this.sessions.open("127.0.0.1:1", 0);
  readonly mode = "standalone";
  readonly stores: readonly Store[];
  readonly shards: readonly { readonly id: number; readonly store: Store }[];
  /** A shard that is another node's. */
  movedShard = -1;
  /** What the last reply waits for in the log. */
  logPosition: Position = 0;
  reply: Reply;
  nowMs = 1_700_000_000_000;
  readonly #mutations = new MutationTexts();
  readonly #output = new OutputBuffer();
  readonly #respReply = new RespReply(this.#output);
  readonly #textReply = new TextReply(this.#output);

  waitForLog(position: Position): void {
    this.logPosition = position;
  }

  constructor({ storeCount = 1, capBytes = MIB }: BenchOptions = {}) {
    const seed = { low: 1, high: 2 };
    const options = { capBytes, seed, listener: this.#mutations };
    this.stores = Array.from({ length: storeCount }, () => new Store(options));
    this.shards = this.stores.map((store, id) => ({ id, store }));
    this.reply = this.#respReply;
  }

  whyNoShard(shard: number): string {
    return shard === this.movedShard ? `MOVED ${shard} 10.0.0.2:8082` : "";
  }

  /** Position of the newest mutation that was looked at or made since the last call, in any store. */
  takeShownPosition(): number {
    return Math.max(...this.stores.map((store) => store.positions.take()));
  }

  get store(): Store {
    return this.stores[0]!;
  }

  storeOf(argument: number): Store {
    const { bytes, starts, ends } = this.request;
    const first = starts[argument]! < ends[argument]! ? bytes[starts[argument]!]! : 0;
    return this.stores[first % this.stores.length]!;
  }

  hashOf(argument: number): number {
    const { bytes, starts, ends } = this.request;
    return this.storeOf(argument).hashOf(bytes, starts[argument]!, ends[argument]!);
  }

  protocolChanged(): void {
    this.#respReply.version = this.session.protocolVersion;
  }

  /** From now on replies are in RESP 3. */
  useResp3(): void {
    this.#respReply.version = 3;
  }

  /** The mutations since the last call. */
  takeMutations(): string[] {
    return this.#mutations.texts.splice(0);
  }

  /** The reply to a request in RESP, a character for each byte. */
  run(...words: readonly Word[]): string {
    return this.#finish(this.#start(encode(words)));
  }

  /** As {@linkcode Bench.run}, for a request whose handler returns a promise. */
  async runAsync(...words: readonly Word[]): Promise<string> {
    await this.#start(encode(words));
    return this.#takeReply();
  }

  /** The reply to a text line. */
  runLine(line: string): string {
    return this.#finish(this.#start(bytesOfLatin1(`${line}\n`)));
  }

  #start(bytes: Uint8Array): void | Promise<void> {
    assert(this.request.decode(bytes, 0, bytes.length) === bytes.length, "the request is whole");
    this.reply = this.request.isText ? this.#textReply : this.#respReply;
    const command = findCommand(bytes, this.request.starts[0]!, this.request.ends[0]!);
    if (command < 0) return this.reply.error(unknownCommandText(this.request));
    const wrong = wrongCountText(command, this.request.argumentCount);
    if (wrong !== "") return this.reply.error(wrong);
    return HANDLERS[command]!(this);
  }

  #finish(result: void | Promise<void>): string {
    assert(result === undefined, "the reply is complete at once");
    return this.#takeReply();
  }

  #takeReply(): string {
    const text = latin1Of(this.#output.bytes, 0, this.#output.length);
    this.#output.clear();
    return text;
  }
}

/** `text` as the RESP reply of a value. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

function encode(words: readonly Word[]): Uint8Array {
  const output = new OutputBuffer();
  output.ascii(`*${words.length}\r\n`);
  for (const word of words) {
    const bytes = typeof word === "string" ? bytesOfLatin1(word) : word;
    output.ascii(`$${bytes.length}\r\n`);
    output.copy(bytes);
    output.ascii("\r\n");
  }
  return output.view();
}
