/**
 * The disk's door. What must survive a power loss needs a `sync`; the name of a new, renamed or removed file
 * needs `syncDirectory` of its folder. A test's disk forgets whatever was not synced.
 */

/** An open file. At most one call of it is under way at a time. */
export interface DiskFile {
  /** Writes all of `bytes` at the file's position, or throws. What was written before an error stays written. */
  writeSync(bytes: Uint8Array<ArrayBuffer>): void;
  /** As {@linkcode DiskFile.writeSync}, without holding the event loop. The bytes may not change meanwhile. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Reads up to `buffer.length` bytes at the file's position; 0 at the end. */
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number>;
  /**
   * Resolves when everything written so far is on the disk itself (fdatasync). `bytes`, how much that is, if known, is a
   * hint: a little may be synced at once, without a detour through a thread.
   */
  sync(bytes?: number): Promise<void>;
  /** Moves the file's position to `offset` bytes from its start. */
  seek(offset: number): Promise<void>;
  /** As {@linkcode DiskFile.seek}, at once. */
  seekSync(offset: number): void;
  /** Cuts the file to `length` bytes. */
  truncate(length: number): Promise<void>;
  close(): void;
}

/** Held for as long as the process lives; the system releases it when the process dies in whatever way. */
export interface DiskLock {
  release(): void;
}

/** Paths use `/`. Missing files reject with `Deno.errors.NotFound`, which {@linkcode Disk.exists} asks beforehand. */
export interface Disk {
  /** Opens an existing file for reading and writing, positioned at its start. */
  open(path: string): Promise<DiskFile>;
  /** Makes a new file, opened for reading and writing. Rejects when it exists. */
  create(path: string): Promise<DiskFile>;
  exists(path: string): Promise<boolean>;
  /** Length in bytes. */
  size(path: string): Promise<number>;
  /** The whole of a small file. */
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Writes a file anew from `chunks`. Each is asked for when the one before is written; its bytes may not change until
   * then. Made for large files: parts may be synced meanwhile, but only {@linkcode Disk.syncFile} promises it.
   */
  writeFile(path: string, chunks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<void>;
  /** Resolves when the file's content is on the disk itself. */
  syncFile(path: string): Promise<void>;
  /** Resolves when the folder's list of names is on the disk itself. */
  syncDirectory(path: string): Promise<void>;
  /**
   * Renames a file, replacing the target in one step. What was the target stays whole for whoever has it by another name,
   * as a backup may, or has it open: a file that had a name is never cut shorter to give back its room in pieces, since
   * nobody can tell who reads it.
   */
  rename(from: string, to: string): Promise<void>;
  /** Takes a file's name. What holds for the target of a {@linkcode Disk.rename} holds for it. */
  remove(path: string): Promise<void>;
  /**
   * Makes a folder and its parents, if need be, so that a loss of power cannot undo it; also when an earlier process made
   * them and may have died before that was so.
   */
  makeDirectory(path: string): Promise<void>;
  /** Names (not paths) in a folder, sorted. */
  list(path: string): Promise<string[]>;
  /**
   * Takes the lock file `path` and the lock of `folder`, which holds even when the file is removed meanwhile, or rejects
   * with `RefusalError` when another process has one of them.
   */
  lock(path: string, folder: string): Promise<DiskLock>;
}

/**
 * Replaces a small file so that after a crash either the old or the new content is there, whole:
 * temporary file, sync, rename, sync of the folder.
 */
export async function replaceFile(disk: Disk, path: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
  const temporary = `${path}.tmp`;
  await disk.writeFile(temporary, oneChunk(content));
  await disk.syncFile(temporary);
  await disk.rename(temporary, path);
  await disk.syncDirectory(directoryOf(path));
}

/** The folder that holds `path`. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}

async function* oneChunk(content: Uint8Array<ArrayBuffer>): AsyncIterable<Uint8Array<ArrayBuffer>> {
  yield content;
}
