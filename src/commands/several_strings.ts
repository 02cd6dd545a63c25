/**
 * Several values in one command: MGET, MSET, MSETNX. A command that sets several keys sets all or none: before
 * it changes anything it asks whether each pair could be stored at all. That each pair fits does not mean that
 * all fit at once: then the later ones evict the earlier ones, as any other writes would.
 */
import { REPLY_BYTES_MAX, VALUE_BYTES_MAX } from "../core/limits.ts";
import type { CommandContext } from "./context.ts";
import { MSET_ODD, MSETNX_ODD, REPLY_TOO_LONG, VALUE_TOO_LONG } from "./error_texts.ts";
import { findArgument, replyValue, setArgument } from "./values.ts";

/** Rows of the keys of an MGET that names no more than these. */
const fewRows = new Int32Array(1_024);
/** A pair of up to this part of a store's cap fits: bookkeeping does not double the bytes that an entry takes. */
const SURELY_FITS_DIVISOR = 4;

/** MGET key [key ...] */
export function mget(context: CommandContext): void {
  const { request, reply } = context;
  const { argumentCount } = request;
  const rows = argumentCount <= fewRows.length ? fewRows : new Int32Array(argumentCount);
  let replyBytes = 0;
  for (let argument = 1; argument < argumentCount; argument++) {
    const store = context.storeOf(argument);
    const row = findArgument(context, store, argument);
    rows[argument] = row;
    if (row === 0) continue;
    store.touch(row);
    replyBytes += store.valueLength(row);
  }
  if (replyBytes > REPLY_BYTES_MAX) return reply.error(REPLY_TOO_LONG);
  reply.expect(replyBytes);
  reply.arrayStart(argumentCount - 1);
  for (let argument = 1; argument < argumentCount; argument++) {
    const row = rows[argument]!;
    if (row === 0) reply.nil();
    else replyValue(reply, context.storeOf(argument), row);
  }
}

/** MSET key value [key value ...] */
export function mset(context: CommandContext): void {
  if (context.request.argumentCount % 2 === 0) return context.reply.error(MSET_ODD);
  if (everyPairFits(context) && setPairs(context)) context.reply.ok();
}

/** MSETNX key value [key value ...] */
export function msetnx(context: CommandContext): void {
  const { request, reply } = context;
  if (request.argumentCount % 2 === 0) return reply.error(MSETNX_ODD);
  for (let argument = 1; argument < request.argumentCount; argument += 2) {
    const store = context.storeOf(argument);
    const row = findArgument(context, store, argument);
    if (row === 0) continue;
    store.touch(row);
    return reply.integer(0);
  }
  if (everyPairFits(context) && setPairs(context)) reply.integer(1);
}

/**
 * Whether the store takes each pair. Says the error otherwise. What fits depends on length alone, so only the
 * longest pair needs to be looked at; and whether that fits is found out by setting it, once more than its turn.
 */
function everyPairFits(context: CommandContext): boolean {
  const { starts, ends, argumentCount } = context.request;
  if (argumentCount === 3) return true;
  let longest = 1;
  let bytesMax = 0;
  for (let argument = 1; argument < argumentCount; argument += 2) {
    const valueBytes = ends[argument + 1]! - starts[argument + 1]!;
    if (valueBytes > VALUE_BYTES_MAX) {
      context.reply.error(VALUE_TOO_LONG);
      return false;
    }
    const bytes = ends[argument]! - starts[argument]! + valueBytes;
    if (bytes <= bytesMax) continue;
    bytesMax = bytes;
    longest = argument;
  }
  if (bytesMax <= context.storeOf(longest).capBytes / SURELY_FITS_DIVISOR) return true;
  return setArgument(context, longest, longest + 1, 0);
}

function setPairs(context: CommandContext): boolean {
  const { argumentCount } = context.request;
  for (let argument = 1; argument < argumentCount; argument += 2) {
    if (!setArgument(context, argument, argument + 1, 0)) return false;
  }
  return true;
}
