/** The last words of a process that cannot start. */
import { messageOf, RefusalError } from "../core/errors.ts";
import type { LogFormat } from "./log_format.ts";
import { loggerOf } from "./logging.ts";
import { exitWith } from "./process.ts";

/** Exit code of a process that must not start as things are. */
const REFUSED = 3;

/**
 * Ends a process that cannot start: with one line that says why and exit code 3 when that is a matter of files,
 * ports or permissions. Anything else is a bug, and is thrown on. `role` is `node`, `balancer` or `cluster`.
 */
export function endRefused(role: string, format: LogFormat, error: unknown): never {
  const cause = causeOf(error);
  if (cause === null) throw error;
  if (format === "text") exitWith(REFUSED, `roundel ${role}: ${cause}`);
  // Whoever asked for JSON reads nothing else.
  loggerOf(role).error(cause);
  Deno.exit(REFUSED);
}

function causeOf(error: unknown): string | null {
  if (error instanceof RefusalError) return error.message;
  if (error instanceof Deno.errors.AddrInUse) {
    return `Cannot listen: ${messageOf(error)}. Stop the process that has the port, or choose another one`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return `Cannot listen: ${messageOf(error)}. Choose a --host that is an address of this machine`;
  }
  if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied) {
    return `Cannot start: ${messageOf(error)}`;
  }
  return null;
}
