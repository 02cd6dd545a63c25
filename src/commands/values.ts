/**
 * The two things that nearly every command does: put a value of the store into the reply, and set a key of the
 * request. Neither allocates, and neither leaves half a reply when the entry does not fit.
 */
import { VALUE_BYTES_MAX } from "../core/limits.ts";
import { Mutation } from "../core/mutation.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Row, Store } from "../store/store.ts";
import type { CommandContext } from "./context.ts";
import { DOES_NOT_FIT, VALUE_TOO_LONG } from "./error_texts.ts";

/** One for the process: it is filled and told of inside one call. */
const mutation = new Mutation();

/** Row of the key in argument `argument` of the request; 0 when there is no such key. */
export function findArgument(context: CommandContext, store: Store, argument: number): Row {
  const { request } = context;
  const hash = context.hashOf(argument);
  return store.find(hash, request.bytes, request.starts[argument]!, request.ends[argument]!, context.nowMs);
}

/** Replies with the whole value of `row`. */
export function replyValue(reply: Reply, store: Store, row: Row): void {
  const length = store.valueLength(row);
  const output = reply.bulkStart(length);
  store.copyValue(row, output.bytes, output.length);
  output.length += length;
  reply.bulkEnd();
}

/** Replies with the key of `row`. */
export function replyKey(reply: Reply, store: Store, row: Row): void {
  const length = store.keyLength(row);
  const output = reply.bulkStart(length);
  store.copyKey(row, output.bytes, output.length);
  output.length += length;
  reply.bulkEnd();
}

/**
 * Sets the key in argument `keyArgument` to the first `length` bytes of `value` until `expiresAtMs` (0 = for ever).
 * False when that was refused: then nothing has changed and the error is said.
 */
export function setValue(
  context: CommandContext,
  keyArgument: number,
  value: Uint8Array,
  length: number,
  expiresAtMs: number,
): boolean {
  mutation.setValue(value, 0, length);
  mutation.expiresAtMs = expiresAtMs;
  return setKey(context, keyArgument);
}

/** As {@linkcode setValue}, with the value in argument `valueArgument`. */
export function setArgument(
  context: CommandContext,
  keyArgument: number,
  valueArgument: number,
  expiresAtMs: number,
): boolean {
  const { request } = context;
  mutation.setValue(request.bytes, request.starts[valueArgument]!, request.ends[valueArgument]!);
  mutation.expiresAtMs = expiresAtMs;
  return setKey(context, keyArgument);
}

/** Sets the key in argument `keyArgument` to the value and expiry that `mutation` has, and lets go of their bytes. */
function setKey(context: CommandContext, keyArgument: number): boolean {
  const { request } = context;
  let refusal = VALUE_TOO_LONG;
  if (mutation.valueEnd - mutation.valueStart <= VALUE_BYTES_MAX) {
    const store = context.storeOf(keyArgument);
    mutation.setKey(request.bytes, request.starts[keyArgument]!, request.ends[keyArgument]!);
    refusal = store.set(context.hashOf(keyArgument), mutation) ? "" : DOES_NOT_FIT;
  }
  mutation.release();
  if (refusal !== "") context.reply.error(refusal);
  return refusal === "";
}
