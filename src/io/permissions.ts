/** What this process may touch, checked before it matters, so that the error says what to do. */
import { messageOf, RefusalError } from "../core/errors.ts";
import { diskErrorText } from "./disk_errors.ts";

/** Modes of what our processes make: a store's data is its owner's. */
export const FILE_MODE = 0o600;
export const FOLDER_MODE = 0o700;

/**
 * Makes `folder` ready to be used: it exists, and this process may read and write there. Throws `RefusalError` when
 * it cannot be made, or when the permission is missing: the tasks grant the current folder only. `entry` is the
 * program, e.g. `src/node.ts`.
 */
export function requireFolder(folder: string, entry: string): void {
  if (!isGranted("read", folder) || !isGranted("write", folder)) {
    throw new RefusalError(
      `Cannot use data folder ${folder}: this process has no permission to read and write there. Choose a folder ` +
        `below the current one, or run ${entry} with "--allow-read=${folder}" "--allow-write=${folder}" in place ` +
        `of those that its task in deno.json has`,
    );
  }
  try {
    // Made here already, so that what stands in the way is told; the disk makes it durable.
    Deno.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
    if (!Deno.statSync(folder).isDirectory) throw new Error("something else has this name");
  } catch (error) {
    throw new RefusalError(
      diskErrorText(error, folder) ??
        `Cannot use data folder ${folder}: ${messageOf(error)}; choose another --data-dir`,
    );
  }
}

/** Whether the process was granted to `read` or `write` at `path`. */
export function isGranted(name: "read" | "write", path: string): boolean {
  return Deno.permissions.querySync({ name, path }).state === "granted";
}
