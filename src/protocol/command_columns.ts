/** The table of command specs as arrays, indexed as `COMMAND_SPECS` is: one load each per request. */
import { REQUEST_KEYS_MAX, REQUEST_WORDS_MAX } from "../core/limits.ts";
import { COMMAND_SPECS, type CommandSpec } from "./command_specs.ts";

/** Redis' arity; see `fitsArity`. */
export const ARITY = Int32Array.from(COMMAND_SPECS, (spec) => spec.arity);
/** Arguments, the name included, beyond which a request would hold up everybody else. */
export const ARGUMENTS_MAX = Int32Array.from(COMMAND_SPECS, argumentsMaxOf);
/** Whether it may change data: then it is not sent twice. */
export const IS_WRITE = Uint8Array.from(COMMAND_SPECS, (spec) => spec.write ? 1 : 0);
/** Whether it is about all keys of a node. */
export const USES_ALL_KEYS = Uint8Array.from(
  COMMAND_SPECS,
  ({ keys, write, flags }) => keys === null && (write || flags.includes("readonly")) ? 1 : 0,
);
/** Which argument is the first key; 0 when there is none. */
export const FIRST_KEY = Int32Array.from(COMMAND_SPECS, (spec) => spec.keys?.first ?? 0);
/** Which argument is the last key; negative when it counts from the end of the request. */
export const LAST_KEY = Int32Array.from(COMMAND_SPECS, (spec) => spec.keys?.last ?? 0);
/** From one key to the next. */
export const KEY_STEP = Int32Array.from(COMMAND_SPECS, (spec) => spec.keys?.step ?? 1);
/** Whether all keys must lie in one slot. */
export const ONE_SLOT = Uint8Array.from(COMMAND_SPECS, (spec) => spec.routing === "same-slot" ? 1 : 0);

/** Position of the last key of a request of `argumentCount` arguments; 0 when the command has no keys. */
export function lastKeyOf(command: number, argumentCount: number): number {
  const last = LAST_KEY[command]!;
  return last >= 0 ? last : argumentCount + last;
}

function argumentsMaxOf({ keys }: CommandSpec): number {
  return keys !== null && keys.last < 0 ? keys.first + keys.step * REQUEST_KEYS_MAX : REQUEST_WORDS_MAX;
}
