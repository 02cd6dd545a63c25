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
  "info": ROUTE_LOCAL,
};

/** One of the `ROUTE_…` values. */
export const routeOf = Uint8Array.from(COMMAND_SPECS, (spec) => ROUTES[spec.routing] ?? ROUTE_OTHER);
