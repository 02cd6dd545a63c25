/** `CLIENT …` and `HELLO`: who the client is, who the others are, and which RESP is spoken. */
import { textOf } from "../core/bytes.ts";
import { argumentIs, parseInteger } from "../protocol/arguments.ts";
import type { Request } from "../protocol/request.ts";
import type { Session } from "./session.ts";
import type { SessionContext, SessionHandler } from "./session_context.ts";
import { containerOf } from "../protocol/subcommands.ts";

/** Longest name of a connection or of its library. */
const NAME_BYTES_MAX = 1024;
/** Names are of the characters from `!` to `~`. */
const NAME_BYTE_FIRST = 0x21;
const NAME_BYTE_LAST = 0x7e;
/** What clients are told that look at the version of Redis to see what they may use. */
const REDIS_VERSION = "7.4.0";
const NO_PASSWORD = "ERR AUTH <password> called without any password configured for the default user. " +
  "Are you sure your configuration is correct?";

export const client: SessionHandler = containerOf("CLIENT", {
  ID: ({ session, reply }) => reply.integer(session.id),
  GETNAME: ({ session, reply }) => session.name === "" ? reply.nil() : reply.bulkText(session.name),
  SETNAME: setName,
  SETINFO: setInfo,
  INFO: ({ session, nowMs, reply }) => reply.bulkText(`${describe(session, nowMs)}\n`),
  LIST: list,
});

/** `HELLO [version [AUTH user password] [SETNAME name]]`. Nothing changes unless all of it is right. */
export function hello(context: SessionContext): void {
  const { request, session, reply } = context;
  let version: number = session.protocolVersion;
  if (request.argumentCount > 1) {
    version = parseInteger(request.bytes, request.starts[1]!, request.ends[1]!);
    if (Number.isNaN(version)) return reply.error("ERR Protocol version is not an integer or out of range");
    if (version !== 2 && version !== 3) return reply.error("NOPROTO unsupported protocol version");
  }
  let name = session.name;
  for (let i = 2; i < request.argumentCount; i++) {
    const following = request.argumentCount - i - 1;
    if (argumentIs(request, i, "AUTH") && following >= 2) return reply.error(NO_PASSWORD);
    if (!argumentIs(request, i, "SETNAME") || following < 1) {
      return reply.error(`ERR Syntax error in HELLO option '${argumentText(request, i)}'`);
    }
    const problem = problemOfName(request, ++i, "Client names");
    if (problem !== "") return reply.error(problem);
    name = argumentText(request, i);
  }
  session.name = name;
  session.protocolVersion = version === 3 ? 3 : 2;
  context.protocolChanged();
  replyGreeting(context);
}

function replyGreeting({ session, mode, reply }: SessionContext): void {
  reply.mapStart(7);
  reply.bulkText("server");
  reply.bulkText("redis");
  reply.bulkText("version");
  reply.bulkText(REDIS_VERSION);
  reply.bulkText("proto");
  reply.integer(session.protocolVersion);
  reply.bulkText("id");
  reply.integer(session.id);
  reply.bulkText("mode");
  reply.bulkText(mode);
  reply.bulkText("role");
  reply.bulkText("master");
  reply.bulkText("modules");
  reply.arrayStart(0);
}

function setName({ request, session, reply }: SessionContext): void {
  const problem = problemOfName(request, 2, "Client names");
  if (problem !== "") return reply.error(problem);
  session.name = argumentText(request, 2);
  reply.ok();
}

function setInfo({ request, session, reply }: SessionContext): void {
  const isName = argumentIs(request, 2, "LIB-NAME");
  if (!isName && !argumentIs(request, 2, "LIB-VER")) {
    return reply.error(`ERR Unrecognized option '${argumentText(request, 2)}'`);
  }
  const problem = problemOfName(request, 3, isName ? "lib-name" : "lib-ver");
  if (problem !== "") return reply.error(problem);
  if (isName) session.libraryName = argumentText(request, 3);
  else session.libraryVersion = argumentText(request, 3);
  reply.ok();
}

function list({ sessions, nowMs, reply }: SessionContext): void {
  let text = "";
  for (const session of sessions.list()) text += `${describe(session, nowMs)}\n`;
  reply.bulkText(text);
}

/** A session as one line of Redis' `CLIENT LIST`. */
function describe(session: Session, nowMs: number): string {
  const seconds = (sinceMs: number) => Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  return `id=${session.id} addr=${session.remote} name=${session.name}` +
    ` age=${seconds(session.connectedAtMs)} idle=${seconds(session.lastActiveMs)} db=0` +
    ` cmd=${session.lastCommandName} lib-name=${session.libraryName} lib-ver=${session.libraryVersion}` +
    ` resp=${session.protocolVersion}`;
}

/** Why argument `argument` cannot be a name, or "". `what` is how Redis calls it. */
function problemOfName(request: Request, argument: number, what: string): string {
  const start = request.starts[argument]!;
  const end = request.ends[argument]!;
  if (end - start > NAME_BYTES_MAX) return `ERR ${what} cannot be longer than ${NAME_BYTES_MAX} bytes`;
  for (let i = start; i < end; i++) {
    const byte = request.bytes[i]!;
    if (byte < NAME_BYTE_FIRST || byte > NAME_BYTE_LAST) {
      return `ERR ${what} cannot contain spaces, newlines or special characters.`;
    }
  }
  return "";
}

/** Argument `argument` as text, cut where it is longer than any name. */
function argumentText(request: Request, argument: number): string {
  const start = request.starts[argument]!;
  return textOf(request.bytes, start, Math.min(request.ends[argument]!, start + NAME_BYTES_MAX));
}
