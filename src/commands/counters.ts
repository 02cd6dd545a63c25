/**
 * Numbers kept as text: INCR and its relatives. A number of up to 15 bytes, which a double adds exactly, takes a
 * path without allocations; the rest of the 64-bit range goes through `bigint`. The deadline is kept.
 */
import { OutputBuffer } from "../core/output_buffer.ts";
import { parseBigInteger, parseInteger } from "../protocol/arguments.ts";
import { INT64_MAX, INT64_MIN } from "./arguments.ts";
import type { CommandContext } from "./context.ts";
import { addDecimals, type Decimal, DECIMAL_BYTES_MAX, decimalText, parseDecimal } from "./decimal.ts";
import { DECREMENT_OVERFLOW, NOT_A_FLOAT, NOT_AN_INTEGER, NOT_FINITE, OVERFLOW } from "./error_texts.ts";
import { findArgument, setValue } from "./values.ts";

/** Sign and digits of the longest number that the plain path takes. */
const PLAIN_BYTES_MAX = 15;
/** Sign and digits of the longest 64-bit integer. */
const WIDE_BYTES_MAX = 20;

/** The number that was there. */
const oldText = new Uint8Array(DECIMAL_BYTES_MAX);
/** The number that takes its place. */
const newText = new OutputBuffer(512);

/** INCR key */
export function incr(context: CommandContext): void {
  add(context, 1);
}

/** DECR key */
export function decr(context: CommandContext): void {
  add(context, -1);
}

/** INCRBY key increment */
export function incrby(context: CommandContext): void {
  const { bytes, starts, ends } = context.request;
  const increment = parseInteger(bytes, starts[2]!, ends[2]!);
  if (Number.isSafeInteger(increment)) return add(context, increment);
  const wideIncrement = parseBigInteger(bytes, starts[2]!, ends[2]!);
  if (wideIncrement === null) return context.reply.error(NOT_AN_INTEGER);
  addWide(context, wideIncrement);
}

/** DECRBY key decrement */
export function decrby(context: CommandContext): void {
  const { bytes, starts, ends } = context.request;
  const decrement = parseInteger(bytes, starts[2]!, ends[2]!);
  if (Number.isSafeInteger(decrement)) return add(context, -decrement);
  const wideDecrement = parseBigInteger(bytes, starts[2]!, ends[2]!);
  if (wideDecrement === null) return context.reply.error(NOT_AN_INTEGER);
  if (wideDecrement === INT64_MIN) return context.reply.error(DECREMENT_OVERFLOW);
  addWide(context, -wideDecrement);
}

/** INCRBYFLOAT key increment */
export function incrbyfloat(context: CommandContext): void {
  const { request, reply } = context;
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  let oldNumber: Decimal = 0n;
  if (row !== 0) {
    const length = store.valueLength(row);
    if (length > DECIMAL_BYTES_MAX) return reply.error(NOT_A_FLOAT);
    store.copyValue(row, oldText, 0);
    oldNumber = parseDecimal(oldText, 0, length);
  }
  const increment = parseDecimal(request.bytes, request.starts[2]!, request.ends[2]!);
  if (oldNumber === "invalid" || increment === "invalid") return reply.error(NOT_A_FLOAT);
  const sum = oldNumber === "infinite" || increment === "infinite"
    ? "infinite"
    : addDecimals(oldNumber, increment);
  if (sum === "infinite") return reply.error(NOT_FINITE);
  newText.clear();
  newText.ascii(decimalText(sum));
  const expiresAtMs = row === 0 ? 0 : store.expiresAt(row);
  if (!setValue(context, 1, newText.bytes, newText.length, expiresAtMs)) return;
  reply.bulk(newText.bytes, 0, newText.length);
}

/** Adds a safe integer to key 1. */
function add(context: CommandContext, increment: number): void {
  const { reply } = context;
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  let oldNumber = 0;
  let expiresAtMs = 0;
  if (row !== 0) {
    const length = store.valueLength(row);
    if (length > PLAIN_BYTES_MAX) return addWide(context, BigInt(increment));
    store.copyValue(row, oldText, 0);
    oldNumber = parseInteger(oldText, 0, length);
    if (Number.isNaN(oldNumber)) return reply.error(NOT_AN_INTEGER);
    expiresAtMs = store.expiresAt(row);
  }
  const sum = oldNumber + increment;
  if (!Number.isSafeInteger(sum)) return addWide(context, BigInt(increment));
  newText.clear();
  newText.decimal(sum);
  if (setValue(context, 1, newText.bytes, newText.length, expiresAtMs)) reply.integer(sum);
}

/** Adds a 64-bit integer to key 1. */
function addWide(context: CommandContext, increment: bigint): void {
  const { reply } = context;
  const store = context.storeOf(1);
  const row = findArgument(context, store, 1);
  let oldNumber: bigint | null = 0n;
  if (row !== 0) {
    const length = store.valueLength(row);
    if (length > WIDE_BYTES_MAX) return reply.error(NOT_AN_INTEGER);
    store.copyValue(row, oldText, 0);
    oldNumber = parseBigInteger(oldText, 0, length);
    if (oldNumber === null) return reply.error(NOT_AN_INTEGER);
  }
  const sum = oldNumber + increment;
  if (sum < INT64_MIN || sum > INT64_MAX) return reply.error(OVERFLOW);
  newText.clear();
  newText.ascii(sum.toString());
  const expiresAtMs = row === 0 ? 0 : store.expiresAt(row);
  if (setValue(context, 1, newText.bytes, newText.length, expiresAtMs)) reply.integer(sum);
}
