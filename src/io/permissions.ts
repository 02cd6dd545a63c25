/** What this process may touch, checked before it matters, so that the error says what to do. */
import { RefusalError } from "../core/errors.ts";

/**
 * Throws `RefusalError` unless this process may read and write in `folder`. The tasks grant the current folder;
 * `entry` is the program to run by hand for another one, e.g. `src/node.ts`.
 */
export function requireFolder(folder: string, entry: string): void {
  const isGranted = (["read", "write"] as const).every((name) =>
    Deno.permissions.querySync({ name, path: folder }).state === "granted"
  );
  if (isGranted) return;
  throw new RefusalError(
    `Cannot use data folder ${folder}: this process has no permission to read and write there. ` +
      `Grant it: deno run --allow-net "--allow-env=ROUNDEL_*" "--allow-read=${folder}" "--allow-write=${folder}" ` +
      `${entry} --data-dir ${folder} …`,
  );
}
