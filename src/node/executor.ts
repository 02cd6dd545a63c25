/**
 * Runs one decoded request of the client that it serves: finds the command, checks what every command has in common
 * (arity, key length, ownership of the slots, whether the log takes writes), and calls the handler, which works on
 * the stores and replies into the output. It is the `CommandContext` that handlers see.
 */
import type { CommandContext, ServerDoor } from "../commands/context.ts";
import { KEY_TOO_LONG } from "../commands/error_texts.ts";
import { HANDLERS } from "../commands/handlers.ts";
import type { Clock } from "../core/clock.ts";
import { KEY_BYTES_MAX } from "../core/limits.ts";
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
} from "../protocol/command_columns.ts";
import { findCommand, unknownCommandText, wrongCountText } from "../protocol/command_table.ts";
import { RequestDecoder } from "../protocol/request_decoder.ts";
import { RespReply } from "../protocol/resp_reply.ts";
import { TextReply } from "../protocol/text_reply.ts";
import type { Reply } from "../protocol/reply.ts";
import { Session, type SessionRegistry } from "../serving/session.ts";
import type { Store } from "../store/store.ts";
import type { SeenRequest } from "./look_ahead.ts";
import type { ShardTable } from "./shard_table.ts";

/** What all clients of a node share. */
export interface NodeServices {
  readonly shards: ShardTable;
  readonly sessions: SessionRegistry;
  readonly server: ServerDoor;
  readonly random: Random;
  readonly clock: Clock;
  /** Why the node takes no writes; empty while it does. */
  readonly writeRefusal: () => string;
  readonly counters: { commands: number };
}

export class Executor implements CommandContext {
  /** Decodes the client's requests, but for those that were looked at ahead. */
  readonly decoder = new RequestDecoder();
  request: RequestDecoder = this.decoder;
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
  /** The store that argument `#locatedArgument` of the current request belongs to. */
  #located: Store | null = null;
  #locatedHash = 0;
  #locatedArgument = 0;

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

  /** Runs the requests of `session` from now on. */
  serve(session: Session): void {
    this.session = session;
    this.protocolChanged();
  }

  get stores(): readonly Store[] {
    return this.#shards.stores;
  }

  get mode(): "standalone" | "cluster" {
    return this.#shards.enabled ? "cluster" : "standalone";
  }

  protocolChanged(): void {
    this.#respReply.version = this.session.protocolVersion;
  }

  storeOf(argument: number): Store {
    if (argument === this.#locatedArgument && this.#located !== null) return this.#located;
    const { bytes, starts, ends } = this.request;
    return this.#shards.storeOfKey(bytes, starts[argument]!, ends[argument]!)!;
  }

  hashOf(argument: number): number {
    if (argument === this.#locatedArgument) return this.#locatedHash;
    const { bytes, starts, ends } = this.request;
    return this.storeOf(argument).hashOf(bytes, starts[argument]!, ends[argument]!);
  }

  /**
   * Runs the request that the decoder holds. A promise when the command takes longer than this turn of the loop:
   * the client's next request waits for it.
   */
  run(): void | Promise<void> {
    const request = this.request = this.decoder;
    const command = findCommand(request.bytes, request.starts[0]!, request.ends[0]!);
    if (command < 0) return this.refuse(unknownCommandText(request));
    return this.#run(command, null);
  }

  /** As {@linkcode Executor.run}, for a request that was looked at ahead. */
  runSeen(seen: SeenRequest<Store>): void | Promise<void> {
    this.request = seen.request;
    return this.#run(seen.command, seen);
  }

  #run(command: number, seen: SeenRequest<Store> | null): void | Promise<void> {
    const { request } = this;
    const reply = this.reply = request.isText ? this.#textReply : this.#respReply;
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
    }
    this.#locatedArgument = 0;
    if (FIRST_KEY[command]! > 0) {
      const problem = this.#locateKeys(command, seen);
      if (problem !== "") return reply.error(problem);
    }
    return HANDLERS[command]!(this);
  }

  /** Answers with an error, in the current request's dialect if none is given. */
  refuse(text: string, isText = this.request.isText): void {
    (isText ? this.#textReply : this.#respReply).error(text);
  }

  /** Checks every key of the request; remembers the first one's store and hash. Returns the error's text or "". */
  #locateKeys(command: number, seen: SeenRequest<Store> | null): string {
    const { request } = this;
    const { bytes, starts, ends } = request;
    const first = FIRST_KEY[command]!;
    const last = lastKeyOf(command, request.argumentCount);
    let oneSlot = -1;
    for (let i = first; i <= last; i += KEY_STEP[command]!) {
      const start = starts[i]!;
      const end = ends[i]!;
      if (end - start > KEY_BYTES_MAX) return KEY_TOO_LONG;
      const isSeen = i === first && seen !== null;
      const store = isSeen ? seen.store : this.#shards.storeOfKey(bytes, start, end);
      if (store === null) return this.#shards.whyNotHere(bytes, start, end);
      if (i === first) {
        this.#located = store;
        this.#locatedHash = isSeen ? seen.hash : store.hashOf(bytes, start, end);
        this.#locatedArgument = first;
      }
      if (ONE_SLOT[command] === 1 && this.#shards.enabled) {
        const slot = this.#shards.slotOf(bytes, start, end);
        if (oneSlot >= 0 && slot !== oneSlot) return "CROSSSLOT Keys in request don't hash to the same slot";
        oneSlot = slot;
      }
    }
    return "";
  }
}
