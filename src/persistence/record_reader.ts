/**
 * Reads a file of records: whoever wants a record tries {@linkcode RecordReader.next}, and when that says
 * `RECORD_INCOMPLETE` awaits {@linkcode RecordReader.fill}.
 */
import type { DiskFile } from "../io/disk.ts";
import { FileWindow } from "./file_window.ts";
import { decodeRecord, KIND_EXPIRE, peekRecord, RecordView } from "./record.ts";
import type { RecoveryTarget } from "./replayer.ts";

/** Records whose keys are announced at a time. What is fetched for them fits well into the processor's cache. */
const ANNOUNCED_MAX = 128;

export class RecordReader {
  /** The record that was read last; its offsets are into the window's bytes. */
  readonly view = new RecordView();
  readonly window: FileWindow;
  /** Where the record that was last asked for begins in the window's bytes. */
  recordStart: number;
  readonly #ahead = new RecordView();
  /** Offset in the file up to which keys were announced. */
  #announcedTo = 0;

  /** `file` stands at `offset`, and is the reader's from now on. */
  constructor(file: DiskFile, offset: number) {
    this.window = new FileWindow(file, offset);
    this.recordStart = this.window.start;
  }

  /** Announces the keys of the next records, unless that is done. Called before each {@linkcode RecordReader.next}. */
  announce(target: RecoveryTarget): void {
    const { start, end, bytes } = this.window;
    if (this.window.offsetOf(start) < this.#announcedTo) return;
    const view = this.#ahead;
    let at = start;
    for (let count = 0; count < ANNOUNCED_MAX; count++) {
      const next = peekRecord(view, bytes, at, end);
      if (next < 0) break;
      if (view.kind <= KIND_EXPIRE) target.announce(view.shard, bytes, view.keyStart, view.keyEnd);
      at = next;
    }
    target.fetchAnnounced();
    this.#announcedTo = this.window.offsetOf(at);
  }

  /** Where in the file the record begins that was last asked for. */
  get recordOffset(): number {
    return this.window.offsetOf(this.recordStart);
  }

  /** Reads the next record into `view`: its end (in the window's bytes), `RECORD_INCOMPLETE` or `RECORD_BAD`. */
  next(): number {
    const { window } = this;
    this.recordStart = window.start;
    const next = decodeRecord(this.view, window.bytes, window.start, window.end);
    if (next >= 0) window.start = next;
    return next;
  }

  /** Takes back the last {@linkcode RecordReader.next}. */
  unread(): void {
    this.window.start = this.recordStart;
  }

  /** Reads on; false at the end of the file. The record that was last asked for is then the next one. */
  async fill(): Promise<boolean> {
    const isMore = await this.window.fill();
    this.recordStart = this.window.start;
    return isMore;
  }

  /** Reads all the rest. */
  async fillToEnd(): Promise<void> {
    while (await this.fill());
  }

  close(): Promise<void> {
    return this.window.close();
  }
}
