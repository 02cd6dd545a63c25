/**
 * Runs one decoded request of the client that it serves: checks what every command has in common
 * (arity, key length, ownership of the slots, whether the log takes writes), and calls the handler, which works on
 * the stores and replies into the output. It is the `CommandContext` that handlers see.
 */
import type { CommandContext, ServerDoor, ShardStore } from "../commands/context.ts";
import { KEY_TOO_LONG } from "../commands/error_texts.ts";
import { HANDLERS } from "../commands/handlers.ts";
import type { Clock } from "../core/clock.ts";
import { KEY_BYTES_MAX } from "../core/limits.ts";
import type { Position } from "../core/mutation.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import type { Random } from "../core/random.ts";
import {
  ARGUMENTS_MAX,
  ARITY,
  FIRST_KEY,
  IS_WRITE,
  KEY_STEP,
  lastKeyOf,
  ONE_SLOT,
  USES_ALL_KEYS,
} from "../protocol/command_columns.ts";
import { unknownCommandText, wrongCountText } from "../protocol/command_table.ts";
import type { Request } from "../protocol/request.ts";
import { RespReply } from "../protocol/resp_reply.ts";
import { TextReply } from "../protocol/text_reply.ts";
import type { Reply, ReplyGate } from "../protocol/reply.ts";
import type { Committing } from "../serving/reply_run.ts";
import { Session, type SessionRegistry } from "../serving/session.ts";
import type { Store } from "../store/store.ts";
import { CommitPoint } from "./commit_point.ts";
import type { DecodedRequest } from "./decoded_request.ts";
import type { Prefetch } from "./prefetch.ts";
import type { ShardCopy } from "./shard_copy.ts";
import type { ShardTable } from "./shard_table.ts";

/** The keys of a request of so many arguments are fetched before it runs. */
const PREFETCHED_ARGUMENTS_MIN = 16;
const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot";

/** Stands for one before there is any. */
const NO_REQUEST: Request = {
  bytes: new Uint8Array(0),
  argumentCount: 0,
  starts: new Int32Array(0),
  ends: new Int32Array(0),
  isLine: false,
  isText: false,
};

/** What all clients of a node share. */
export interface NodeServices {
  readonly shards: ShardTable;
  readonly sessions: SessionRegistry;
  readonly server: ServerDoor;
  readonly random: Random;
  readonly clock: Clock;
  /** Why the node takes no writes; empty while it does. */
  readonly writeRefusal: () => string;
  /** Why clients are not answered for `shard` at a time on the monotonic clock; empty while they are. */
  readonly whyNotServed: (shard: ShardCopy, nowMs: number) => string;
  readonly log: Committing;
  readonly counters: { commands: number; reads: number };
  readonly prefetch: Prefetch;
}

export class Executor implements CommandContext {
  request: Request = NO_REQUEST;
  /** Whose requests are run; nobody's at first. */
  session = new Session(0, "", 0);
  readonly sessions: SessionRegistry;
  readonly server: ServerDoor;
  readonly random: Random;
  readonly clock: Clock;
  reply: Reply;
  /** Set once a batch by the client that runs it: every request of a batch sees the same time. */
  nowMs = 0;
  readonly #services: NodeServices;
  readonly #shards: ShardTable;
  readonly #respReply: RespReply;
  readonly #textReply: TextReply;
  /** What the reply to the current request waits for. */
  readonly #commitPoint = new CommitPoint();
  /** The shard that argument `#locatedArgument` of the current request belongs to. */
  #located: ShardCopy | null = null;
  #locatedHash = 0;
  #locatedArgument = 0;
  /** Whether other keys of the request are in other shards, or it looks at whole stores. */
  #usesSeveral = false;
  /** What the reply waits for in the node's log, beside what it shows of stores; 0 = nothing. */
  #logPosition: Position = 0;
  /** When the batch began, on the monotonic clock; negative until somebody asks. */
  #batchMs = -1;

  constructor(services: NodeServices, output: OutputBuffer) {
    this.#services = services;
    this.#shards = services.shards;
    this.sessions = services.sessions;
    this.server = services.server;
    this.random = services.random;
    this.clock = services.clock;
    this.#respReply = new RespReply(output);
    this.#textReply = new TextReply(output);
    this.reply = this.#respReply;
  }

