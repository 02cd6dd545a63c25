/** What this process may touch, checked before it matters, so that the error says what to do. */
import { messageOf, RefusalError } from "../core/errors.ts";
import { directoryOf } from "./disk.ts";
import { diskErrorText } from "./disk_errors.ts";

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
    makeFolder(folder);
    if (!Deno.statSync(folder).isDirectory) throw new Error("something else has this name");
  } catch (error) {
    throw new RefusalError(
      diskErrorText(error, folder) ??
        `Cannot use data folder ${folder}: ${messageOf(error)}; choose another --data-dir`,
    );
  }
}

/**
 * Makes a folder and its parents, so that a power loss cannot undo it: the parents' lists of names are synced as
 * far up as this process may look. Beyond that the file system's own order has to do.
 */
function makeFolder(folder: string): void {
  const parents: string[] = [];
  for (let path = folder; isGranted("read", path) && isMissing(path);) {
    path = directoryOf(path);
    parents.push(path);
  }
  if (parents.length === 0) return;
  Deno.mkdirSync(folder, { recursive: true });
  for (const parent of parents) {
    if (!isGranted("read", parent)) continue;
    using directory = Deno.openSync(parent);
    directory.syncSync();
  }
}

function isGranted(name: "read" | "write", path: string): boolean {
  return Deno.permissions.querySync({ name, path }).state === "granted";
}

function isMissing(path: string): boolean {
  try {
    Deno.statSync(path);
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}
