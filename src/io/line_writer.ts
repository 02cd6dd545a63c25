/**
 * Lines on their way to a stream whose reader may stand still: a terminal that was stopped, a pipe that nobody empties.
 * Whoever writes never waits. What the reader does not take gathers up to a bound; beyond it lines are dropped, and a
 * line says how many once the reader goes on.
 */
import { bytesOf } from "../core/bytes.ts";
import { LOG_QUEUE_LENGTH_MAX } from "../core/limits.ts";

/** A stream such as `Deno.stderr`, whose writes are made by a thread of their own. */
export interface LineSink {
  write(bytes: Uint8Array<ArrayBuffer>): Promise<number>;
}

export class LineWriter {
  readonly #sink: LineSink;
  /** The line that tells of dropped ones. */
  readonly #droppedLine: (count: number) => string;
  #waiting: string[] = [];
  #waitingLength = 0;
  #droppedCount = 0;
  #writing: Promise<void> | null = null;

  constructor(sink: LineSink, droppedLine: (count: number) => string) {
    this.#sink = sink;
    this.#droppedLine = droppedLine;
  }

  /** Takes a line, given without its line break. Never throws, never waits. */
  write(line: string): void {
    if (this.#waitingLength + line.length > LOG_QUEUE_LENGTH_MAX) {
      this.#droppedCount++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length + 1;
    this.#writing ??= this.#write();
  }

  /** Resolves when every line that was taken is written. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    // Lines that meet in one turn of the event loop leave in one write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      const droppedCount = this.#droppedCount;
      this.#waiting = [];
      this.#waitingLength = 0;
      this.#droppedCount = 0;
      if (droppedCount > 0) lines.push(this.#droppedLine(droppedCount));
      try {
        await this.#writeAll(bytesOf(lines.join("\n") + "\n"));
      } catch {
        // Nobody is left to be told. A log whose reader is gone must not stop the process.
      }
    }
    this.#writing = null;
  }

  async #writeAll(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    let written = await this.#sink.write(bytes);
    while (written < bytes.length) written += await this.#sink.write(bytes.subarray(written));
  }
}
