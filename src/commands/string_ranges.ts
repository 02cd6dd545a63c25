/**
 * Parts of a value: STRLEN, GETRANGE, SETRANGE, APPEND. What changes a part makes the whole value anew and keeps
 * its deadline.
 */
import { copyBytes } from "../core/bytes.ts";
import { VALUE_BYTES_MAX } from "../core/limits.ts";
import type { CommandContext } from "./context.ts";
import { NOT_AN_INTEGER, OFFSET_OUT_OF_RANGE, VALUE_TOO_LONG } from "./error_texts.ts";
import { integerArgument } from "./arguments.ts";
import { scratch } from "./scratch.ts";
import { findArgument, setArgument, setValue } from "./values.ts";

/** STRLEN key */
export function strlen(context: CommandContext): void {
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  if (row === 0) return context.reply.integer(0);
  store.touch(row);
  context.reply.integer(store.valueLength(row));
}

/** GETRANGE key start end: offsets are inclusive, and negative ones count from the end. Also SUBSTR. */
export function getrange(context: CommandContext): void {
  const { request, reply } = context;
  let first = integerArgument(request, 2);
  let last = integerArgument(request, 3);
  if (Number.isNaN(first) || Number.isNaN(last)) return reply.error(NOT_AN_INTEGER);
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  if (row === 0) return reply.bulk(request.bytes, 0, 0);
  store.touch(row);
  const length = store.valueLength(row);
  if (first < 0 && last < 0 && first > last) return reply.bulk(request.bytes, 0, 0);
  if (first < 0) first = Math.max(0, length + first);
  if (last < 0) last = Math.max(0, length + last);
  if (last >= length) last = length - 1;
  if (first > last) return reply.bulk(request.bytes, 0, 0);
  const partLength = last - first + 1;
  const output = reply.bulkStart(partLength);
  store.copyValue(row, output.bytes, output.length, first, last + 1);
  output.length += partLength;
  reply.bulkEnd();
}

/** SETRANGE key offset value: zero bytes fill a gap. */
export function setrange(context: CommandContext): void {
  const { request, reply } = context;
  const offset = integerArgument(request, 2);
  if (Number.isNaN(offset)) return reply.error(NOT_AN_INTEGER);
  if (offset < 0) return reply.error(OFFSET_OUT_OF_RANGE);
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  const oldLength = row === 0 ? 0 : store.valueLength(row);
  const partLength = request.ends[3]! - request.starts[3]!;
  if (partLength === 0) return reply.integer(oldLength);
  if (offset + partLength > VALUE_BYTES_MAX) return reply.error(VALUE_TOO_LONG);
  const length = Math.max(oldLength, offset + partLength);
  const value = scratch.take(length);
  if (row !== 0) store.copyValue(row, value, 0);
  if (offset > oldLength) value.fill(0, oldLength, offset);
  copyBytes(value, offset, request.bytes, request.starts[3]!, request.ends[3]!);
  const expiresAtMs = row === 0 ? 0 : store.expiresAt(row);
  if (setValue(context, 1, value, length, expiresAtMs)) reply.integer(length);
  scratch.release();
}

/** APPEND key value */
export function append(context: CommandContext): void {
  const { request, reply } = context;
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  const addedLength = request.ends[2]! - request.starts[2]!;
  if (row === 0) {
    if (setArgument(context, 1, 2, 0)) reply.integer(addedLength);
    return;
  }
  const oldLength = store.valueLength(row);
  const length = oldLength + addedLength;
  if (length > VALUE_BYTES_MAX) return reply.error(VALUE_TOO_LONG);
  const value = scratch.take(length);
  store.copyValue(row, value, 0);
  copyBytes(value, oldLength, request.bytes, request.starts[2]!, request.ends[2]!);
  if (setValue(context, 1, value, length, store.expiresAt(row))) reply.integer(length);
  scratch.release();
}
