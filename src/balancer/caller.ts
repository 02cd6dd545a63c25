/** A client as those see it who answer its requests. */
import type { Request } from "../protocol/request.ts";
import type { Session } from "../serving/session.ts";
import type { ReplyOutbox } from "./outbox.ts";
import { type Dialect, RESP2, RESP3, TEXT } from "./dialect.ts";

export interface Caller {
  readonly session: Session;
  readonly outbox: ReplyOutbox;
}

/** How the client wants the reply to `request`. */
export function dialectFor(request: Request, session: Session): Dialect {
  if (request.isText) return TEXT;
  return session.protocolVersion === 3 ? RESP3 : RESP2;
}

/** A copy of all arguments, for requests that outlive the read buffer's content. */
export function argumentsOf(request: Request): Uint8Array[] {
  const args: Uint8Array[] = [];
  for (let i = 0; i < request.argumentCount; i++) {
    args.push(request.bytes.slice(request.starts[i]!, request.ends[i]!));
  }
  return args;
}
