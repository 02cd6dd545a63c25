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
import type { Session, SessionRegistry } from "../serving/session.ts";
import { SESSION_HANDLERS, type SessionContext, type SessionHandler } from "../serving/session_commands.ts";
import { type Caller, dialectFor } from "./caller.ts";
import { answerCluster } from "./cluster_commands.ts";
import type { DialectWriter } from "./dialect.ts";
import type { TopologySource } from "../controller/topology_source.ts";

/** Settings that clients ask for before they begin. */
const SETTINGS: Readonly<Record<string, (source: TopologySource) => string>> = {
  appendonly: () => "yes",
  databases: () => "1",
  maxmemory: ({ topology }) => String(topology.nodes.reduce((sum, node) => sum + node.maxMemoryBytes, 0)),
  "maxmemory-policy": () => "allkeys-lru",
  save: () => "",
};

export class LocalCommands implements SessionContext {
  readonly mode = "standalone";
  readonly sessions: SessionRegistry;
  readonly #clock: Clock;
  readonly #source: TopologySource;
  readonly #writer: DialectWriter;
  readonly #handlers: readonly (SessionHandler | null)[];
  #caller!: Caller;
  #request!: Request;
  #output!: OutputBuffer;

  constructor(clock: Clock, sessions: SessionRegistry, source: TopologySource, writer: DialectWriter) {
    this.sessions = sessions;
    this.#clock = clock;
    this.#source = source;
    this.#writer = writer;
    const own: Record<string, SessionHandler> = {
      CLUSTER: () => answerCluster(this.#source.topology, this.#request, this.reply),
      CONFIG: () => this.#config(),
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
    return this.#clock.nowMs();
  }

  /** HELLO has chosen another version: its own reply is already in it. */
  protocolChanged(): void {
    this.#writer.changeVersion(this.session.protocolVersion);
  }

  /** Answers a request of command `command` into the caller's batch. */
  run(caller: Caller, command: number, request: Request): void {
    const tag = this.#begin(caller, request);
    const handler = this.#handlers[command];
    if (handler === null || handler === undefined) {
      this.reply.error(`ERR ${COMMAND_SPECS[command]!.name} is not available at a balancer; ask a node`);
    } else handler(this);
    this.#end(tag);
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
    return caller.batch.open(dialect);
  }

  #end(tag: number): void {
    this.#caller.batch.put(tag, this.#output, 0, this.#output.length);
  }

  #config(): void {
    if (this.#word(1) !== "get" || this.#request.argumentCount < 3) {
      return this.reply.error(
        "ERR CONFIG takes GET pattern [pattern ...]; settings are the flags of the process",
      );
    }
    const patterns: RegExp[] = [];
    for (let i = 2; i < this.#request.argumentCount; i++) patterns.push(globOf(this.#word(i)));
    const found = Object.entries(SETTINGS).filter(([name]) => patterns.some((pattern) => pattern.test(name)));
    this.reply.mapStart(found.length);
    for (const [name, value] of found) {
      this.reply.bulkText(name);
      this.reply.bulkText(value(this.#source));
    }
  }

  #roundel(): void {
    if (this.#word(1) !== "topology" || this.#request.argumentCount !== 2) {
      return this.reply.error("ERR ROUNDEL takes TOPOLOGY");
    }
    this.reply.bulkText(this.#source.topologyText());
  }

  #word(argument: number): string {
    const { bytes, starts, ends } = this.#request;
    return textOf(bytes, starts[argument]!, ends[argument]!).toLowerCase();
  }
}

/** `*` is any characters, `?` any one. */
function globOf(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*+/g, ".*").replace(/\?/g, ".")}$`);
}
