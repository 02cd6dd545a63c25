/**
 * A disk on which one safety measure is left out: what a node does for it is taken for done. So a test shows that the
 * measure is needed: without it, the crash property fails.
 */
import type { Disk, DiskFile, DiskLock } from "../../src/io/disk.ts";
import { PATHS } from "./test_node.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Deed = "sync folder" | "sync file" | "sync open file" | "write" | "replace";

export interface Omission {
  /** Whether it is left out while a node starts, or once it runs. */
  readonly phase: "start" | "run";
  readonly omits: (deed: Deed, path: string) => boolean;
}

const isSegment = (path: string) => path.endsWith(".log");

/** The measures, by what is left out. */
export const OMISSIONS: Readonly<Record<string, Omission>> = {
  "At a start the data folder is not synced": {
    phase: "start",
    omits: (deed, path) => deed === "sync folder" && path === PATHS.dataDirectory,
  },
  "At a start the log's folder is not synced": {
    phase: "start",
    omits: (deed, path) => deed === "sync folder" && path === PATHS.logDirectory,
  },
  "At a start the dump is not synced": {
    phase: "start",
    omits: (deed, path) => deed === "sync file" && path === PATHS.dump,
  },
  "At a start the earlier segments are not synced": {
    phase: "start",
    omits: (deed, path) => deed === "sync file" && isSegment(path),
  },
  "At a start the node file is not written again": {
    phase: "start",
    omits: (deed, path) => deed === "replace" && path.startsWith(PATHS.node),
  },
  "At a start the log's end is not written again": {
    phase: "start",
    omits: (deed, path) => deed === "write" && isSegment(path),
  },
  "At a start the log's end is not synced": {
    phase: "start",
    omits: (deed, path) => deed === "sync open file" && isSegment(path),
  },
  "The log is not synced before it is acknowledged": {
    phase: "run",
    omits: (deed, path) => deed === "sync open file" && isSegment(path),
  },
  "The folder of a new segment is not synced": {
    phase: "run",
    omits: (deed, path) => deed === "sync folder" && path === PATHS.logDirectory,
  },
  "A dump is not synced before it takes its name": {
    phase: "run",
    omits: (deed, path) => deed === "sync file" && path.startsWith(PATHS.dump),
  },
  "The folder of a dump is not synced before the log is removed": {
    phase: "run",
    omits: (deed, path) => deed === "sync folder" && path === PATHS.dataDirectory,
  },
};

export class OmittingDisk implements Disk {
  readonly #disk: Disk;
  readonly #omission: Omission;
  #phase: Omission["phase"] = "start";
  /** Whether there was a node before: only what it has left can be left as it is. */
  #isResumed = false;
  /** Files that this process has made: only what was there before can be left as it is. */
  readonly #made = new Set<string>();

  constructor(disk: Disk, omission: Omission) {
    this.#disk = disk;
    this.#omission = omission;
  }

  /** The node has started. */
  started(): void {
    this.#phase = "run";
  }

  async open(path: string): Promise<DiskFile> {
    return this.#watched(await this.#disk.open(path), path);
  }

  async create(path: string): Promise<DiskFile> {
    this.#made.add(path);
    return this.#watched(await this.#disk.create(path), path);
  }

  async exists(path: string): Promise<boolean> {
    const exists = await this.#disk.exists(path);
    if (path === PATHS.node) this.#isResumed = exists;
    return exists;
  }

  size(path: string): Promise<number> {
    return this.#disk.size(path);
  }

  readFile(path: string): Promise<Bytes> {
    return this.#disk.readFile(path);
  }

  async writeFile(path: string, chunks: AsyncIterable<Bytes>): Promise<void> {
    if (!this.#omits("replace", path)) await this.#disk.writeFile(path, chunks);
  }

  async syncFile(path: string): Promise<void> {
    if (!this.#omits("replace", path) && !this.#omits("sync file", path)) await this.#disk.syncFile(path);
  }

  async syncDirectory(path: string): Promise<void> {
    if (!this.#omits("sync folder", path)) await this.#disk.syncDirectory(path);
  }

  async rename(from: string, to: string): Promise<void> {
    if (!this.#omits("replace", from)) await this.#disk.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  async makeDirectory(path: string): Promise<void> {
    // Making the folder syncs its parent's names, too.
    this.#isResumed = await this.#disk.exists(PATHS.node);
    if (this.#omits("sync folder", path.slice(0, path.lastIndexOf("/")))) return;
    await this.#disk.makeDirectory(path);
  }

  list(path: string): Promise<string[]> {
    return this.#disk.list(path);
  }

  lock(path: string, folder: string): Promise<DiskLock> {
    return this.#disk.lock(path, folder);
  }

  #omits(deed: Deed, path: string): boolean {
    const { phase, omits } = this.#omission;
    if (phase !== this.#phase || !omits(deed, path)) return false;
    return phase === "run" || this.#isResumed && !this.#made.has(path);
  }

  #watched(file: DiskFile, path: string): DiskFile {
    const sync = file.sync.bind(file);
    const write = file.write.bind(file);
    file.sync = async (bytes) => {
      if (!this.#omits("sync open file", path)) await sync(bytes);
    };
    file.write = async (bytes) => {
      if (!this.#omits("write", path)) await write(bytes);
    };
    return file;
  }
}
