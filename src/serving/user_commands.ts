/**
 * Who the client is, and which state of a connection it may ask for: `AUTH`, `SELECT`, `MULTI`. There is one user, one
 * database and no transaction yet. A client that goes on after such a refusal as if nothing were would work on keys
 * that it did not mean, so the refusals end the connection.
 */
import { bytesOf, equalBytes } from "../core/bytes.ts";
import { parseInteger } from "../protocol/arguments.ts";
import type { Request } from "../protocol/request.ts";
import type { SessionContext } from "./session_context.ts";

const DEFAULT_USER = bytesOf("default");
const NO_PASSWORD = "ERR AUTH <password> called without any password configured for the default user. " +
  "Are you sure your configuration is correct?";
const WRONG_USER = "WRONGPASS invalid username-password pair or user is disabled.";
const NO_TRANSACTIONS = "ERR unknown command 'MULTI': there are no transactions; the connection is closed, " +
  "so that no command that was to be queued is run";

/** `AUTH [username] password`. */
export function auth({ request, reply }: SessionContext): void {
  if (request.argumentCount > 3) return reply.error("ERR syntax error");
  if (request.argumentCount === 2) return reply.error(NO_PASSWORD);
  const problem = problemOfUser(request, 1);
  if (problem === "") reply.ok();
  else reply.error(problem);
}

/** Why the client cannot be the user that argument `argument` names, or "". The one user takes any password. */
export function problemOfUser(request: Request, argument: number): string {
  const { bytes, starts, ends } = request;
  const start = starts[argument]!;
  const end = ends[argument]!;
  const isKnown = end - start === DEFAULT_USER.length && equalBytes(bytes, start, end, DEFAULT_USER, 0);
  return isKnown ? "" : WRONG_USER;
}

/** `SELECT index`. */
export function select({ request, session, reply }: SessionContext): void {
  const index = parseInteger(request.bytes, request.starts[1]!, request.ends[1]!);
  if (Number.isNaN(index)) return reply.error("ERR value is not an integer or out of range");
  if (index === 0) return reply.ok();
  session.wantsClose = true;
  reply.error("ERR DB index is out of range");
}

/** `MULTI`. */
export function multi({ session, reply }: SessionContext): void {
  session.wantsClose = true;
  reply.error(NO_TRANSACTIONS);
}
