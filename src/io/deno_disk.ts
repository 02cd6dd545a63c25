/**
 * The machine's disk. Errors are the runtime's own; only a lock that another process holds is a `RefusalError`.
 *
 * A `Deno.FsFile` may write fewer bytes than it was given, so every write loops until all are written. Asynchronous
 * calls of one file queue up behind each other: whoever wants to write while a sync runs opens the file twice.
 */
import { setImmediate } from "node:timers";
import { bytesOf } from "../core/bytes.ts";
import { HeldError } from "../core/errors.ts";
import { MIB } from "../core/limits.ts";
import { SyncPace } from "./sync_pace.ts";
import { directoryOf, type Disk, type DiskFile, type DiskLock } from "./disk.ts";
import { FILE_MODE, FOLDER_MODE, isGranted } from "./permissions.ts";

/** How long {@linkcode DenoDisk.lock} waits. Taking a free lock needs no time; this only has to tell the two apart. */
const LOCK_WAIT_MS = 300;
/** Of a large file this much is written before it is synced. Measured: a sync of it takes 1.5 ms. */
const BULK_SYNC_BYTES = 4 * MIB;

export class DenoDisk implements Disk {
  readonly #pace = new SyncPace();

  async open(path: string): Promise<DiskFile> {
    return new DenoDiskFile(await Deno.open(path, { read: true, write: true }), this.#pace);
  }

  async create(path: string): Promise<DiskFile> {
    return new DenoDiskFile(
      await Deno.open(path, { read: true, write: true, createNew: true, mode: FILE_MODE }),
      this.#pace,
    );
  }

  async exists(path: string): Promise<boolean> {
    try {
      await Deno.stat(path);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  async size(path: string): Promise<number> {
    return (await Deno.stat(path)).size;
  }

  readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return Deno.readFile(path);
  }

  /**
   * Each chunk is written by a call of its own, so that its bytes are free for reuse once it is written, and each has
   * a turn of the event loop of its own. (From a stream of chunks the runtime would take the next before it has written
   * the last, so it would need copies; and those of a dump of 100 MB are garbage that makes the collector mark the whole
   * heap, which holds up the loop for 10 ms.) What is written is synced every few megabytes: syncs of other files wait
   * for the one under way, so each has to be short.
   */
  writeFile(path: string, chunks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<void> {
    return this.#pace.duringBulk(async () => {
      await Deno.writeFile(path, new Uint8Array(0), { mode: FILE_MODE });
      using file = await Deno.open(path, { read: true, write: true });
      let unsyncedBytes = 0;
      for await (const chunk of chunks) {
        await Deno.writeFile(path, chunk, { append: true, create: false });
        unsyncedBytes += chunk.length;
        if (unsyncedBytes >= BULK_SYNC_BYTES) {
          unsyncedBytes = 0;
          await file.syncData();
        }
        await new Promise<void>((resolve) => setImmediate(() => resolve()));
      }
    });
  }

  async syncFile(path: string): Promise<void> {
    using file = await Deno.open(path, { read: true, write: true });
    await this.#pace.duringBulk(() => file.sync());
  }

  async syncDirectory(path: string): Promise<void> {
    using folder = await Deno.open(path, { read: true });
    await folder.sync();
  }

  /** The room of a large file that is replaced is freed in a thread; syncs beside that take their time. */
  rename(from: string, to: string): Promise<void> {
    return this.#pace.duringBulk(() => Deno.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#pace.duringBulk(() => Deno.remove(path));
  }

  /** The parents' lists of names are synced as far up as this process may look; beyond that its owner vouches for them. */
  async makeDirectory(path: string): Promise<void> {
    await Deno.mkdir(path, { recursive: true, mode: FOLDER_MODE });
    for (let parent = directoryOf(path); isGranted("read", parent); parent = directoryOf(parent)) {
      try {
        await this.syncDirectory(parent);
      } catch (error) {
        if (error instanceof Deno.errors.PermissionDenied) return;
        throw error;
      }
      if (parent === directoryOf(parent)) return;
    }
  }

  async list(path: string): Promise<string[]> {
    const names: string[] = [];
    for await (const entry of Deno.readDir(path)) names.push(entry.name);
    return names.sort();
  }

  /**
   * The lock file tells who holds the lock; the folder is locked as well, since a file can be removed while its lock is
   * held, and the next one would lock another file of that name.
   */
  async lock(path: string, folder: string): Promise<DiskLock> {
    const file = await Deno.open(path, { read: true, write: true, create: true, mode: FILE_MODE });
    if (!await isLocked(file)) throw new HeldError(await heldText(path, folder));
    const directory = await Deno.open(folder, { read: true });
    if (!await isFolderLocked(directory)) {
      file.close();
      throw new HeldError(await heldText(path, folder));
    }
    await file.truncate(0);
    await new DenoDiskFile(file, this.#pace).write(bytesOf(`${Deno.pid}\n`));
    return {
      release: () => {
        directory.close();
        file.close();
      },
    };
  }
}

class DenoDiskFile implements DiskFile {
  readonly #file: Deno.FsFile;
  readonly #pace: SyncPace;

  constructor(file: Deno.FsFile, pace: SyncPace) {
    this.#file = file;
    this.#pace = pace;
  }

  writeSync(bytes: Uint8Array<ArrayBuffer>): void {
    let written = this.#file.writeSync(bytes);
    while (written < bytes.length) written += this.#file.writeSync(bytes.subarray(written));
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    let written = await this.#file.write(bytes);
    while (written < bytes.length) written += await this.#file.write(bytes.subarray(written));
  }

  async read(buffer: Uint8Array<ArrayBuffer>): Promise<number> {
    return await this.#file.read(buffer) ?? 0;
  }

  async sync(bytes = Infinity): Promise<void> {
    const beganMs = performance.now();
    if (this.#pace.isAtOnce(bytes, beganMs)) this.#file.syncDataSync();
    else await this.#file.syncData();
    const endedMs = performance.now();
    this.#pace.took(bytes, endedMs - beganMs, endedMs);
  }

  async seek(offset: number): Promise<void> {
    await this.#file.seek(offset, Deno.SeekMode.Start);
  }

  seekSync(offset: number): void {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
  }

  truncate(length: number): Promise<void> {
    return this.#file.truncate(length);
  }

  close(): void {
    this.#file.close();
  }
}

/**
 * Locks `file`, or closes it and returns false when another process holds it. Deno 2.4 can only wait for a lock, so one
 * that does not come in time counts as held. The wait itself cannot be called off: a process that was refused has to
 * end with `Deno.exit`.
 */
async function isLocked(file: Deno.FsFile): Promise<boolean> {
  const locking = file.lock(true);
  try {
    if (await settlesWithin(locking, LOCK_WAIT_MS)) return true;
    locking.finally(() => file.close()).catch(() => {}); // came too late: nobody wants it any more
    return false;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** As {@linkcode isLocked}; a file system that has no locks for folders, as NFS, leaves it at the lock file. */
async function isFolderLocked(directory: Deno.FsFile): Promise<boolean> {
  try {
    return await isLocked(directory);
  } catch {
    return true;
  }
}

/** Whether `promise` resolves within `waitMs`; rejects when it rejects in that time. */
async function settlesWithin(promise: Promise<void>, waitMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), waitMs));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function heldText(path: string, folder: string): Promise<string> {
  const holder = (await Deno.readTextFile(path)).trim();
  return `Cannot use data folder ${directoryOf(path)}: another process holds its lock ${path} and ${folder}` +
    `${holder === "" ? "" : ` (process ${holder})`}. Stop that process, or give this one a folder of its own`;
}
