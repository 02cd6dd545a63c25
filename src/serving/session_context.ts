/** What the commands about a connection work with. A node's and a balancer's pipelines provide it. */
import type { Clock } from "../core/clock.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Request } from "../protocol/request.ts";
import type { ServerFacts } from "./server_facts.ts";
import type { Session, SessionRegistry } from "./session.ts";

export interface SessionContext {
  readonly request: Request;
  readonly reply: Reply;
  readonly session: Session;
  readonly sessions: SessionRegistry;
  readonly clock: Clock;
  /** The time of the request. */
  readonly nowMs: number;
  readonly server: ServerFacts;
  /** What `HELLO` calls the server. */
  readonly mode: "standalone" | "cluster";
  /** `session.protocolVersion` has changed: from now on `reply` has to follow it. */
  protocolChanged(): void;
}

/** Says the answer of a request that was not answered at once. */
export type Say = (reply: Reply) => void;

/**
 * Answers a request: at once, through the context's `reply`; or later, when it has returned a promise of what is to be
 * said then. The context serves others meanwhile: what is needed of it is to be taken along.
 */
export type SessionHandler = (context: SessionContext) => void | Promise<Say>;
