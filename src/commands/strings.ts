/**
 * One value as a whole: GET, SET and their relatives.
 *
 * A deadline that has passed already makes a set a delete, so that no entry is ever stored that is not there.
 * A command that returns the old value of a key that it sets keeps that value aside first: a set may be refused
 * (then the reply is only the error), and it overwrites.
 */
import type { Row, Store } from "../store/store.ts";
import type { CommandContext } from "./context.ts";
import { MILLISECONDS_FROM_NOW, positiveDeadline, SECONDS_FROM_NOW, type TimeKind } from "./deadlines.ts";
import { SYNTAX } from "./error_texts.ts";
import { scratch } from "./scratch.ts";
import { setOptions } from "./set_options.ts";
import { findArgument, replyValue, setArgument } from "./values.ts";

/** GET key */
export function get(context: CommandContext): void {
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  if (row === 0) return context.reply.nil();
  store.touch(row);
  replyValue(context.reply, store, row);
}

/** SET key value [NX | XX] [GET] [EX seconds | PX ms | EXAT seconds | PXAT ms | KEEPTTL] */
export function set(context: CommandContext): void {
  if (context.request.argumentCount > 3) return setWithOptions(context);
  if (setArgument(context, 1, 2, 0)) context.reply.ok();
}

function setWithOptions(context: CommandContext): void {
  const { reply } = context;
  if (!setOptions.readSet(context.request)) return reply.error(SYNTAX);
  let expiresAtMs = 0;
  if (setOptions.timeKind !== null) {
    expiresAtMs = positiveDeadline(context, setOptions.timeArgument, setOptions.timeKind, "set");
    if (Number.isNaN(expiresAtMs)) return;
  }
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  if (setOptions.keepsExpiry && row !== 0) expiresAtMs = store.expiresAt(row);
  const isWanted = row === 0 ? !setOptions.onlyIfPresent : !setOptions.onlyIfMissing;
  if (!isWanted && row !== 0) store.touch(row);
  if (setOptions.returnsOld) {
    const oldLength = keepAside(context, store, row);
    if (!isWanted || replace(context, row, 2, expiresAtMs)) replyKeptAside(context, oldLength);
    scratch.release();
  } else if (!isWanted) {
    reply.nil();
  } else if (replace(context, row, 2, expiresAtMs)) {
    reply.ok();
  }
}

/** SETNX key value */
export function setnx(context: CommandContext): void {
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  if (row !== 0) {
    store.touch(row);
    context.reply.integer(0);
  } else if (setArgument(context, 1, 2, 0)) {
    context.reply.integer(1);
  }
}

/** SETEX key seconds value */
export function setex(context: CommandContext): void {
  setUntil(context, SECONDS_FROM_NOW, "setex");
}

/** PSETEX key milliseconds value */
export function psetex(context: CommandContext): void {
  setUntil(context, MILLISECONDS_FROM_NOW, "psetex");
}

function setUntil(context: CommandContext, kind: TimeKind, command: string): void {
  const expiresAtMs = positiveDeadline(context, 2, kind, command);
  if (Number.isNaN(expiresAtMs)) return;
  if (setArgument(context, 1, 3, expiresAtMs)) context.reply.ok();
}

/** GETSET key value */
export function getset(context: CommandContext): void {
  const store = context.storeOf(1);
  const oldLength = keepAside(context, store, findArgument(context, store, 1));
  if (setArgument(context, 1, 2, 0)) replyKeptAside(context, oldLength);
  scratch.release();
}

/** GETDEL key */
export function getdel(context: CommandContext): void {
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  if (row === 0) return context.reply.nil();
  replyValue(context.reply, store, row);
  store.delete(row);
}

/** GETEX key [EX seconds | PX ms | EXAT seconds | PXAT ms | PERSIST] */
export function getex(context: CommandContext): void {
  const { reply } = context;
  if (!setOptions.readGetex(context.request)) return reply.error(SYNTAX);
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  if (row === 0) return reply.nil();
  let expiresAtMs = setOptions.persists ? 0 : store.expiresAt(row);
  if (setOptions.timeKind !== null) {
    expiresAtMs = positiveDeadline(context, setOptions.timeArgument, setOptions.timeKind, "getex");
    if (Number.isNaN(expiresAtMs)) return;
  }
  store.touch(row);
  replyValue(reply, store, row);
  if (hasPassed(context, expiresAtMs)) store.delete(row);
  else if (expiresAtMs !== store.expiresAt(row)) store.expire(row, expiresAtMs);
}

/** Sets key 1, whose row is `row`, to argument `valueArgument`, or deletes it when the deadline has passed. */
function replace(context: CommandContext, row: Row, valueArgument: number, expiresAtMs: number): boolean {
  if (!hasPassed(context, expiresAtMs)) return setArgument(context, 1, valueArgument, expiresAtMs);
  if (row !== 0) context.storeOf(1).delete(row);
  return true;
}

function hasPassed(context: CommandContext, expiresAtMs: number): boolean {
  return expiresAtMs !== 0 && expiresAtMs <= context.nowMs;
}

/** Copies the value of `row`, which will be the reply, to the scratch room; its length, or −1 when there is no row. */
function keepAside({ reply }: CommandContext, store: Store, row: Row): number {
  if (row === 0) return -1;
  store.touch(row);
  const length = store.valueLength(row);
  reply.expect(length);
  store.copyValue(row, scratch.take(length), 0);
  return length;
}

function replyKeptAside(context: CommandContext, length: number): void {
  if (length < 0) context.reply.nil();
  else context.reply.bulk(scratch.take(length), 0, length);
}
