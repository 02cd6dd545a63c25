/**
 * The log's writer, with group commit and no timers for it: what is appended while a batch is on its way to the disk
 * gathers, and is the next batch.
 *
 *     append ─► gathering ─► in flight ─► segment ─► committed
 *
 * A position is a place in the log: the bytes of all frames since it was made. That of a record is behind it.
 *
 * - `always`: committed = synced; one write and one sync for a batch. `everysec`, `no`: committed = handed to the
 *   operating system. A batch starts at the end of the turn's microtasks, so that all requests of one turn share it.
 * - A batch is one or more frames (log_frame.ts), each of which says what was synced before it. What gathers is whole
 *   frames and an open one.
 * - A sync that failed is final: what the system did with the pages is unknown, so nothing later may count as
 *   committed. So is any failed write but those whose cause passes: when the disk is full, or the system short of files or
 *   memory, the batch is kept and tried again, from the last byte that is known to be good.
 * - While `failure` is set nobody appends (the node refuses writes), so what is kept does not grow.
 */
import { assert, AssertionError } from "../core/assert.ts";
import type { Timer } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { DISK_FULL_RETRY_MS, EVERYSEC_SYNC_BYTES, EVERYSEC_SYNC_MS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Mutation, Position } from "../core/mutation.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { FrameBuffer } from "./frame_buffer.ts";
import { type FollowedLog, LogCursor } from "./log_cursor.ts";
import { type LogHold, LogHolds } from "./log_holds.ts";
import { LogFiles, type LogFilesOptions, SyncError } from "./log_files.ts";
import { encodeRecord } from "./record.ts";
import type { LogEnd, SegmentPlace } from "./segment.ts";
import { shortageOf } from "./shortage.ts";

/** When a mutation counts as committed. */
export type FsyncPolicy = "always" | "everysec" | "no";

export interface LogOptions extends Omit<LogFilesOptions, "syncsEachBatch"> {
  readonly logger: Logger;
  readonly policy: FsyncPolicy;
  /** A frame of this length ends with the request. */
  readonly frameBytes?: number;
}

const COMMITTED = Promise.resolve(true);

type Waiters = PromiseWithResolvers<boolean>;

export class Log implements FollowedLog {
  readonly #options: LogOptions;
  readonly #files: LogFiles;
  /** Records behind those in flight. */
  #gathering: FrameBuffer;
  /** Frames from `committed` on that are being written, and synced if the policy asks for it. */
  #inFlight: FrameBuffer;
  #committed: number;
  /** Log position at which this process went on. */
  readonly #openedAt: number;
  /** Who waits for the batch in flight, and for the one that gathers. */
  #inFlightWaiters: Waiters | null = null;
  #gatheringWaiters: Waiters | null = null;
  /** Who waits for any batch. */
  #growthWaiters: Waiters | null = null;
  readonly #holds = new LogHolds();
  #isClosed = false;
  /** Called at the end of each turn in which something was committed, or never will be. */
  onSettled: () => void = () => {};
  #failure = "";
  #isFinal = false;
  #isFlushScheduled = false;
  #isDraining = false;
  /** Whether a sync in the background is under way. */
  #isSyncing = false;
  #drained: Promise<void> = Promise.resolve();
  readonly #syncTimer: Timer | null;
  #retryTimer: Timer | null = null;

