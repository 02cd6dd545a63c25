/**
 * A disk in memory that behaves no better than a real one has to. Everything is visible at once, but only what was
 * synced survives {@linkcode SimulatedDisk.losePower}: of a file's writes since its last sync, and of a folder's
 * changes of names since its own, a random number of the first ones is kept, and the last write kept may be torn.
 *
 * Faults: `capacityBytes` (a write that does not fit is written as far as it fits), `failSyncs`, `failDirectorySyncs`,
 * `failWrites`, `failOpens`, `holdSyncs`. After a failed sync of a file, what was to be synced can still be read but is
 * taken for clean, as Linux does: no later sync makes it durable. Names are a matter of the file system's journal: after
 * a failed sync of a folder they wait for the next.
 */
import { RefusalError } from "../../src/core/errors.ts";
import { type Random, randomBelow } from "../../src/core/random.ts";
import { directoryOf, type Disk, type DiskFile, type DiskLock } from "../../src/io/disk.ts";
import { type Bytes, FileContent } from "./simulated_file_content.ts";

const DIRECTORY = "directory";
type Node = FileContent | typeof DIRECTORY;
/** What a call of a disk does, for {@linkcode SimulatedDisk.pace}. */
export type DiskWork = "read" | "write" | "sync" | "names";
/** Names that change in one step; `null` = gone. */
type NameChange = { readonly path: string; readonly node: Node | null }[];

export class SimulatedDisk implements Disk {
  /** Room for all files together. */
  capacityBytes = Infinity;
  /** Not `null`: every sync of a file fails with it. */
  failSyncs: Error | null = null;
  /** Not `null`: every sync of a folder fails with it. */
  failDirectorySyncs: Error | null = null;
  /** Not `null`: no file can be opened or made; every attempt fails with it. */
  failOpens: Error | null = null;
  /** Not `null`: every write fails with it, before it writes anything. */
  failWrites: Error | null = null;
  /** Resolves when work that begins now is over: by default in the same turn. */
  pace: (work: DiskWork) => Promise<void> = () => Promise.resolve();
  /** Syncs of files say that they are done, and do nothing. */
  static liesAboutSyncs = false;
  /** Syncs of files that were begun. */
  syncCount = 0;
  /** How much the last sync of a file was said to be about; `undefined` when it must not hold the loop. */
  lastSyncBytes: number | undefined;
  /** Those that failed. */
  failedSyncCount = 0;
  /** Writes to open files, those that failed included. */
  writeCount = 0;
  #names = new Map<string, Node>();
  #durableNames = new Map<string, Node>();
  #nameChanges: NameChange[] = [];
  #locks = new Set<string>();
  /** Grows with each death of a process. */
  #life = 0;
  #heldSyncs: (() => void)[] | null = null;

  // ---- What tests do -----------------------------------------------------------------------------

  /** From now on syncs of files wait for {@linkcode SimulatedDisk.releaseSyncs}. */
  holdSyncs(): void {
    this.#heldSyncs ??= [];
  }

  releaseSyncs(): void {
    const held = this.#heldSyncs ?? [];
    this.#heldSyncs = null;
    for (const go of held) go();
  }

  /** Lets the sync go that was begun first; those that follow wait still. */
  releaseOneSync(): void {
    this.#heldSyncs?.shift()?.();
  }

