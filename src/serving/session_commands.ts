/** The commands about the connection itself, which a node and a balancer answer alike, with the texts of Redis 7. */
import { client, hello } from "./client_commands.ts";
import { cluster } from "./cluster_commands.ts";
import { config } from "./config_commands.ts";
import {
  replyAllCommands,
  replyCommandCount,
  replyCommandDocs,
  replyCommandInfo,
  replyHelp,
} from "../protocol/command_docs.ts";
import { info } from "./info_commands.ts";
import type { SessionContext, SessionHandler } from "./session_context.ts";
import { containerOf } from "../protocol/subcommands.ts";
import { auth, multi, select } from "./user_commands.ts";

export type { Say, SessionContext, SessionHandler } from "./session_context.ts";

const commandSubcommand: SessionHandler = containerOf("COMMAND", {
  COUNT: ({ reply }) => replyCommandCount(reply),
  DOCS: ({ request, reply }) => replyCommandDocs(request, reply),
  INFO: ({ request, reply }) => replyCommandInfo(request, reply),
});

/** By the command's name in capitals. The caller has checked the arity. */
export const SESSION_HANDLERS: Readonly<Record<string, SessionHandler>> = {
  PING: ping,
  ECHO: ({ request, reply }) => reply.bulk(request.bytes, request.starts[1]!, request.ends[1]!),
  QUIT: quit,
  HELLO: hello,
  AUTH: auth,
  MULTI: multi,
  SELECT: select,
  CLIENT: client,
  CLUSTER: cluster,
  CONFIG: config,
  COMMAND: command,
  INFO: info,
  TIME: time,
  HELP: help,
};

function ping({ request, reply }: SessionContext): void {
  if (request.argumentCount === 1) return reply.simple("PONG");
  if (request.argumentCount === 2) return reply.bulk(request.bytes, request.starts[1]!, request.ends[1]!);
  reply.error("ERR wrong number of arguments for 'ping' command");
}

function quit({ session, reply }: SessionContext): void {
  session.wantsClose = true;
  reply.ok();
}

function command(context: SessionContext): void {
  context.session.lastSubcommand = "";
  if (context.request.argumentCount === 1) replyAllCommands(context.reply);
  else commandSubcommand(context);
}

function time({ nowMs, reply }: SessionContext): void {
  const wholeMs = Math.floor(nowMs);
  reply.arrayStart(2);
  reply.bulkText(String(Math.floor(wholeMs / 1000)));
  reply.bulkText(String(wholeMs % 1000 * 1000));
}

function help({ request, reply }: SessionContext): void {
  if (request.argumentCount > 2) return reply.error("ERR wrong number of arguments for 'help' command");
  replyHelp(request, reply);
}
