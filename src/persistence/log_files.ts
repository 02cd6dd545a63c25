/**
 * A log's segments as one file without end: writes go to the last one, and roll over to a new one where it is full.
 * Here is what is written and what is synced; what that means for replies is the matter of `log.ts`.
 *
 * `synced` ≤ `end`. At most one write is under way at a time, and at most one sync; they may overlap.
 */
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { KIB } from "../core/limits.ts";
import type { Random } from "../core/random.ts";
import { rewriteTail } from "./rewrite_tail.ts";
import { type LogEnd, Segment, type SegmentOptions, type SegmentPlace } from "./segment.ts";

/** A longer write goes through a thread, so that copying it does not hold up the loop. */
const WRITE_AT_ONCE_BYTES_MAX = 256 * KIB;
/**
 * A write at once that takes longer is slow: the system makes writers wait for the disk, by tens of milliseconds. (A
 * few of them are mostly other processes' turns on a busy processor, which a thread waits for as well …)
 */
const SLOW_WRITE_MS_MIN = 10;
/** … so for so many times as long, writes go through a thread. */
const SLOW_WRITE_REST_FACTOR = 100;

/** Requests that only read, from one sync to the next: so many show that others have use for the loop meanwhile. */
const READS_BETWEEN_SYNCS_MIN = 4;
/** Weight of the newest count in their typical one. */
const NEWEST_WEIGHT = 0.2;

/** What outlives the log's files, so that it shows when their end is missing. */
export interface LogMarks {
  /** Resolves once it is durable that the log goes on in segment `number`, which is there, empty. */
  rolled(number: number): Promise<void>;
  /** Resolves once it is durable that the log was closed in order at `position`, up to which it is synced. */
  stopped(position: number): Promise<void>;
}

export interface LogFilesOptions extends SegmentOptions {
  readonly clock: Clock;
  /** Of the segments' salts. */
  readonly random: Random;
  readonly marks: LogMarks;
}

/** A sync failed: what the system did with the unsynced pages is unknown from now on. */
export class SyncError extends Error {
  override name = "SyncError";
}

export class LogFiles {
  /** Requests that were served so far and changed nothing. */
  readCount: () => number = () => 0;
  #readCountBefore = 0;
  #readsBetweenSyncs = 0;
  readonly #options: LogFilesOptions;
  /** All segments, ascending; the last is the one that is written. */
  readonly #segments: SegmentPlace[];
  #segment: Segment;
  /** The next segment, from when it is made until it is written: its mark could not be set yet. */
  #next: Segment | null = null;
  #synced: number;
  #syncing: Promise<void> | null = null;
  #syncFailure: SyncError | null = null;
  #syncCount = 0;
  #lastSyncMs = 0;
  /** No write is done at once before then. */
  #writesRestUntilMs = 0;

  private constructor(options: LogFilesOptions, earlier: readonly SegmentPlace[], segment: Segment) {
    this.#options = options;
    this.#segments = [...earlier, segment];
    this.#segment = segment;
    this.#synced = segment.end;
  }

  /** Makes the first segment of a new log; the folder is there. */
  static async create(options: LogFilesOptions): Promise<LogFiles> {
    return new LogFiles(options, [], await newSegment(options, 1, 0));
  }

  /** Goes on where a log ends that an earlier process has left. */
  static async open(options: LogFilesOptions, end: LogEnd): Promise<LogFiles> {
    await rewriteTail(options.disk, end);
    const segment = await Segment.open(options, end.last, end.length);
    await segment.sync();
    return new LogFiles(options, end.earlier, segment);
  }

  /** Log position behind the last frame that was written whole. */
  get end(): number {
    return this.#segment.end;
  }

  /** Log position at which the first segment begins. */
  get beginning(): number {
    return this.#segments[0]!.position;
  }