  /** The disk for the process that runs now. Once that is dead, nothing that it still does has any effect. */
  process(): Disk {
    return new SimulatedProcess(this, this.#guard());
  }

  /**
   * The process dies; what it had written stays. Its open files and locks are gone. With `random`, what failed syncs
   * have taken for clean is now and then read anew from the disk itself.
   */
  killProcess(random: Random | null = null): void {
    this.#life++;
    this.#locks.clear();
    this.releaseSyncs();
    if (random !== null && randomBelow(random, 2) === 0) { for (const file of this.#files()) file.evict(); }
  }

  /** Every file and name is a copy that was just made: nothing is on the disk itself yet but the folders. */
  restoreFromBackup(): void {
    this.#nameChanges = [];
    for (const [path, node] of [...this.#durableNames]) {
      if (node !== DIRECTORY) this.#durableNames.delete(path);
    }
    for (const [path, node] of this.#names) {
      if (node === DIRECTORY) continue;
      const copy = new FileContent();
      copy.become(node.content);
      copy.unsync();
      this.#changeNames([{ path, node: copy }]);
    }
  }

  /** The machine dies; what was not synced is lost but for a random beginning. Without `random` all of it is lost. */
  losePower(random: Random | null = null): void {
    this.killProcess();
    const keptNames = random === null ? 0 : randomBelow(random, this.#nameChanges.length + 1);
    for (const change of this.#nameChanges.slice(0, keptNames)) applyNames(this.#durableNames, change);
    this.#nameChanges = [];
    for (const path of [...this.#durableNames.keys()]) {
      if (!this.#hasParents(path)) this.#durableNames.delete(path);
    }
    this.#names = new Map(this.#durableNames);
    for (const file of this.#files()) file.losePower(random);
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    let used = 0;
    for (const file of this.#files()) used += file.length;
    return used;
  }

  /** Whether a loss of power would lose something. */
  get hasUnsynced(): boolean {
    return this.#nameChanges.length > 0 || [...this.#files()].some(({ hasUnsynced }) => hasUnsynced);
  }

  /** A copy of a file's content. */
  contentOf(path: string): Bytes {
    return this.#fileAt(path).content.slice();
  }

  /** Replaces a file's content, durably, as a fault of the medium would; makes the file when there is none. */
  corrupt(path: string, content: Bytes): void {
    const node = this.#names.get(path) ?? new FileContent();
    if (node === DIRECTORY) throw new Deno.errors.IsADirectory(path);
    node.become(content);
    this.#names.set(path, node);
    this.#durableNames.set(path, node);
  }

  /** Paths of all files, sorted. */
  get paths(): string[] {
    return [...this.#names].filter(([, node]) => node !== DIRECTORY).map(([path]) => path).sort();
  }

  // ---- What a disk does ----------------------------------------------------------------------------

  async open(path: string): Promise<DiskFile> {
    const check = this.#guard();
    await this.pace("names");
    check();
    if (this.failOpens !== null) throw this.failOpens;
    return new SimulatedFile(this, this.#fileAt(path), this.#guard());
  }

  async create(path: string): Promise<DiskFile> {
    const check = this.#guard();
    await this.pace("names");
    check();
    if (this.failOpens !== null) throw this.failOpens;
    if (this.#names.has(path)) throw new Deno.errors.AlreadyExists(path);
    return new SimulatedFile(this, this.#newFile(path), this.#guard());
  }

  async exists(path: string): Promise<boolean> {
    const check = this.#guard();
    await this.pace("names");
    check();
    return this.#names.has(path);
  }

  async size(path: string): Promise<number> {
    const check = this.#guard();
    await this.pace("names");
    check();
    return this.#fileAt(path).length;
  }

  async readFile(path: string): Promise<Bytes> {
    const check = this.#guard();
    await this.pace("read");
    check();
    return this.contentOf(path);
  }

  async writeFile(path: string, chunks: AsyncIterable<Bytes>): Promise<void> {
    const check = this.#guard();
    await this.pace("names");
    check();
    const node = this.#names.get(path) ?? this.#newFile(path);
    if (node === DIRECTORY) throw new Deno.errors.IsADirectory(path);
    node.change({ length: 0 });
    for await (const chunk of chunks) {
      check();
      this.writeTo(node, node.length, chunk);
      await this.pace("write");
    }
  }

  async syncFile(path: string): Promise<void> {
    const check = this.#guard();
    await this.pace("names");
    check();
    await this.syncNode(this.#fileAt(path), check);
  }

  async syncDirectory(path: string): Promise<void> {
    const check = this.#guard();
    const begun = new Set(this.#nameChanges.filter((change) => directoryOf(change[0]!.path) === path));
    await this.pace("sync");
    check();
    if (this.failDirectorySyncs !== null) throw this.failDirectorySyncs;
    const isBegun = (change: NameChange) => begun.has(change);
    for (const change of this.#nameChanges.filter(isBegun)) applyNames(this.#durableNames, change);
    this.#nameChanges = this.#nameChanges.filter((change) => !isBegun(change));
  }

  async rename(from: string, to: string): Promise<void> {
    const check = this.#guard();
    await this.pace("names");
    check();
    const node = this.#fileAt(from);
    this.#changeNames([{ path: from, node: null }, { path: to, node }]);
  }

  async remove(path: string): Promise<void> {
    const check = this.#guard();
    await this.pace("names");
    check();
    this.#fileAt(path);
    this.#changeNames([{ path, node: null }]);
  }

  async makeDirectory(path: string): Promise<void> {
    const check = this.#guard();
    const parent = directoryOf(path);
    if (parent !== path && parent !== "." && parent !== "/") await this.makeDirectory(parent);
    await this.pace("names");
    check();
    if (!this.#names.has(path)) this.#changeNames([{ path, node: DIRECTORY }]);
    await this.syncDirectory(parent);
  }

  async list(path: string): Promise<string[]> {
    const check = this.#guard();
    await this.pace("names");
    check();
    if (this.#names.get(path) !== DIRECTORY) throw new Deno.errors.NotFound(path);
    const inside = [...this.#names.keys()].filter((name) => name !== path && directoryOf(name) === path);
    return inside.map((name) => name.slice(path.length + 1)).sort();
  }

  async lock(path: string, folder: string): Promise<DiskLock> {
    const check = this.#guard();
    await this.pace("names");
    check();
    if (this.#locks.has(folder)) {
      throw new RefusalError(
        `Cannot use data folder ${directoryOf(path)}: another process holds its lock ${path}`,
      );
    }
    this.#locks.add(folder);
    const life = this.#life;
    return {
      release: () => {
        if (life === this.#life) this.#locks.delete(folder);
      },
    };
  }

  // ---- What its files need -------------------------------------------------------------------------

  writeTo(node: FileContent, at: number, bytes: Bytes): void {
    this.writeCount++;
    if (this.failWrites !== null) throw this.failWrites;
    const fits = this.capacityBytes === Infinity ? bytes.length : Math.min(
      bytes.length,
      Math.max(0, this.capacityBytes - this.usedBytes + Math.max(0, node.length - at)),
    );
    if (fits > 0) node.change({ at, bytes: bytes.slice(0, fits) });
    if (fits < bytes.length) throw diskFullError();
  }

  async syncNode(node: FileContent, check: () => void): Promise<void> {
    this.syncCount++;
    const { changeCount } = node;
    if (this.#heldSyncs !== null) await new Promise<void>((resolve) => this.#heldSyncs!.push(resolve));
    else await this.pace("sync");
    check();
    if (SimulatedDisk.liesAboutSyncs) return;
    if (this.failSyncs !== null) {
      this.failedSyncCount++;
      node.failSync(changeCount);
      throw this.failSyncs;
    }
    node.sync(changeCount);
  }

  /** Every file that has a name. */
  *#files(): Iterable<FileContent> {
    for (const node of this.#names.values()) if (node !== DIRECTORY) yield node;
  }

  /** What throws once the process that runs now is dead. */
  #guard(): () => void {
    const life = this.#life;
    return () => {
      if (life !== this.#life) throw new Deno.errors.BadResource("the process is dead");
    };
  }

  #fileAt(path: string): FileContent {
    const node = this.#names.get(path);
    if (node === undefined) throw new Deno.errors.NotFound(`No such file: ${path}`);
    if (node === DIRECTORY) throw new Deno.errors.IsADirectory(path);
    return node;
  }

  #newFile(path: string): FileContent {
    const directory = directoryOf(path);
    if (this.#names.get(directory) !== DIRECTORY) {
      throw new Deno.errors.NotFound(`No such folder: ${directory}`);
    }
    const node = new FileContent();
    this.#changeNames([{ path, node }]);
    return node;
  }

  #changeNames(change: NameChange): void {
    applyNames(this.#names, change);
    this.#nameChanges.push(change);
  }

  #hasParents(path: string): boolean {
    for (let parent = directoryOf(path); parent !== "." && parent !== "/"; parent = directoryOf(parent)) {
      if (this.#durableNames.get(parent) !== DIRECTORY) return false;
    }
    return true;
  }
}

/** The disk's door of one process. */
class SimulatedProcess implements Disk {
  readonly #disk: SimulatedDisk;
  readonly #guard: () => void;

  constructor(disk: SimulatedDisk, guard: () => void) {
    this.#disk = disk;
    this.#guard = guard;
  }

  async open(path: string): Promise<DiskFile> {
    this.#guard();
    return await this.#disk.open(path);
  }

  async create(path: string): Promise<DiskFile> {
    this.#guard();
    return await this.#disk.create(path);
  }

  async exists(path: string): Promise<boolean> {
    this.#guard();
    return await this.#disk.exists(path);
  }

  async size(path: string): Promise<number> {
    this.#guard();
    return await this.#disk.size(path);
  }

  async readFile(path: string): Promise<Bytes> {
    this.#guard();
    return await this.#disk.readFile(path);
  }

  async writeFile(path: string, chunks: AsyncIterable<Bytes>): Promise<void> {
    this.#guard();
    return await this.#disk.writeFile(path, chunks);
  }

  async syncFile(path: string): Promise<void> {
    this.#guard();
    return await this.#disk.syncFile(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.#guard();
    return await this.#disk.syncDirectory(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#guard();
    return await this.#disk.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    this.#guard();
    return await this.#disk.remove(path);
  }

  async makeDirectory(path: string): Promise<void> {
    this.#guard();
    return await this.#disk.makeDirectory(path);
  }

  async list(path: string): Promise<string[]> {
    this.#guard();
    return await this.#disk.list(path);
  }

  async lock(path: string, folder: string): Promise<DiskLock> {
    this.#guard();
    return await this.#disk.lock(path, folder);
  }
}

class SimulatedFile implements DiskFile {
  readonly #disk: SimulatedDisk;
  readonly #node: FileContent;
  readonly #guard: () => void;
  #at = 0;
  #isClosed = false;

  constructor(disk: SimulatedDisk, node: FileContent, guard: () => void) {
    this.#disk = disk;
    this.#node = node;
    this.#guard = guard;
  }

  writeSync(bytes: Bytes): void {
    this.#check();
    const lengthBefore = this.#node.length;
    try {
      this.#disk.writeTo(this.#node, this.#at, bytes);
      this.#at += bytes.length;
    } catch (error) {
      this.#at += Math.max(0, this.#node.length - lengthBefore);
      throw error;
    }
  }

  async write(bytes: Bytes): Promise<void> {
    await this.#disk.pace("write");
    this.writeSync(bytes);
  }

  async read(buffer: Bytes): Promise<number> {
    await this.#disk.pace("read");
    this.#check();
    const count = Math.max(0, Math.min(buffer.length, this.#node.length - this.#at));
    buffer.set(this.#node.content.subarray(this.#at, this.#at + count));
    this.#at += count;
    return count;
  }

  sync(bytes?: number): Promise<void> {
    this.#check();
    this.#disk.lastSyncBytes = bytes;
    return this.#disk.syncNode(this.#node, () => this.#guard());
  }

  async seek(offset: number): Promise<void> {
    await this.#disk.pace("names");
    this.#check();
    this.#at = offset;
  }

  seekSync(offset: number): void {
    this.#check();
    this.#at = offset;
  }

  async truncate(length: number): Promise<void> {
    await this.#disk.pace("names");
    this.#check();
    this.#node.change({ length });
  }

  close(): void {
    if (this.#isClosed) throw new Deno.errors.BadResource("closed twice");
    this.#isClosed = true;
  }

  #check(): void {
    this.#guard();
    if (this.#isClosed) throw new Deno.errors.BadResource("the file is closed");
  }
}

/** What a real disk says when it is full. */
export function diskFullError(): Error {
  return Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
}

function applyNames(names: Map<string, Node>, change: NameChange): void {
  for (const { path, node } of change) {
    if (node === null) names.delete(path);
    else names.set(path, node);
  }
}