  /** Long replies are made only when `gate` lets them through. */
  useGate(gate: ReplyGate): void {
    this.#respReply.gate = this.#textReply.gate = gate;
  }

  /** The reply waits until the node's log has committed everything before `position`. */
  waitForLog(position: Position): void {
    this.#logPosition = position;
  }

  /** Runs the requests of `session` from now on. */
  serve(session: Session): void {
    this.session = session;
    this.#batchMs = -1;
    this.protocolChanged();
  }

  get stores(): readonly Store[] {
    this.#usesSeveral = true;
    return this.#shards.stores;
  }

  get shards(): readonly ShardStore[] {
    return this.#shards.shards;
  }

  whyNoShard(shard: number): string {
    return this.#shards.whyNoShard(shard);
  }

  get mode(): "standalone" | "cluster" {
    return this.#shards.enabled ? "cluster" : "standalone";
  }

  protocolChanged(): void {
    this.#respReply.version = this.session.protocolVersion;
  }

  storeOf(argument: number): Store {
    if (argument === this.#locatedArgument && this.#located !== null) return this.#located.store;
    const { bytes, starts, ends } = this.request;
    return this.#shards.shardOfKey(bytes, starts[argument]!, ends[argument]!)!.store;
  }

  hashOf(argument: number): number {
    if (argument === this.#locatedArgument) return this.#locatedHash;
    const { bytes, starts, ends } = this.request;
    return this.storeOf(argument).hashOf(bytes, starts[argument]!, ends[argument]!);
  }

  /**
   * Runs a request, whose command and first key were looked up before. A promise when the command takes longer than
   * this turn of the loop: the client's next request waits for it.
   */
  run(decoded: DecodedRequest): void | Promise<void> {
    const { command } = decoded;
    this.#locatedArgument = 0;
    this.#located = null;
    this.#usesSeveral = false;
    const request = this.request = decoded.request;
    const reply = this.reply = request.isText ? this.#textReply : this.#respReply;
    if (command < 0) return reply.error(unknownCommandText(request));
    const arity = ARITY[command]!;
    const { argumentCount } = request;
    if (
      arity >= 0 ? argumentCount !== arity : argumentCount < -arity || argumentCount > ARGUMENTS_MAX[command]!
    ) {
      return reply.error(wrongCountText(command, argumentCount));
    }
    this.#services.counters.commands++;
    this.session.lastCommand = command;
    if (IS_WRITE[command] === 1) {
      const refusal = this.#services.writeRefusal();
      if (refusal !== "") return reply.error(`READONLY ${refusal}`);
    } else this.#services.counters.reads++;
    if (FIRST_KEY[command]! > 0) {
      const problem = this.#locateKeys(decoded);
      if (problem !== "") return reply.error(problem);
    } else if (USES_ALL_KEYS[command] === 1) {
      const problem = this.#whyNotAllServed();
      if (problem !== "") return reply.error(problem);
    }
    return HANDLERS[command]!(this);
  }

  /**
   * What the reply to the request that has just run waits for: all that it saw or changed, in the stores that it was
   * about; `null` when that is committed. Asked for once after each request. Valid until the next one.
   */
  takeCommitPoint(): CommitPoint | null {
    if (this.#usesSeveral) return this.#pointOfAll();
    const shard = this.#located;
    if (shard === null) return this.#pointOfLog();
    const { committing } = shard;
    const position = shard.store.positions.take();
    if (position <= committing.committedPosition) return null;
    const point = this.#commitPoint;
    point.committing = committing;
    point.position = position;
    return point;
  }

  /** Whether a request broke off in the middle of a change of a store. */
  get isTorn(): boolean {
    return this.#shards.copies.some(({ store }) => store.positions.isTorn);
  }

  /** Answers with an error, as a text line if `isText`. */
  refuse(text: string, isText: boolean): void {
    (isText ? this.#textReply : this.#respReply).error(text);
  }

  /** Checks every key of the request; remembers the first one's store and hash. Returns the error's text or "". */
  #locateKeys({ command, shard, hash }: DecodedRequest): string {
    const { request } = this;
    const { starts, ends } = request;
    const first = FIRST_KEY[command]!;
    const last = lastKeyOf(command, request.argumentCount);
    if (ends[first]! - starts[first]! > KEY_BYTES_MAX) return KEY_TOO_LONG;
    if (shard === null) return this.#refuseKey(first);
    if (shard.servesUntilMs !== Infinity) {
      const problem = this.#whyNotServed(shard);
      if (problem !== "") return problem;
    }
    this.#located = shard;
    this.#locatedHash = hash;
    this.#locatedArgument = first;
    return last > first ? this.#checkOtherKeys(command, first, last) : "";
  }

  /** The error for a key in argument `argument`, whose shard is not here. */
  #refuseKey(argument: number): string {
    const { bytes, starts, ends } = this.request;
    this.#refuseFromNowOn(this.#shards.numberOf(bytes, starts[argument]!, ends[argument]!));
    return this.#shards.whyNotHere(bytes, starts[argument]!, ends[argument]!);
  }

  /** Why the request is not run, though `shard` is this node's; empty when it is. What comes after it is refused, too. */
  #whyNotServed(shard: ShardCopy): string {
    const { session } = this;
    const why = session.refusedShards?.has(shard.id)
      ? "requests before this one were refused on the link"
      : this.#services.whyNotServed(shard, this.#timeOfBatch());
    if (why === "") return "";
    this.#refuseFromNowOn(shard.id);
    return notServedText(shard, why);
  }

  #whyNotAllServed(): string {
    for (const shard of this.#shards.shards) {
      if (shard.servesUntilMs === Infinity) continue;
      const why = this.#services.whyNotServed(shard, this.#timeOfBatch());
      if (why !== "") return notServedText(shard, why);
    }
    return "";
  }

