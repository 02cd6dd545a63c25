/**
 * The table of command specs as the dispatcher reads it for each request: parallel arrays of small integers,
 * indexed as `COMMAND_SPECS` is.
 */
import { COMMAND_SPECS, type CommandSpec } from "../protocol/command_specs.ts";

export const ROUTE_OTHER = 0;
/** Goes to the node of its one key. */
export const ROUTE_KEY = 1;
/** Has several keys, which must share a slot. */
export const ROUTE_SAME_SLOT = 2;
/** Has several keys, which may lie on several nodes. */
export const ROUTE_SPLIT = 3;
/** The balancer answers it itself. */
export const ROUTE_LOCAL = 4;

const ROUTES: Partial<Record<CommandSpec["routing"], number>> = {
  "key": ROUTE_KEY,
  "same-slot": ROUTE_SAME_SLOT,
  "split-sum": ROUTE_SPLIT,
  "split-array": ROUTE_SPLIT,
  "split-ok": ROUTE_SPLIT,
  "local": ROUTE_LOCAL,
};

/** One of the `ROUTE_…` values. */
export const routeOf = Uint8Array.from(COMMAND_SPECS, (spec) => ROUTES[spec.routing] ?? ROUTE_OTHER);
/** Redis' arity; see `fitsArity`. */
export const arityOf = Int32Array.from(COMMAND_SPECS, (spec) => spec.arity);
/** Position of the first key; 0 when the command has none. */
export const firstKeyOf = Uint8Array.from(COMMAND_SPECS, (spec) => spec.keys?.first ?? 0);
/** Whether it changes data: then it is not sent twice. */
export const writesOf: readonly boolean[] = COMMAND_SPECS.map((spec) => spec.write);

/** Position of the last key of a request of `argumentCount` arguments. */
export function lastKeyOf(command: number, argumentCount: number): number {
  const { keys } = COMMAND_SPECS[command]!;
  if (keys === null) return 0;
  return keys.last >= 0 ? keys.last : argumentCount + keys.last;
}

/** From one key to the next. */
export function keyStepOf(command: number): number {
  return COMMAND_SPECS[command]!.keys?.step ?? 1;
}
