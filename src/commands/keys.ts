/** Keys by name, whatever their values: DEL, EXISTS, TOUCH, TYPE. A key named twice counts twice, if it can. */
import type { CommandContext } from "./context.ts";
import { findArgument } from "./values.ts";

/** DEL key [key ...]. Also UNLINK: removing an entry never takes long here. */
export function del(context: CommandContext): void {
  const { request, nowMs } = context;
  const { bytes, starts, ends, argumentCount } = request;
  let count = 0;
  for (let argument = 1; argument < argumentCount; argument++) {
    const store = context.storeOf(argument);
    const hash = context.hashOf(argument);
    if (store.deleteKey(hash, bytes, starts[argument]!, ends[argument]!, nowMs)) count++;
  }
  context.reply.integer(count);
}

/** EXISTS key [key ...]. As in Redis, asking does not count as use. */
export function exists(context: CommandContext): void {
  const { argumentCount } = context.request;
  let count = 0;
  for (let argument = 1; argument < argumentCount; argument++) {
    if (findArgument(context, context.storeOf(argument), argument) !== 0) count++;
  }
  context.reply.integer(count);
}

/** TOUCH key [key ...] */
export function touch(context: CommandContext): void {
  const { argumentCount } = context.request;
  let count = 0;
  for (let argument = 1; argument < argumentCount; argument++) {
    const store = context.storeOf(argument);
    const row = findArgument(context, store, argument);
    if (row === 0) continue;
    store.touch(row);
    count++;
  }
  context.reply.integer(count);
}

/** TYPE key */
export function type(context: CommandContext): void {
  const row = findArgument(context, context.storeOf(1), 1);
  context.reply.simple(row === 0 ? "none" : "string");
}
