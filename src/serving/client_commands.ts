/** `CLIENT …` and `HELLO`: who the client is, who the others are, and which RESP is spoken. */
import { bytesOf, textOf } from "../core/bytes.ts";
import { KIB } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { inSteps } from "../core/steps.ts";
import { REDIS_VERSION } from "../core/version.ts";
import { argumentIs, parseInteger } from "../protocol/arguments.ts";
import type { Request } from "../protocol/request.ts";
import type { Session, SessionRegistry } from "./session.ts";
import type { Say, SessionContext, SessionHandler } from "./session_context.ts";
import { containerOf } from "../protocol/subcommands.ts";
import { problemOfUser } from "./user_commands.ts";

/** Longest name of a connection or of its library. */
const NAME_BYTES_MAX = 1024;
/** Names are of the characters from `!` to `~`. */
const NAME_BYTE_FIRST = 0x21;
const NAME_BYTE_LAST = 0x7e;
/** Types of clients in Redis that there are none of here. */
const OTHER_TYPES = ["MASTER", "REPLICA", "SLAVE", "PUBSUB"];
/** Sessions that `CLIENT LIST` describes between two looks at the clock, and its first room. */
const SESSIONS_PER_LOOK = 32;
const LIST_BYTES_MIN = 16 * KIB;

export const client: SessionHandler = containerOf("CLIENT", {
  ID: ({ session, reply }) => reply.integer(session.id),
  GETNAME: ({ session, reply }) => session.name === "" ? reply.nil() : reply.bulkText(session.name),
  SETNAME: setName,
  SETINFO: setInfo,
  INFO: ({ session, sessions, clock, reply }) => {
    reply.bulkText(`${describe(session, sessions, clock.monotonicMs())}\n`);
  },
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
  let nameArgument = 0;
  for (let i = 2; i < request.argumentCount; i++) {
    const following = request.argumentCount - i - 1;
    if (argumentIs(request, i, "AUTH") && following >= 2) {
      const problem = problemOfUser(request, i + 1);
      if (problem !== "") return reply.error(problem);
      i += 2;
      continue;
    }
    if (!argumentIs(request, i, "SETNAME") || following < 1) {
      return reply.error(`ERR Syntax error in HELLO option '${argumentText(request, i)}'`);
    }
    const problem = problemOfName(request, ++i, "Client names");
    if (problem !== "") return reply.error(problem);
    nameArgument = i;
  }
  if (nameArgument > 0) session.name = argumentText(request, nameArgument);
  session.protocolVersion = version === 3 ? 3 : 2;
  context.protocolChanged();
  replyHello(context);
}

function replyHello({ session, mode, reply }: SessionContext): void {
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

/** `CLIENT LIST [TYPE type | ID id ...]`: a line for each session. Thousands of them hold up nobody. */
function list(context: SessionContext): void | Promise<Say> {
  const { sessions, clock, reply } = context;
  const nowMs = clock.monotonicMs();
  const all = listed(context);
  if (all === null) return;
  const text = new OutputBuffer(LIST_BYTES_MIN);
  let described = 0;
  const whenDone = inSteps(clock, () => {
    const end = Math.min(all.length, described + SESSIONS_PER_LOOK);
    let lines = "";
    while (described < end) lines += `${describe(all[described++]!, sessions, nowMs)}\n`;
    text.copy(bytesOf(lines));
    return described === all.length;
  });
  const say: Say = (reply) => reply.bulk(text.bytes, 0, text.length);
  if (whenDone === undefined) return say(reply);
  return whenDone.then(() => say);
}

/** The sessions that a `CLIENT LIST` is about; `null` when it is refused: the error is said then. */
function listed({ request, sessions, reply }: SessionContext): Session[] | null {
  const { argumentCount, bytes, starts, ends } = request;
  const all = [...sessions.list()];
  if (argumentCount === 2) return all;
  if (argumentCount === 4 && argumentIs(request, 2, "TYPE")) {
    if (argumentIs(request, 3, "NORMAL")) return all;
    if (OTHER_TYPES.some((type) => argumentIs(request, 3, type))) return [];
    reply.error(`ERR Unknown client type '${argumentText(request, 3)}'`);
    return null;
  }
  if (argumentCount === 3 || !argumentIs(request, 2, "ID")) {
    reply.error("ERR syntax error");
    return null;
  }
  const ids = new Set<number>();
  for (let i = 3; i < argumentCount; i++) {
    const id = parseInteger(bytes, starts[i]!, ends[i]!);
    if (Number.isNaN(id)) {
      reply.error("ERR Invalid client ID");
      return null;
    }
    ids.add(id);
  }
  return all.filter((session) => ids.has(session.id));
}

/**
 * A session as one line of Redis' `CLIENT LIST`, with every field that Redis has. Of those about what is not there
 * (descriptors, subscriptions, transactions, tracking) each says so in Redis' way. Arguments lie in the query buffer, and
 * all replies are one queue. `nowMs` is of the monotonic clock.
 */
function describe(session: Session, { localAddress }: SessionRegistry, nowMs: number): string {
  const { requestBytes, bufferBytes, replyBytes } = session.held;
  const seconds = (sinceMs: number) => Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  return `id=${session.id} addr=${session.remote} laddr=${localAddress} fd=-1 name=${session.name}` +
    ` age=${seconds(session.connectedAtMs)} idle=${seconds(session.lastActiveMs)} flags=N db=0` +
    ` sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf=${requestBytes} qbuf-free=${bufferBytes - requestBytes}` +
    ` argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=${replyBytes > 0 ? 1 : 0} omem=${replyBytes}` +
    ` tot-mem=${bufferBytes + replyBytes} events=${replyBytes > 0 ? "rw" : "r"}` +
    ` cmd=${session.lastCommandName} user=default redir=-1 resp=${session.protocolVersion}` +
    ` lib-name=${session.libraryName} lib-ver=${session.libraryVersion}`;
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
