/**
 * What the balancer answers itself, without a node: the session's own commands, shared with the nodes, and those
 * about the cluster, which it knows best.
 */
import { textOf } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { COMMAND_SPECS } from "../protocol/command_specs.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Request } from "../protocol/request.ts";
import type { ServerFacts } from "../serving/server_facts.ts";
import type { Session, SessionRegistry } from "../serving/session.ts";
import { SESSION_HANDLERS, type SessionContext, type SessionHandler } from "../serving/session_commands.ts";
import { type Caller, dialectFor } from "./caller.ts";
import type { DialectWriter } from "./dialect.ts";
import type { TopologySource } from "../controller/topology_source.ts";

export interface LocalServices {
  readonly clock: Clock;
  readonly sessions: SessionRegistry;
  readonly source: TopologySource;
  readonly server: ServerFacts;
  /** How the cluster is, for people. */
  readonly statusLines: () => readonly string[];
}

export class LocalCommands implements SessionContext {
  readonly mode = "standalone";
  readonly sessions: SessionRegistry;
  readonly clock: Clock;
  readonly server: ServerFacts;
  readonly #source: TopologySource;
  readonly #statusLines: () => readonly string[];
  readonly #writer: DialectWriter;
  readonly #handlers: readonly (SessionHandler | null)[];
  #caller!: Caller;
  #request!: Request;
  #output!: OutputBuffer;

  constructor({ clock, sessions, source, server, statusLines }: LocalServices, writer: DialectWriter) {
    this.sessions = sessions;
    this.clock = clock;
    this.server = server;
    this.#source = source;
    this.#statusLines = statusLines;
    this.#writer = writer;
    const own: Record<string, SessionHandler> = {
      ROUNDEL: () => this.#roundel(),
    };
    this.#handlers = COMMAND_SPECS.map((spec) => own[spec.name] ?? SESSION_HANDLERS[spec.name] ?? null);
  }

  get request(): Request {
    return this.#request;
  }

  get reply(): Reply {
    return this.#writer.reply;
  }

  get session(): Session {
    return this.#caller.session;
  }

  get nowMs(): number {
    return this.clock.nowMs();
  }

  /** HELLO has chosen another version: its own reply is already in it. */
  protocolChanged(): void {
    this.#writer.changeVersion(this.session.protocolVersion);
  }

  /** Answers a request of command `command` into the caller's outbox. */
  run(caller: Caller, command: number, request: Request): void {
    const tag = this.#begin(caller, request);
    const handler = this.#handlers[command];
    if (handler === null || handler === undefined) {
      this.reply.error(`ERR ${COMMAND_SPECS[command]!.name} is not available at a balancer; ask a node`);
      return this.#end(tag);
    }
    const later = handler(this);
    if (later === undefined) this.#end(tag);
    else void caller.outbox.answerLater(tag, later);
  }

  /** Answers with an error. */
  refuse(caller: Caller, request: Request, text: string): void {
    const tag = this.#begin(caller, request);
    this.reply.error(text);
    this.#end(tag);
  }

  #begin(caller: Caller, request: Request): number {
    this.#caller = caller;
    this.#request = request;
    const dialect = dialectFor(request, caller.session);
    this.#output = this.#writer.begin(dialect);
    return caller.outbox.open(dialect);
  }

  #end(tag: number): void {
    this.#caller.outbox.put(tag, this.#output, 0, this.#output.length);
  }

  #roundel(): void {
    const word = this.#request.argumentCount === 2 ? this.#word(1) : "";
    if (word === "topology") return this.reply.bulkText(this.#source.topologyText());
    if (word !== "status") return this.reply.error("ERR ROUNDEL takes STATUS or TOPOLOGY");
    const lines = this.#statusLines();
    this.reply.arrayStart(lines.length);
    for (const line of lines) this.reply.bulkText(line);
  }

  #word(argument: number): string {
    const { bytes, starts, ends } = this.#request;
    return textOf(bytes, starts[argument]!, ends[argument]!).toLowerCase();
  }
}
