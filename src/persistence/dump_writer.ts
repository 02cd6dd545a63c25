/**
 * Writes dumps: to a temporary file, synced, renamed over the one before, and the folder synced. So there is always
 * one whole dump. Before it takes its name, the log is synced up to the dump's position: a dump never claims more than
 * the log can continue, under whatever policy.
 */
import { assert, AssertionError } from "../core/assert.ts";
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { DUMP_BACKLOG_BYTES_HIGH } from "../core/limits.ts";
import { directoryOf, type Disk } from "../io/disk.ts";
import { type DumpSource, DumpStream, type StepPace } from "./dump_stream.ts";
import type { Log } from "./log.ts";

/** A dump whose sources were abandoned is begun anew this often. */
const ATTEMPTS_MAX = 3;

export interface DumpWriterOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Where the dump goes. */
  readonly path: string;
  /** The node's. */
  readonly identity: string;
}

export interface WrittenDump {
  /** The log before this position is no longer needed. */
  readonly position: number;
  readonly entryCount: number;
  readonly bytes: number;
}

/** Where a dump is written before it is whole. */
export function temporaryOf(path: string): string {
  return `${path}.tmp`;
}

export class DumpWriter {
  readonly #options: DumpWriterOptions;
  #stream: DumpStream | null = null;
  #relief: PromiseWithResolvers<void> | null = null;

  constructor(options: DumpWriterOptions) {
    this.#options = options;
  }

  /** Bytes of the dump under way that wait for the disk. */
  get backlogBytes(): number {
    return this.#stream?.backlogBytes ?? 0;
  }

  /** Resolves when little waits for the disk, or no dump is under way. */
  drained(): Promise<void> {
    if (this.backlogBytes <= DUMP_BACKLOG_BYTES_HIGH) return Promise.resolve();
    this.#relief ??= Promise.withResolvers();
    return this.#relief.promise;
  }

  /**
   * Writes a dump of all sources as they are at the call, as fast as `pace` lets it. One at a time. Rejects with
   * `Cannot save dump: …`; the dump before stays as it was.
   */
  async write(sources: readonly DumpSource[], log: Log, pace: StepPace): Promise<WrittenDump> {
    assert(this.#stream === null, "one dump at a time");
    for (let attempt = 1;; attempt++) {
      if (log.failure !== "") throw new Error(`Cannot save dump: ${log.failure}`);
      const position = log.endFrame();
      const stream = new DumpStream(sources, this.#options.clock, this.#options.identity, position);
      this.#stream = stream;
      try {
        await this.#save(stream, position, { log, pace });
        return { position, entryCount: stream.entryCount, bytes: stream.bytes };
      } catch (error) {
        const isTriedAgain = stream.isAbandoned && attempt < ATTEMPTS_MAX;
        stream.abandon();
        await this.#removeTemporary();
        if (error instanceof AssertionError) throw error;
        if (!isTriedAgain) throw new Error(`Cannot save dump: ${messageOf(error)}`, { cause: error });
      } finally {
        this.#stream = null;
        this.#relieve();
      }
    }
  }

  async #save(
    stream: DumpStream,
    position: number,
    { log, pace }: { log: Log; pace: StepPace },
  ): Promise<void> {
    const { disk, path } = this.#options;
    const temporary = temporaryOf(path);
    await disk.writeFile(temporary, stream.chunks(() => this.#relieve(), pace));
    await disk.syncFile(temporary);
    if (!await log.syncThrough(position)) throw new Error(log.failure);
    await disk.rename(temporary, path);
    await disk.syncDirectory(directoryOf(path));
  }

  /** Best effort: what stays behind is removed at the next start. */
  async #removeTemporary(): Promise<void> {
    const { disk, path } = this.#options;
    try {
      await disk.remove(temporaryOf(path));
    } catch {
      return;
    }
  }

  #relieve(): void {
    if (this.backlogBytes > DUMP_BACKLOG_BYTES_HIGH) return;
    this.#relief?.resolve();
    this.#relief = null;
  }
}
