/** What a connection is to its server, and the list of them all. Node and balancer share both. */
import { COMMAND_SPECS } from "../protocol/command_specs.ts";

/** `lastCommand` of a session that has run none. */
const NO_COMMAND = -1;

/** What a connection holds. */
export interface HeldBytes {
  /** Of requests that were not run. */
  readonly requestBytes: number;
  /** Of the buffer that they lie in. */
  readonly bufferBytes: number;
  /** Of replies that were not written. */
  readonly replyBytes: number;
}

/** What a session knows of its connection, and can do to it. */
export interface SessionOwner extends HeldBytes {
  /** Ends the connection now. */
  drop(): void;
}

const NOBODY: SessionOwner = { drop() {}, requestBytes: 0, bufferBytes: 0, replyBytes: 0 };

export class Session {
  /** Counts from 1 and is never used again. */
  readonly id: number;
  /** The far end, `host:port`. */
  readonly remote: string;
  /** On the monotonic clock, as all times of it are. */
  readonly connectedAtMs: number;
  lastActiveMs: number;
  /** As the client gave them; empty when it did not. */
  name = "";
  libraryName = "";
  libraryVersion = "";
  /** What `HELLO` chose. */
  protocolVersion: 2 | 3 = 2;
  /** Index in `COMMAND_SPECS`. */
  lastCommand = NO_COMMAND;
  /** Of the last command that has subcommands; "" when it ran without one. */
  lastSubcommand = "";
  /** To be closed once its replies are written: set by `QUIT`, and where to go on would do what nobody asked for. */
  wantsClose = false;
  /** Set by `ROUNDEL LINK`: the client is a balancer. */
  isPeer = false;
  /** Set with it, but for bulk lanes: from the next request on replies may overtake each other. */
  isLink = false;
  /** On a link: shards of which a request was refused, so that later ones are too, until it is told to go on. */
  refusedShards: Set<number> | null = null;
  readonly #owner: SessionOwner;

  constructor(id: number, remote: string, nowMs: number, owner = NOBODY) {
    this.#owner = owner;
    this.id = id;
    this.remote = remote;
    this.connectedAtMs = nowMs;
    this.lastActiveMs = nowMs;
  }

  /** Ends the connection now, whoever asks for it. */
  drop(): void {
    this.#owner.drop();
  }

  /** What its connection holds. */
  get held(): HeldBytes {
    return this.#owner;
  }

  /** In lower case, with its subcommand as in `client|list`; `NULL` when there is none, as Redis says it. */
  get lastCommandName(): string {
    const spec = COMMAND_SPECS[this.lastCommand];
    if (spec === undefined) return "NULL";
    const name = spec.name.toLowerCase();
    return spec.subcommands === null || this.lastSubcommand === "" ? name : `${name}|${this.lastSubcommand}`;
  }
}

/** The open sessions of a process. */
export class SessionRegistry {
  /** Where this process is reached, `host:port`: known once it listens. */
  localAddress = "";
  readonly #sessions = new Set<Session>();
  #lastId = 0;

  get count(): number {
    return this.#sessions.size;
  }

  open(remote: string, nowMs: number, owner?: SessionOwner): Session {
    const session = new Session(++this.#lastId, remote, nowMs, owner);
    this.#sessions.add(session);
    return session;
  }

  /** Harmless when already closed. */
  close(session: Session): void {
    this.#sessions.delete(session);
  }

  /** In the order in which they were opened. */
  list(): Iterable<Session> {
    return this.#sessions.values();
  }
}
