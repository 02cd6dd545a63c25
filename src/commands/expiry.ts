/**
 * Deadlines of keys: EXPIRE and TTL and their variants in seconds or milliseconds, from now on or since 1970. The
 * store knows absolute milliseconds only. A deadline that has passed already deletes the key at once.
 */
import { argumentIs } from "../protocol/arguments.ts";
import type { Request } from "../protocol/request.ts";
import { textArgument } from "./arguments.ts";
import type { CommandContext } from "./context.ts";
import {
  anyDeadline,
  MILLISECONDS_FROM_NOW,
  MILLISECONDS_SINCE_1970,
  SECONDS_FROM_NOW,
  SECONDS_SINCE_1970,
  type TimeKind,
} from "./deadlines.ts";
import { EXPIRY_GT_WITH_LT, EXPIRY_NX_WITH_OTHERS, unsupportedOption } from "./error_texts.ts";
import { findArgument } from "./values.ts";

/** Reply for a key that does not exist. */
const NO_KEY = -2;
/** Reply for a key that lasts for ever. */
const NO_DEADLINE = -1;

const OPTION_NX = 1;
const OPTION_XX = 2;
const OPTION_GT = 4;
const OPTION_LT = 8;

/** EXPIRE key seconds [NX | XX | GT | LT] */
export function expire(context: CommandContext): void {
  expireAt(context, SECONDS_FROM_NOW, "expire");
}

/** PEXPIRE key milliseconds [NX | XX | GT | LT] */
export function pexpire(context: CommandContext): void {
  expireAt(context, MILLISECONDS_FROM_NOW, "pexpire");
}

/** EXPIREAT key seconds-since-1970 [NX | XX | GT | LT] */
export function expireat(context: CommandContext): void {
  expireAt(context, SECONDS_SINCE_1970, "expireat");
}

/** PEXPIREAT key milliseconds-since-1970 [NX | XX | GT | LT] */
export function pexpireat(context: CommandContext): void {
  expireAt(context, MILLISECONDS_SINCE_1970, "pexpireat");
}

/** TTL key */
export function ttl(context: CommandContext): void {
  replyTime(context, context.nowMs, 1000);
}

/** PTTL key */
export function pttl(context: CommandContext): void {
  replyTime(context, context.nowMs, 1);
}

/** EXPIRETIME key */
export function expiretime(context: CommandContext): void {
  replyTime(context, 0, 1000);
}

/** PEXPIRETIME key */
export function pexpiretime(context: CommandContext): void {
  replyTime(context, 0, 1);
}

/** PERSIST key */
export function persist(context: CommandContext): void {
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  if (row === 0) return context.reply.integer(0);
  store.touch(row);
  if (store.expiresAt(row) === 0) return context.reply.integer(0);
  store.expire(row, 0);
  context.reply.integer(1);
}

function expireAt(context: CommandContext, kind: TimeKind, command: string): void {
  const { request, reply } = context;
  const options = request.argumentCount === 3 ? 0 : readOptions(context);
  if (options < 0) return;
  const deadlineMs = anyDeadline(context, 2, kind, command);
  if (Number.isNaN(deadlineMs)) return;
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  if (row === 0) return reply.integer(0);
  store.touch(row);
  if (options !== 0 && !isWanted(options, store.expiresAt(row), deadlineMs)) return reply.integer(0);
  if (deadlineMs <= context.nowMs) store.delete(row);
  else store.expire(row, deadlineMs);
  reply.integer(1);
}

/** Whether the options let `newMs` take the place of `oldMs`, where no deadline (0) counts as the latest of all. */
function isWanted(options: number, oldMs: number, newMs: number): boolean {
  if ((options & OPTION_NX) !== 0 && oldMs !== 0) return false;
  if ((options & OPTION_XX) !== 0 && oldMs === 0) return false;
  if ((options & OPTION_GT) !== 0 && (oldMs === 0 || newMs <= oldMs)) return false;
  if ((options & OPTION_LT) !== 0 && oldMs !== 0 && newMs >= oldMs) return false;
  return true;
}

/** The options from argument 3 on, as bits; −1 when they are refused: the error is said then. */
function readOptions(context: CommandContext): number {
  const { request, reply } = context;
  let options = 0;
  for (let at = 3; at < request.argumentCount; at++) {
    const option = optionAt(request, at);
    if (option === 0) {
      reply.error(unsupportedOption(textArgument(request, at)));
      return -1;
    }
    options |= option;
  }
  if ((options & OPTION_NX) !== 0 && options !== OPTION_NX) {
    reply.error(EXPIRY_NX_WITH_OTHERS);
    return -1;
  }
  if ((options & OPTION_GT) !== 0 && (options & OPTION_LT) !== 0) {
    reply.error(EXPIRY_GT_WITH_LT);
    return -1;
  }
  return options;
}

function optionAt(request: Request, at: number): number {
  if (argumentIs(request, at, "NX")) return OPTION_NX;
  if (argumentIs(request, at, "XX")) return OPTION_XX;
  if (argumentIs(request, at, "GT")) return OPTION_GT;
  if (argumentIs(request, at, "LT")) return OPTION_LT;
  return 0;
}

/** Replies with the time from `sinceMs` to the deadline of key 1, in units of `unitMs`, rounded to the nearest. */
function replyTime(context: CommandContext, sinceMs: number, unitMs: number): void {
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  if (row === 0) return context.reply.integer(NO_KEY);
  const expiresAtMs = store.expiresAt(row);
  if (expiresAtMs === 0) return context.reply.integer(NO_DEADLINE);
  context.reply.integer(Math.round((expiresAtMs - sinceMs) / unitMs));
}
