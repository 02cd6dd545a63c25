/**
 * A value from one key to another: RENAME, RENAMENX, COPY. The deadline goes with it. The value passes through the
 * scratch room, because to make room for the new entry the store may evict the old one.
 */
import { equalBytes } from "../core/bytes.ts";
import { argumentIs } from "../protocol/arguments.ts";
import type { Request } from "../protocol/request.ts";
import type { CommandContext } from "./context.ts";
import { DATABASE_OUT_OF_RANGE, NO_SUCH_KEY, NOT_AN_INTEGER, SAME_OBJECT, SYNTAX } from "./error_texts.ts";
import { integerArgument } from "./arguments.ts";
import { scratch } from "./scratch.ts";
import { findArgument, setValue } from "./values.ts";

/** RENAME key newkey */
export function rename(context: CommandContext): void {
  const { request, reply } = context;
  const source = context.storeOf(1);
  const row = findArgument(context, source, 1);
  if (row === 0) return reply.error(NO_SUCH_KEY);
  if (keysAreEqual(request)) {
    source.touch(row);
    return reply.ok();
  }
  if (moveValue(context)) reply.ok();
}

/** RENAMENX key newkey */
export function renamenx(context: CommandContext): void {
  const { reply } = context;
  if (findArgument(context, context.storeOf(1), 1) === 0) return reply.error(NO_SUCH_KEY);
  const target = context.storeOf(2);
  const targetRow = findArgument(context, target, 2);
  if (targetRow !== 0) {
    target.touch(targetRow);
    return reply.integer(0);
  }
  if (moveValue(context)) reply.integer(1);
}

/** COPY source destination [DB 0] [REPLACE] */
export function copy(context: CommandContext): void {
  const { request, reply } = context;
  let replaces = false;
  for (let at = 3; at < request.argumentCount; at++) {
    if (argumentIs(request, at, "REPLACE")) {
      replaces = true;
    } else if (argumentIs(request, at, "DB") && at + 1 < request.argumentCount) {
      const database = integerArgument(request, ++at);
      if (Number.isNaN(database)) return reply.error(NOT_AN_INTEGER);
      if (database !== 0) return reply.error(DATABASE_OUT_OF_RANGE);
    } else {
      return reply.error(SYNTAX);
    }
  }
  if (keysAreEqual(request)) return reply.error(SAME_OBJECT);
  const source = context.storeOf(1);
  const row = findArgument(context, source, 1);
  if (row === 0) return reply.integer(0);
  source.touch(row);
  if (!replaces && findArgument(context, context.storeOf(2), 2) !== 0) return reply.integer(0);
  const length = source.valueLength(row);
  const value = scratch.take(length);
  source.copyValue(row, value, 0);
  if (setValue(context, 2, value, length, source.expiresAt(row))) reply.integer(1);
  scratch.release();
}

/**
 * Moves the value of key 1, which exists, to key 2. The old entry goes first, so that a full store evicts nothing
 * else for the new one; should the longer new key not fit, the old entry returns to the room that it left.
 */
function moveValue(context: CommandContext): boolean {
  const source = context.storeOf(1);
  const row = findArgument(context, source, 1);
  const expiresAtMs = source.expiresAt(row);
  const length = source.valueLength(row);
  const value = scratch.take(length);
  source.copyValue(row, value, 0);
  source.delete(row);
  const isMoved = setValue(context, 2, value, length, expiresAtMs);
  if (!isMoved) setValue(context, 1, value, length, expiresAtMs);
  scratch.release();
  return isMoved;
}

function keysAreEqual(request: Request): boolean {
  const { bytes, starts, ends } = request;
  return ends[1]! - starts[1]! === ends[2]! - starts[2]! &&
    equalBytes(bytes, starts[1]!, ends[1]!, bytes, starts[2]!);
}