  /** Log position before which everything is on the disk. */
  get synced(): number {
    return this.#synced;
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  get syncCount(): number {
    return this.#syncCount;
  }

  get lastSyncMs(): number {
    return this.#lastSyncMs;
  }

  /**
   * Writes `bytes[start, end)`, which holds whole frames. Rejects where it gets stuck: `end` then tells what is
   * written; {@linkcode LogFiles.rewind} has to come before the rest.
   */
  async write(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): Promise<void> {
    let at = start;
    while (at < end) {
      const pieceEnd = this.#segment.roomFor(bytes, at, end);
      if (pieceEnd === at) {
        await this.#roll();
        continue;
      }
      const piece = bytes.subarray(at, pieceEnd);
      // At once takes 4 µs, the detour through a thread 51; but while a sync runs it may take 25 ms.
      if (this.#syncing === null && this.#isAtOnce(piece.length)) this.#writeAtOnce(piece);
      else await this.#segment.write(piece);
      at = pieceEnd;
    }
  }

  /** Whether to write so much at once. After a slow write none is for a while: they hold the loop for a hundredth of the time. */
  #isAtOnce(bytes: number): boolean {
    return bytes <= WRITE_AT_ONCE_BYTES_MAX && this.#options.clock.monotonicMs() >= this.#writesRestUntilMs;
  }

  #writeAtOnce(piece: Uint8Array<ArrayBuffer>): void {
    const { clock } = this.#options;
    const beganMs = clock.monotonicMs();
    this.#segment.writeSync(piece);
    const endedMs = clock.monotonicMs();
    const tookMs = endedMs - beganMs;
    if (tookMs >= SLOW_WRITE_MS_MIN) this.#writesRestUntilMs = endedMs + tookMs * SLOW_WRITE_REST_FACTOR;
  }

  /** Takes back what a failed write has left behind. */
  rewind(): Promise<void> {
    return this.#segment.rewind();
  }

  /**
   * Resolves once everything up to `position` would survive a power loss. Rejects with {@linkcode SyncError}, and
   * does so for ever after: pages of a failed sync count as clean to the system, so the next one would only pretend.
   */
  async syncThrough(position: number): Promise<void> {
    while (this.#synced < position) {
      this.#syncing ??= this.#sync().finally(() => this.#syncing = null);
      await this.#syncing;
    }
  }

  /** The segment that has what stands at `position`, and where it ends as of now; `null` when it was removed. */
  segmentAt(position: number): { readonly place: SegmentPlace; readonly end: number } | null {
    const index = this.#segments.findLastIndex((segment) => segment.position <= position);
    if (index < 0) return null;
    return { place: this.#segments[index]!, end: this.#segments[index + 1]?.position ?? this.end };
  }

  /** Removes the segments that lie wholly before `position`, but never the last. One call at a time. */
  async removeBefore(position: number): Promise<void> {
    const { disk, directory } = this.#options;
    while (this.#segments.length > 1 && this.#segments[1]!.position <= position) {
      const { path } = this.#segments[0]!;
      await disk.remove(path);
      this.#segments.shift();
      await disk.syncDirectory(directory);
    }
  }

  /** Ends the last file behind its last frame. */
  trim(): Promise<void> {
    return this.#segment.trim();
  }

  /** Closes once the sync that is under way, if any, is over. */
  async close(): Promise<void> {
    await this.#syncing?.catch(() => {}); // whoever began it deals with its failure
    this.#segment.close();
    this.#next?.close();
  }

  /** Whether others would have to wait for a sync that holds the loop. */
  #isBesideReads(): boolean {
    const count = this.readCount();
    this.#readsBetweenSyncs += (count - this.#readCountBefore - this.#readsBetweenSyncs) * NEWEST_WEIGHT;
    this.#readCountBefore = count;
    return this.#readsBetweenSyncs >= READS_BETWEEN_SYNCS_MIN;
  }

  async #sync(): Promise<void> {
    const { clock } = this.#options;
    const { end } = this;
    if (this.#syncFailure !== null) throw this.#syncFailure;
    const beganMs = clock.monotonicMs();
    try {
      await this.#segment.sync(this.#isBesideReads());
    } catch (error) {
      this.#syncFailure = new SyncError(messageOf(error));
      throw this.#syncFailure;
    }
    this.#synced = end;
    this.#syncCount++;
    this.#lastSyncMs = clock.monotonicMs() - beganMs;
  }

  /**
   * Begins the next segment. The one before is synced first, so that only the last can ever be torn. Once the mark may
   * be set, the segment that it speaks of stays: what fails is tried again from there.
   */
  async #roll(): Promise<void> {
    await this.syncThrough(this.end);
    this.#next ??= await newSegment(this.#options, this.#segment.number + 1, this.end);
    await this.#options.marks.rolled(this.#next.number);
    await this.#segment.trim();
    this.#segment.close();
    this.#segment = this.#next;
    this.#next = null;
    this.#segments.push(this.#segment);
  }
}

function newSegment(options: LogFilesOptions, number: number, position: number): Promise<Segment> {
  return Segment.create(options, { number, position, salt: options.random.u32() });
}
