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
  /** The document, or `null` when there is none yet. Rejects with `RefusalError` when it is damaged. */
  load(): Promise<Topology | null>;
  /** Resolves when `topology` would survive a loss of power. */
  save(topology: Topology): Promise<void>;
}

export class FileTopologyStore implements TopologyStore {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #lock: DiskLock;

  private constructor(disk: Disk, path: string, lock: DiskLock) {
    this.#disk = disk;
    this.#path = path;
    this.#lock = lock;
  }

  /** Makes the folder if need be and takes its lock; rejects with `RefusalError` when another balancer has it. */
  static async open(disk: Disk, dataDirectory: string): Promise<FileTopologyStore> {
    await disk.makeDirectory(dataDirectory);
    const lock = await disk.lock(`${dataDirectory}/balancer.lock`);
    return new FileTopologyStore(disk, `${dataDirectory}/topology.json`, lock);
  }

  async load(): Promise<Topology | null> {
    if (!await this.#disk.exists(this.#path)) return null;
    return parseTopology(textOf(await this.#disk.readFile(this.#path)), this.#path);
  }

  async save(topology: Topology): Promise<void> {
    await replaceFile(this.#disk, this.#path, bytesOf(serializeTopology(topology) + "\n"));
  }

  /** Releases the lock. */
  close(): void {
    this.#lock.release();
  }
}
