/**
 * Reads the records of a segment's file: whoever wants one tries {@linkcode RecordReader.next}, and when that says
 * `FRAME_INCOMPLETE` awaits {@linkcode RecordReader.fill}. Frames are checked as a whole when their first record is
 * wanted, so what is incomplete or bad is always a frame.
 */
import { LOG_FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from "../core/limits.ts";
import { KIND_EXPIRE, KIND_FILL, Mutation } from "../core/mutation.ts";
import type { DiskFile } from "../io/disk.ts";
import { FileWindow } from "./file_window.ts";
import { decodeFrame, FrameView, peekFrame } from "./log_frame.ts";
import { decodeRecord } from "./record.ts";
import type { RecoveryTarget } from "./replayer.ts";
import type { SegmentPlace } from "./segment.ts";

/** Records whose keys are announced at a time. What is fetched for them fits well into the processor's cache. */
const ANNOUNCED_MAX = 128;

export interface RecordReaderOptions {
  readonly segment: SegmentPlace;
  /** How long the file is: a hint. */
  readonly fileBytes: number;
}

export class RecordReader {
  /** That of the record that was read last; its bytes are the window's. */
  readonly mutation = new Mutation();
  /** The frame that it lies in. */
  readonly frame: FrameView;
  readonly window: FileWindow;
  /** Where the record that was read last begins in the window's bytes. */
  recordStart: number;
  /** Log position of the file's first byte. */
  readonly #filePosition: number;
  /** Offset in the file behind the frame that is being read. */
  #frameEnd: number;
  readonly #ahead = new Mutation();
  /** Offsets in the file: up to where keys were announced, and behind the frame that this is in. */
  #announcedTo: number;
  #announcedFrameEnd: number;

  /** `file`, which is `segment` and has `fileBytes`, stands at `offset`, and is the reader's from now on. */
  constructor(file: DiskFile, offset: number, { segment, fileBytes }: RecordReaderOptions) {
    this.window = new FileWindow(file, offset, fileBytes - offset);
    this.frame = new FrameView(segment.salt);
    this.recordStart = this.window.start;
    this.#filePosition = segment.position - SEGMENT_HEADER_BYTES;
    this.#frameEnd = this.#announcedTo = this.#announcedFrameEnd = offset;
  }

  /** Announces the keys of the next records, unless that is done. Called before each {@linkcode RecordReader.next}. */
  announce(target: RecoveryTarget): void {
    if (this.offset < this.#announcedTo) return;
    const { bytes, end } = this.window;
    const mutation = this.#ahead;
    const shift = this.window.offsetOf(0);
    let at = this.#announcedTo - shift;
    let frameEnd = this.#announcedFrameEnd - shift;
    for (let count = 0; count < ANNOUNCED_MAX; count++) {
      if (at === frameEnd) {
        const next = peekFrame(bytes, at, end);
        if (next < 0) break;
        frameEnd = next;
        at += LOG_FRAME_HEADER_BYTES;
        if (at === frameEnd) continue;
      }
      const next = decodeRecord(mutation, bytes, at, frameEnd);
      if (next < 0) break;
      if (mutation.kind <= KIND_EXPIRE || mutation.kind === KIND_FILL) target.announce(mutation);
      at = next;
    }
    target.fetchAnnounced();
    this.#announcedTo = at + shift;
    this.#announcedFrameEnd = frameEnd + shift;
  }

  /** Where in the file what is to be read next begins. */
  get offset(): number {
    return this.window.offsetOf(this.window.start);
  }

  /** Where in the file the record that was read last begins. */
  get recordOffset(): number {
    return this.window.offsetOf(this.recordStart);
  }

  /**
   * Reads the next record into `mutation`: its end (in the window's bytes), `FRAME_INCOMPLETE` or `FRAME_BAD` when that
   * would be in a frame that is so, or `RECORD_BAD`; these are negative.
   */
  next(): number {
    const { window } = this;
    while (this.offset === this.#frameEnd) {
      const { bytes, start, end } = window;
      const frameEnd = decodeFrame(this.frame, this.#filePosition + this.offset, bytes, start, end);
      if (frameEnd < 0) return frameEnd;
      this.#frameEnd = window.offsetOf(frameEnd);
      window.start += LOG_FRAME_HEADER_BYTES;
    }
    this.recordStart = window.start;
    const next = decodeRecord(this.mutation, window.bytes, window.start, this.#frameEnd - window.offsetOf(0));
    if (next >= 0) window.start = next;
    return next;
  }

  /** Reads on; false at the end of the file. */
  fill(): Promise<boolean> {
    return this.window.fill();
  }

  /** Reads all the rest. */
  async fillToEnd(): Promise<void> {
    while (await this.fill());
  }

  close(): Promise<void> {
    return this.window.close();
  }
}
