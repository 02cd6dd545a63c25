/** What the commands about a connection work with. A node's and a balancer's pipelines provide it. */
import type { Reply } from "../protocol/reply.ts";
import type { Request } from "../protocol/request.ts";
import type { Session, SessionRegistry } from "./session.ts";

export interface SessionContext {
  readonly request: Request;
  readonly reply: Reply;
  readonly session: Session;
  readonly sessions: SessionRegistry;
  readonly nowMs: number;
  /** What `HELLO` calls the server. */
  readonly mode: "standalone" | "cluster";
  /** `session.protocolVersion` has changed: from now on `reply` has to follow it. */
  protocolChanged(): void;
}

export type SessionHandler = (context: SessionContext) => void;
