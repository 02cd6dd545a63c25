/**
 * The error replies of the commands, word for word as Redis 7 says them, since clients match on them. Those
 * that Redis does not have say what was refused and which bound it met.
 */
import { REPLY_BYTES_MAX } from "../core/limits.ts";

export const SYNTAX = "ERR syntax error";
export const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
export const NOT_A_FLOAT = "ERR value is not a valid float";
export const OVERFLOW = "ERR increment or decrement would overflow";
export const DECREMENT_OVERFLOW = "ERR decrement would overflow";
export const NOT_FINITE = "ERR increment would produce NaN or Infinity";
export const OFFSET_OUT_OF_RANGE = "ERR offset is out of range";
export const NO_SUCH_KEY = "ERR no such key";
export const SAME_OBJECT = "ERR source and destination objects are the same";
export const DATABASE_OUT_OF_RANGE = "ERR DB index is out of range";
export const INVALID_CURSOR = "ERR invalid cursor";
export const EXPIRY_NX_WITH_OTHERS = "ERR NX and XX, GT or LT options at the same time are not compatible";
export const EXPIRY_GT_WITH_LT = "ERR GT and LT options at the same time are not compatible";
/** An arity cannot say that pairs must be whole. */
export const MSET_ODD = "ERR wrong number of arguments for 'mset' command";
export const MSETNX_ODD = "ERR wrong number of arguments for 'msetnx' command";

export { KEY_TOO_LONG, VALUE_TOO_LONG } from "../protocol/size_errors.ts";
export const REPLY_TOO_LONG = `ERR reply exceeds maximum allowed size (${REPLY_BYTES_MAX} bytes)`;
/** An entry of this size cannot fit, however much is evicted; nothing was changed. */
export const DOES_NOT_FIT = "OOM command not allowed: key and value are larger than the memory cap";

/** What would be shown, or was changed, is not committed, and never will be. */
export const NOT_COMMITTED = "READONLY The last change could not be made durable and may be lost";

/** `command` in lower case. */
export function invalidExpireTime(command: string): string {
  return `ERR invalid expire time in '${command}' command`;
}

export function unsupportedOption(option: string): string {
  return `ERR Unsupported option ${option}`;
}