  /** On a link no request of a shard overtakes one that was refused: see `protocol/roundel_exchange.ts`. */
  #refuseFromNowOn(shard: number): void {
    if (this.session.isLink && shard >= 0) (this.session.refusedShards ??= new Set()).add(shard);
  }

  /** No later than any request of the batch was read, and no earlier than it was sent. */
  #timeOfBatch(): number {
    if (this.#batchMs < 0) this.#batchMs = this.clock.monotonicMs();
    return this.#batchMs;
  }

  #pointOfLog(): CommitPoint | null {
    const position = this.#logPosition;
    if (position === 0) return null;
    this.#logPosition = 0;
    const { log } = this.#services;
    const point = this.#commitPoint;
    point.clear();
    point.include(log, position);
    return position <= log.committedPosition ? null : point;
  }

  #pointOfAll(): CommitPoint | null {
    const point = this.#commitPoint;
    point.clear();
    for (const { committing, store } of this.#shards.shards) {
      point.include(committing, store.positions.take());
    }
    return point.position <= point.committing.committedPosition ? null : point;
  }

  #checkOtherKeys(command: number, first: number, last: number): string {
    const { bytes, starts, ends } = this.request;
    const isOneSlot = ONE_SLOT[command] === 1 && this.#shards.enabled;
    const slot = isOneSlot ? this.#shards.slotOf(bytes, starts[first]!, ends[first]!) : 0;
    const areMany = last - first >= PREFETCHED_ARGUMENTS_MIN;
    for (let i = first + KEY_STEP[command]!; i <= last; i += KEY_STEP[command]!) {
      const start = starts[i]!;
      const end = ends[i]!;
      if (end - start > KEY_BYTES_MAX) return KEY_TOO_LONG;
      const shard = this.#shards.shardOfKey(bytes, start, end);
      if (shard === null) return this.#refuseKey(i);
      if (shard !== this.#located) {
        this.#usesSeveral = true;
        const problem = shard.servesUntilMs === Infinity ? "" : this.#whyNotServed(shard);
        if (problem !== "") return problem;
      }
      if (areMany) this.#services.prefetch.announce(shard.store, bytes, start, end);
      if (isOneSlot && this.#shards.slotOf(bytes, start, end) !== slot) return CROSS_SLOT;
    }
    if (areMany) this.#services.prefetch.fetchAnnounced();
    return "";
  }
}

function notServedText({ id }: ShardCopy, why: string): string {
  return `TRYAGAIN Shard ${id} is not served yet: ${why}`;
}
