/**
 * Where the topology is kept. The door is small on purpose: a file beside the balancer serves one balancer; a
 * coordination service can take its place without anybody else noticing.
 *
 * Files: `<data-dir>/topology.json` holds the document, replaced in one step; `<data-dir>/balancer.lock` is held
 * for as long as the store is open, so that two balancers never write the same document.
 */
import { bytesOf, textOf } from "../core/bytes.ts";
import { type Disk, type DiskLock, replaceFile } from "../io/disk.ts";
import type { Topology } from "./topology.ts";
import { parseTopology, serializeTopology } from "./topology_document.ts";

export interface TopologyStore {
  /**
   * The document, or `null` when there is none yet; what is returned would survive a loss of power. Rejects with
   * `RefusalError` when it is damaged.
   */
  load(): Promise<Topology | null>;
  /**
   * Compare-and-set: puts `next` in the place of version `expectedVersion`, 0 = none. Resolves to `true` when `next`
   * would survive a loss of power, to `false` when another version is kept: then nothing has changed. After an error
   * either of the two may be kept, which {@linkcode TopologyStore.load} tells.
   */
  save(next: Topology, expectedVersion: number): Promise<boolean>;
}

export class FileTopologyStore implements TopologyStore {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #lock: DiskLock;
  /** Calls are carried out one after the other, so that nothing is written between a comparison and its write. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(disk: Disk, path: string, lock: DiskLock) {
    this.#disk = disk;
    this.#path = path;
    this.#lock = lock;
  }

  /** Makes the folder if need be and takes its lock; rejects with `RefusalError` when another balancer has it. */
  static async open(disk: Disk, dataDirectory: string): Promise<FileTopologyStore> {
    await disk.makeDirectory(dataDirectory);
    const lock = await disk.lock(`${dataDirectory}/balancer.lock`, dataDirectory);
    return new FileTopologyStore(disk, `${dataDirectory}/topology.json`, lock);
  }

  /**
   * Writes again what it has read: a process that died may have left a document that can be read but would not
   * survive a loss of power, and nobody may be told of such a one.
   */
  load(): Promise<Topology | null> {
    return this.#inOrder(async () => {
      const topology = await this.#read();
      if (topology !== null) await this.#write(topology);
      return topology;
    });
  }

  save(next: Topology, expectedVersion: number): Promise<boolean> {
    return this.#inOrder(async () => {
      const kept = await this.#read();
      if ((kept?.version ?? 0) !== expectedVersion) return false;
      await this.#write(next);
      return true;
    });
  }

  /** Releases the lock. */
  close(): void {
    this.#lock.release();
  }

  async #read(): Promise<Topology | null> {
    if (!await this.#disk.exists(this.#path)) return null;
    return parseTopology(textOf(await this.#disk.readFile(this.#path)), this.#path);
  }

  #write(topology: Topology): Promise<void> {
    return replaceFile(this.#disk, this.#path, bytesOf(serializeTopology(topology) + "\n"));
  }

  #inOrder<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#last.then(run);
    this.#last = done.catch(() => {}); // told to whoever asked for it
    return done;
  }
}