  private constructor(options: LogOptions, files: LogFiles) {
    this.#options = options;
    this.#files = files;
    this.#gathering = new FrameBuffer(options.frameBytes);
    this.#inFlight = new FrameBuffer(options.frameBytes);
    this.#committed = this.#openedAt = files.end;
    this.#syncTimer = options.policy === "everysec"
      ? options.clock.every(EVERYSEC_SYNC_MS, () => this.#syncInBackground())
      : null;
  }

  /** Makes a new log; its folder is there. */
  static async create(options: LogOptions): Promise<Log> {
    return new Log(options, await LogFiles.create(filesOptions(options)));
  }

  /** Goes on where a log ends that an earlier process has left. */
  static async open(options: LogOptions, end: LogEnd): Promise<Log> {
    return new Log(options, await LogFiles.open(filesOptions(options), end));
  }

  /** Position behind the last appended record. */
  get appended(): Position {
    return this.#committed + this.#inFlight.length + this.#gathering.length;
  }

  /** What lies before this position may be acknowledged. */
  get committedPosition(): Position {
    return this.#committed;
  }

  /** What is on its way to the disk ends here, and what lies behind it gathers. */
  get inFlightEnd(): number {
    return this.#committed + this.#inFlight.length;
  }

  /** Why nothing can be committed, in one line with what to do; empty while all is well. */
  get failure(): string {
    return this.#failure;
  }

  /** Tells it how many requests were served so far that changed nothing: beside many of those syncs do not hold the loop. */
  set readCount(count: () => number) {
    this.#files.readCount = count;
  }

  /** Bytes that wait for the disk. */
  get backlogBytes(): number {
    return this.#inFlight.length + this.#gathering.length;
  }

  get segmentCount(): number {
    return this.#files.segmentCount;
  }

  /** Syncs since the log was opened. */
  get syncCount(): number {
    return this.#files.syncCount;
  }

  /** How long the last sync took. */
  get lastSyncMs(): number {
    return this.#files.lastSyncMs;
  }

  /** Appends the mutation's record; returns the position behind it. */
  append(mutation: Mutation): Position {
    encodeRecord(this.#beginRecord(), mutation);
    return this.appended;
  }

  /** The records since the last call are one request's: they apply all or none. A request never outlasts its microtask. */
  endRequest(): void {
    this.#gathering.endRequest(this.#files.synced);
  }

  /** Whether the end of a request or a frame broke off in its middle. */
  get isTorn(): boolean {
    return this.#gathering.isTorn || this.#inFlight.isTorn;
  }

  /** Ends the request, and the frame that gathers. Returns the position behind it, from which a replay may begin. */
  endFrame(): number {
    this.#gathering.seal(this.#files.synced);
    return this.appended;
  }

  /** Resolves to `true` once everything up to `position` is committed; to `false` when the log failed and nothing of it may be told. */
  whenCommitted(position: Position): Promise<boolean> {
    assert(position <= this.appended, "a position was given out by this log");
    if (position <= this.#committed) return COMMITTED;
    // Another one each time: who hears each promise once has to hear of each failure.
    if (this.#failure !== "") return Promise.resolve(false);
    if (position <= this.#committed + this.#inFlight.length) {
      this.#inFlightWaiters ??= Promise.withResolvers();
      return this.#inFlightWaiters.promise;
    }
    this.#gatheringWaiters ??= Promise.withResolvers();
    return this.#gatheringWaiters.promise;
  }

  /** Resolves to `true` once everything up to `position` would survive a power loss, whatever the policy is. */
  async syncThrough(position: Position): Promise<boolean> {
    if (!await this.whenCommitted(position)) return false;
    try {
      await this.#files.syncThrough(position);
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** Resolves to `true` once more than up to `position` is committed; to `false` when the log is closed before. */
  whenGrown(position: Position): Promise<boolean> {
    if (position < this.#committed) return COMMITTED;
    if (this.#isClosed) return Promise.resolve(false);
    this.#growthWaiters ??= Promise.withResolvers();
    return this.#growthWaiters.promise;
  }

  /** Removes the segments that lie wholly before `position`, but for what followers hold. One call at a time. */
  removeBefore(position: Position): Promise<void> {
    return this.#files.removeBefore(this.#holds.removableBefore(position, this.#committed));
  }

  /**
   * Follows the log from `position`, where a frame begins: 0, a dump's position, or where an earlier cursor got to. What
   * it has not read is kept, within a bound. To be closed before the log.
   */
  follow(position: Position): LogCursor {
    return new LogCursor(this, this.#options.disk, position);
  }

  /** Keeps the log from `position` on for a follower. */
  hold(position: Position): LogHold {
    return this.#holds.hold(position);
  }

  /** Where the log begins by now: what lies before it was removed. */
  get beginning(): Position {
    return this.#files.beginning;
  }

  /** The segment that has what stands at `position`, and where it ends as of now; `null` when it was removed. */
  segmentAt(position: Position): { readonly place: SegmentPlace; readonly end: Position } | null {
    return this.#files.segmentAt(position);
  }

  /** Commits and syncs what is there, unless the log has failed, and closes. Nobody appends any more. */
  async close(): Promise<void> {
    this.#syncTimer?.cancel();
    this.#flush();
    await this.#drained;
    this.#retryTimer?.cancel();
    try {
      if (this.#failure === "") await this.#closeInOrder();
    } catch (error) {
      // All is committed and synced: at the next start the end of the log is only less surely known.
      this.#options.logger.warn("cannot mark the log as closed in order", { cause: messageOf(error) });
    }
    await this.#files.close();
    this.#isClosed = true;
    this.#growthWaiters?.resolve(false);
  }

  /** Syncs everything, says so in a last frame, and ends the file there. */
  async #closeInOrder(): Promise<void> {
    if (!await this.syncThrough(this.appended)) return;
    if (this.#committed > this.#openedAt) {
      this.#gathering.open(this.appended, this.#files.synced);
      this.#flush();
      if (!await this.syncThrough(this.appended)) return;
    }
    await this.#files.trim();
    await this.#options.marks.stopped(this.#files.end);
  }

  /** Where the next record goes. */
  #beginRecord(): OutputBuffer {
    const gathering = this.#gathering;
    if (!gathering.isOpen) gathering.open(this.appended, this.#files.synced);
    if (!this.#isFlushScheduled) {
      this.#isFlushScheduled = true;
      queueMicrotask(this.#flush);
    }
    return gathering.output;
  }

  /** Starts a batch on its way. If one is already, then its end will take what has gathered. */
  readonly #flush = (): void => {
    this.#isFlushScheduled = false;
    if (!this.#isDraining && this.#failure === "") this.#drained = this.#drain();
  };

  /** Commits batch after batch until nothing waits. */
  async #drain(): Promise<void> {
    this.#isDraining = true;
    try {
      if (this.#failure !== "") await this.#files.rewind();
      while (this.#takeBatch()) {
        const { bytes, length } = this.#inFlight;
        await this.#files.write(bytes, this.#files.end - this.#committed, length);
        if (this.#options.policy === "always") await this.#files.syncThrough(this.#files.end);
        if (this.#isFinal) break;
        this.#batchCommitted();
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isDraining = false;
  }

  /** Whether there is a batch in flight, be it one that was kept after a failure or what has gathered. */
  #takeBatch(): boolean {
    if (this.#inFlight.length > 0) return true;
    const gathered = this.#gathering;
    gathered.seal(this.#files.synced);
    this.#gathering = this.#inFlight;
    this.#inFlight = gathered;
    this.#inFlightWaiters = this.#gatheringWaiters;
    this.#gatheringWaiters = null;
    return gathered.length > 0;
  }

  #batchCommitted(): void {
    this.#committed += this.#inFlight.length;
    this.#inFlight.clear();
    if (this.#failure !== "") this.#options.logger.info("log writes resumed");
    this.#failure = "";
    queueMicrotask(this.onSettled);
    this.#inFlightWaiters?.resolve(true);
    this.#growthWaiters?.resolve(true);
    this.#inFlightWaiters = this.#growthWaiters = null;
    if (this.#syncTimer !== null && this.#files.end - this.#files.synced >= EVERYSEC_SYNC_BYTES) {
      this.#syncInBackground();
    }
  }

  #syncInBackground(): void {
    if (this.#failure !== "" || this.#isSyncing) return;
    this.#isSyncing = true;
    this.#files.syncThrough(this.#files.end)
      .catch((error) => this.#fail(error))
      .finally(() => this.#isSyncing = false);
  }

  /** Nothing that waits is committed; unless its cause passes, nothing ever will be. */
  #fail(error: unknown): void {
    if (error instanceof AssertionError) throw error;
    if (this.#isFinal) return;
    const isNews = this.#failure === "";
    this.#failure = failureText(error);
    this.#isFinal = error instanceof SyncError || shortageOf(error) === null;
    if (isNews || this.#isFinal) this.#options.logger.error("log failed", { cause: this.#failure });
    queueMicrotask(this.onSettled);
    this.#inFlightWaiters?.resolve(false);
    this.#gatheringWaiters?.resolve(false);
    this.#inFlightWaiters = this.#gatheringWaiters = null;
    if (this.#isFinal) this.#retryTimer?.cancel();
    else {this.#retryTimer = this.#options.clock.after(DISK_FULL_RETRY_MS, () =>
        this.#drained = this.#drain());}
  }
}

function filesOptions(options: LogOptions): LogFilesOptions {
  return { ...options, syncsEachBatch: options.policy === "always" };
}

function failureText(error: unknown): string {
  const cause = messageOf(error);
  if (error instanceof SyncError) return `Cannot sync log: ${cause}; restart the node once the disk is well`;
  const shortage = shortageOf(error);
  if (shortage !== null) {
    return `Cannot write log: ${shortage.name} (${cause}); ${shortage.advice}, writes resume by themselves`;
  }
  return `Cannot write log: ${cause}; restart the node once the disk is well`;
}
