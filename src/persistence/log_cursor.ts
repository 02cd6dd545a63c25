/**
 * Follows the log of a node that goes on writing it: the records of committed frames, one after the other, across
 * segments. What senders of a shard's stream read from.
 *
 * Only what is committed is read, since only that is final in the files: behind it a failed write may be taken back, and
 * a segment is filled ahead. A cursor has as much in memory as it reads at a time, or one frame where that is longer; it
 * waits for the log without a timer. Its hold keeps the segments that it has not read (log_holds.ts); one that falls
 * behind further than the log may keep loses them, and ends.
 *
 *     while (true) {
 *       while (cursor.next()) use(cursor.mutation);
 *       if (await cursor.fill() !== "records") break;
 *     }
 */
import { assert } from "../core/assert.ts";
import { LOG_CURSOR_BYTES, LOG_FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from "../core/limits.ts";
import { Mutation, type Position } from "../core/mutation.ts";
import type { Disk, DiskFile } from "../io/disk.ts";
import { decodeFrame, FRAME_INCOMPLETE, FrameView } from "./log_frame.ts";
import type { LogHold } from "./log_holds.ts";
import { decodeRecord, RECORD_BAD } from "./record.ts";
import type { SegmentPlace } from "./segment.ts";

/** What a cursor asks of its log. */
export interface FollowedLog {
  readonly committedPosition: Position;
  whenGrown(position: Position): Promise<boolean>;
  hold(position: Position): LogHold;
  segmentAt(position: Position): { readonly place: SegmentPlace; readonly end: Position } | null;
}

/** Why there are records now, or will be none: the segment that comes next was removed; the log was closed. */
export type CursorFinding = "records" | "lost" | "closed";

export class LogCursor {
  /** That of the record that was read last, valid until the next is. */
  readonly mutation = new Mutation();
  readonly #log: FollowedLog;
  readonly #disk: Disk;
  readonly #hold: LogHold;
  /** Of the segment that is read. */
  #frame = new FrameView(0);
  #file: DiskFile | null = null;
  #segment: SegmentPlace | null = null;
  /** What was read from the file and not used yet is `#bytes[#at, #end)`; the frame that is read ends at `#frameEnd`. */
  #bytes = new Uint8Array(LOG_CURSOR_BYTES);
  #at = 0;
  #end = 0;
  #frameEnd = 0;
  /** Log position of `#bytes[#at]`. */
  #position: Position;
  #isFilling = false;
  #isClosed = false;

  /** Begins at `position`, where a frame begins: 0, the log's end, or a dump's position. */
  constructor(log: FollowedLog, disk: Disk, position: Position) {
    this.#log = log;
    this.#disk = disk;
    this.#position = position;
    this.#hold = log.hold(position);
  }

  /** Position of the frame that is read, or of the next one. */
  get position(): Position {
    return this.#hold.position;
  }

  /** Everything before it was read. */
  get reached(): Position {
    return this.#position;
  }

  /** Whether everything that is committed was taken from the file. */
  get isAtEnd(): boolean {
    return this.#position + this.#end - this.#at >= this.#log.committedPosition;
  }

  /** Whether the record that was read last is the last of its request, as far as its frame tells. */
  get isBetweenRequests(): boolean {
    return this.#at === this.#frameEnd && !this.#frame.more;
  }

  /** Reads the next record into `mutation`; false when there is none until {@linkcode LogCursor.fill}. */
  next(): boolean {
    while (this.#at === this.#frameEnd) {
      this.#hold.position = this.#position;
      const frameEnd = decodeFrame(this.#frame, this.#position, this.#bytes, this.#at, this.#end);
      if (frameEnd === FRAME_INCOMPLETE) return false;
      assert(frameEnd > 0, "what is committed is whole");
      this.#frameEnd = frameEnd;
      this.#skip(LOG_FRAME_HEADER_BYTES);
    }
    const next = decodeRecord(this.mutation, this.#bytes, this.#at, this.#frameEnd);
    assert(next !== RECORD_BAD, "what is committed is whole");
    this.#skip(next - this.#at);
    return true;
  }

  /** Resolves when there is more to read, or never will be. */
  async fill(): Promise<CursorFinding> {
    const from = this.#position + this.#end - this.#at;
    if (!await this.#log.whenGrown(from) || this.#isClosed) return "closed";
    this.#isFilling = true;
    try {
      return await this.#fillFrom(from);
    } finally {
      this.#isFilling = false;
      if (this.#isClosed) this.#closeFile();
    }
  }

  async #fillFrom(from: Position): Promise<CursorFinding> {
    if (this.#hold.isLost) return "lost";
    const segment = this.#log.segmentAt(from);
    if (segment === null) return "lost";
    if (segment.place !== this.#segment) await this.#open(segment.place);
    const count = Math.min(this.#makeRoom(), Math.min(segment.end, this.#log.committedPosition) - from);
    await this.#file!.seek(SEGMENT_HEADER_BYTES + from - segment.place.position);
    for (let read = 0; read < count;) {
      const some = await this.#file!.read(this.#bytes.subarray(this.#end, this.#end + count - read));
      assert(some > 0, "what is committed is in the file");
      this.#end += some;
      read += some;
    }
    return "records";
  }

  /** Lets go of the log, also while a fill is under way, which then comes to nothing. */
  close(): void {
    this.#hold.release();
    this.#isClosed = true;
    if (!this.#isFilling) this.#closeFile();
  }

  #closeFile(): void {
    this.#file?.close();
    this.#file = null;
  }

  async #open(place: SegmentPlace): Promise<void> {
    this.#closeFile();
    this.#file = await this.#disk.open(place.path);
    this.#segment = place;
    this.#frame = new FrameView(place.salt);
  }

  #skip(bytes: number): void {
    this.#at += bytes;
    this.#position += bytes;
  }

  /** Moves what is not used to the front; in more room where the frame is longer. Returns how much more may be read. */
  #makeRoom(): number {
    const rest = this.#bytes.subarray(this.#at, this.#end);
    const capacity = rest.length * 2 < LOG_CURSOR_BYTES ? LOG_CURSOR_BYTES : rest.length * 2;
    if (this.#bytes.length !== capacity) this.#bytes = new Uint8Array(capacity);
    this.#bytes.set(rest);
    this.#frameEnd -= this.#at;
    this.#end = rest.length;
    this.#at = 0;
    return this.#bytes.length - rest.length;
  }
}
