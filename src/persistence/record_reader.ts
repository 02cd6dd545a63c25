/**
 * Reads a file of records in large chunks: whoever wants a record tries {@linkcode RecordReader.next}, and when that
 * says `RECORD_INCOMPLETE` awaits {@linkcode RecordReader.fill}. So only the chunks are awaited, never a record, and
 * between two chunks the event loop runs.
 */
import { MIB } from "../core/limits.ts";
import type { DiskFile } from "../io/disk.ts";
import { decodeRecord, RecordView } from "./record.ts";

const CHUNK_BYTES = 1 * MIB;

export class RecordReader {
  /** The record that was read last; its offsets are into `bytes`. */
  readonly view = new RecordView();
  /** What was read of the file; `[start, end)` is not yet consumed. Changed by {@linkcode RecordReader.fill}. */
  bytes = new Uint8Array(CHUNK_BYTES);
  start = 0;
  end = 0;
  /** Where the record that was last asked for begins in `bytes`. */
  recordStart = 0;
  readonly #file: DiskFile;
  /** Where `bytes[0]` is in the file. */
  #base: number;

  /** `file` stands at `offset`. */
  constructor(file: DiskFile, offset: number) {
    this.#file = file;
    this.#base = offset;
  }

  /** Where in the file the record begins that was last asked for. */
  get recordOffset(): number {
    return this.#base + this.recordStart;
  }

  /** Reads the next record into `view`: its end (in `bytes`), `RECORD_INCOMPLETE` or `RECORD_BAD`. */
  next(): number {
    this.recordStart = this.start;
    const next = decodeRecord(this.view, this.bytes, this.start, this.end);
    if (next >= 0) this.start = next;
    return next;
  }

  /** Passes over `count` bytes that were read. */
  skip(count: number): void {
    this.start += count;
  }

  /** Takes back the last {@linkcode RecordReader.next}. */
  unread(): void {
    this.start = this.recordStart;
  }

  /** Reads on; false at the end of the file. Grows only while no record fits, so to twice the largest at most. */
  async fill(): Promise<boolean> {
    if (this.start > 0) {
      this.bytes.copyWithin(0, this.start, this.end);
      this.#base += this.start;
      this.end -= this.start;
      this.start = this.recordStart = 0;
    }
    if (this.end === this.bytes.length) {
      const larger = new Uint8Array(2 * this.bytes.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    const count = await this.#file.read(this.bytes.subarray(this.end));
    this.end += count;
    return count > 0;
  }

  /** Whether everything that was read is consumed. */
  get isEmpty(): boolean {
    return this.start === this.end;
  }

  /** Reads all the rest into `bytes`. */
  async fillToEnd(): Promise<void> {
    while (await this.fill());
  }
}
