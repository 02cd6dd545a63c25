/** The node file of a running node: whoever changes what it says does so here, one change after the other. */
import type { Disk } from "../io/disk.ts";
import type { LogMarks } from "./log_files.ts";
import { loadIdentity, type NodeIdentity, saveIdentity } from "./node_identity.ts";

export class NodeFile implements LogMarks {
  readonly #disk: Disk;
  readonly #path: string;
  #identity: NodeIdentity;
  #last: Promise<unknown> = Promise.resolve();

  /** `identity` is what the file says, or what it is to say from the first {@linkcode NodeFile.update} on. */
  constructor(disk: Disk, path: string, identity: NodeIdentity) {
    this.#disk = disk;
    this.#path = path;
    this.#identity = identity;
  }

  /** Reads the file; rejects with `RefusalError` when it does not say what it has to. */
  static async load(disk: Disk, path: string): Promise<NodeFile> {
    return new NodeFile(disk, path, await loadIdentity(disk, path));
  }

  /** What the file says. */
  get identity(): NodeIdentity {
    return this.#identity;
  }

  /** Resolves once `change` is durable. After an error the file may say the one or the other; the next update settles it. */
  update(change: Partial<NodeIdentity>): Promise<void> {
    const done = this.#last.then(async () => {
      const next = { ...this.#identity, ...change };
      await saveIdentity(this.#disk, this.#path, next);
      this.#identity = next;
    });
    this.#last = done.catch(() => {}); // told to whoever asked for it
    return done;
  }

  rolled(number: number): Promise<void> {
    return this.update({ newestSegment: number });
  }

  stopped(position: number): Promise<void> {
    return this.update({ stoppedAt: position });
  }
}
