/** What a disk's error means for the one who has to mend it: path, cause, way out. */
import { messageOf } from "../core/errors.ts";

/** By the system's code. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  ENOSPC: "make room on its disk",
  EDQUOT: "make room within the user's quota of its disk",
  EROFS: "mount it for writing, or choose another --data-dir",
  EACCES: "give this user the right to it, or choose another --data-dir",
  EPERM: "give this user the right to it, or choose another --data-dir",
  EISDIR: "a folder stands where a file of ours belongs: move it away, or choose another --data-dir",
  ENOTDIR: "a file stands where a folder of ours belongs: move it away, or choose another --data-dir",
  EEXIST: "something else stands where a file of ours belongs: move it away, or choose another --data-dir",
  EMFILE: "raise the limit of open files (ulimit -n)",
  ENFILE: "raise the system's limit of open files",
  EIO: "see to the disk, or restore the data folder from a backup",
};

/**
 * One line for an error of the system, or `null` when `error` is none. The runtime names the path in most errors; where
 * it does not, `folder` is told.
 */
export function diskErrorText(error: unknown, folder: string): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  if (!(error instanceof Error) || typeof code !== "string" || !/^E[A-Z]+$/.test(code)) return null;
  const [, cause, path] = /^(.*?)(?:: \w+ '(.*)')?$/s.exec(messageOf(error))!;
  const wayOut = WAYS_OUT[code] ?? "see to the disk, or choose another --data-dir";
  const place = path === undefined || path === folder ? `data folder ${folder}` : path;
  return `Cannot use ${place}: ${cause}; ${wayOut}`;
}
