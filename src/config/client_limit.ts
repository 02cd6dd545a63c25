/** How many clients a process takes: no more than its limit of open files has room for, beside its own files. */
import { RefusalError } from "../core/errors.ts";
import { CLIENT_COUNT_MAX, OPEN_FILES_RESERVED } from "../core/limits.ts";

export interface ClientLimit {
  readonly count: number;
  /** Why it is less than what was asked for; empty when it is not, or when nobody has asked. */
  readonly warning: string;
}

/**
 * `wanted` is `--max-clients`, `openFiles` the process's limit, if it is known, and `linkFiles` what it needs for its
 * connections to nodes. Throws `RefusalError` when there is no room for a single client.
 */
export function clientLimitOf(wanted: number, openFiles: number | null, linkFiles = 0): ClientLimit {
  const room = openFiles === null ? Infinity : openFiles - OPEN_FILES_RESERVED - linkFiles;
  if (room >= wanted) return { count: wanted, warning: "" };
  if (room < 1) {
    throw new RefusalError(
      `Cannot serve clients: this process may open ${openFiles} files and needs ` +
        `${OPEN_FILES_RESERVED + linkFiles} for itself; raise the limit (ulimit -n)`,
    );
  }
  const isDefault = wanted === CLIENT_COUNT_MAX;
  return {
    count: room,
    warning: isDefault
      ? ""
      : `--max-clients ${wanted} is lowered to ${room}: this process may open ${openFiles} ` +
        "files; raise the limit (ulimit -n)",
  };
}
