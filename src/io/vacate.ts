/**
 * Takes a large file's name and gives its room back piece by piece. To free 100 MB at once takes a file system 20 ms,
 * in which it keeps every sync of the log waiting. But a file without a name lives on for as long as it is open: so it
 * is opened before its name goes, and afterwards cut shorter in pieces of about a millisecond each. A process that dies
 * meanwhile leaves the rest to the system.
 */
import { MIB } from "../core/limits.ts";
import type { Disk, DiskFile } from "./disk.ts";

/** Freed at a time. */
const PIECE_BYTES = 4 * MIB;

/**
 * Runs `unname`, after which the file that is at `path` now, if any, must have no name any more, and that durably:
 * a loss of power must not bring it back without its end. Rejects only as `unname` does; then the file stays whole.
 */
export async function vacate(disk: Disk, path: string, unname: () => Promise<void>): Promise<void> {
  const file = await disk.exists(path) ? await disk.open(path) : null;
  try {
    const bytes = file === null ? 0 : await disk.size(path);
    await unname();
    if (file !== null) await cutInPieces(file, bytes);
  } finally {
    file?.close();
  }
}

/** What cannot be cut is freed when the file is closed. */
async function cutInPieces(file: DiskFile, bytes: number): Promise<void> {
  try {
    for (let left = bytes - PIECE_BYTES; left > 0; left -= PIECE_BYTES) await file.truncate(left);
  } catch {
    return;
  }
}
