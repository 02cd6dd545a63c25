/**
 * When dumps are written: on `SAVE` and `BGSAVE`, after so much time, and after so much log. One at a time. A dump
 * that is durable lets the log before it go.
 */
import { AssertionError } from "../core/assert.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { DUMP_RETRY_MS_MAX, DUMP_RETRY_MS_MIN } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { DumpWriter } from "../persistence/dump_writer.ts";
import type { Log } from "../persistence/log.ts";
import { DumpPace } from "./dump_pace.ts";
import { dumpSourceOf } from "./dump_source.ts";
import type { ShardTable } from "./shard_table.ts";

/** How often the schedule is looked at. */
const SCHEDULE_LOOK_MS = 1_000;

export interface DumpsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: Log;
  readonly shards: ShardTable;
  readonly writer: DumpWriter;
  /** Longest time between two dumps while there are changes; 0 = no schedule by time. */
  readonly intervalMs: number;
  /** Most log written between two dumps; 0 = no schedule by size. */
  readonly logBytes: number;
  /** Log position of the newest dump found at the start. */
  readonly lastPosition: number;
  /** Ends the process, because of a bug in the middle of a step: see `ProcessFacts`. */
  readonly abort: (error: unknown) => never;
  /** Requests run since the start of the node. */
  readonly servedCount: () => number;
}

export class Dumps {
  readonly #options: DumpsOptions;
  readonly #timer: Timer;
  #running: Promise<void> | null = null;
  /** Of the dump under way, or of the last. */
  #pace: DumpPace | null = null;
  #lastSaveMs: number;
  /** On the monotonic clock. */
  #lastTriedMs: number;
  #lastPosition: number;
  #lastFailure = "";
  /** When a failure was logged last, on the monotonic clock. */
  #loggedMs = -Infinity;
  /** Failures since the last dump that was written. */
  #failureCount = 0;
  #count = 0;

  constructor(options: DumpsOptions) {
    this.#options = options;
    this.#lastSaveMs = options.clock.nowMs();
    this.#lastTriedMs = options.clock.monotonicMs();
    this.#lastPosition = options.lastPosition;
    this.#timer = options.clock.every(SCHEDULE_LOOK_MS, () => this.#followSchedule());
  }

  get running(): boolean {
    return this.#running !== null;
  }

  /** When the last dump became durable, or else the start; milliseconds since 1970. */
  get lastSaveMs(): number {
    return this.#lastSaveMs;
  }

  /** Why the last dump failed; empty when it did not. */
  get lastFailure(): string {
    return this.#lastFailure;
  }

  /**
   * How long after the last try the schedule tries again because that one failed; 0 when it did not. Each failure doubles
   * it: a dump that does not fit on the disk costs as much as one that does.
   */
  get retryMs(): number {
    if (this.#failureCount === 0) return 0;
    return Math.min(DUMP_RETRY_MS_MIN * 2 ** (this.#failureCount - 1), DUMP_RETRY_MS_MAX);
  }

  /** Dumps written since the start. */
  get count(): number {
    return this.#count;
  }

  /** Writes a dump, as fast as can be. Rejects when one is being written already, or with what went wrong. */
  save(): Promise<void> {
    if (this.#running !== null) return Promise.reject(new Error("Background save already in progress"));
    return this.#begin(true);
  }

  /** Starts a dump, which leaves time to those who are served meanwhile; empty, or why not. */
  backgroundSave(): string {
    if (this.#running !== null) return "Background save already in progress";
    this.#begin(false).catch(() => {}); // told by the log line and by INFO
    return "";
  }

  /** Bytes of the dump under way that wait for the disk. */
  get backlogBytes(): number {
    return this.#running === null ? 0 : this.#options.writer.backlogBytes;
  }

  /** Resolves when the dump's writer has taken what waited for it. */
  relief(): Promise<void> {
    return this.#options.writer.drained();
  }

  /** No dumps by schedule any more; waits for the one under way. */
  async stop(): Promise<void> {
    this.#timer.cancel();
    this.#pace?.hurry();
    await this.#running?.catch(() => {});
  }

  #begin(isHurried: boolean): Promise<void> {
    const { clock, servedCount } = this.#options;
    this.#pace = new DumpPace({ clock, servedCount, isHurried });
    this.#running = this.#write(this.#pace).finally(() => this.#running = null);
    return this.#running;
  }

  async #write(pace: DumpPace): Promise<void> {
    const { clock, logger, log, shards, writer } = this.#options;
    const beganMs = clock.monotonicMs();
    this.#lastTriedMs = clock.monotonicMs();
    try {
      const { position, entryCount, bytes } = await writer.write(
        shards.copies.map((copy) => dumpSourceOf(copy)),
        log,
        pace,
      );
      this.#lastPosition = position;
      this.#lastSaveMs = clock.nowMs();
      this.#lastFailure = "";
      this.#failureCount = 0;
      this.#count++;
      const tookMs = Math.round(clock.monotonicMs() - beganMs);
      logger.info("dump written", { entries: entryCount, bytes, tookMs });
      await log.removeBefore(position);
    } catch (error) {
      if (error instanceof AssertionError || log.isTorn) this.#options.abort(error);
      const cause = messageOf(error);
      const nowMs = clock.monotonicMs();
      // A client may say SAVE as often as it likes: it is told each time, the log only now and then.
      const isNews = cause !== this.#lastFailure || nowMs - this.#loggedMs >= DUMP_RETRY_MS_MIN;
      this.#lastFailure = cause;
      this.#failureCount++;
      if (isNews) {
        this.#loggedMs = nowMs;
        logger.error("dump failed", { cause, retryMs: this.retryMs });
      }
      throw error;
    }
  }

  #followSchedule(): void {
    const { clock, intervalMs, logBytes, log } = this.#options;
    const written = log.appended - this.#lastPosition;
    if (this.#running !== null || written === 0 || log.failure !== "") return;
    const sinceMs = clock.monotonicMs() - this.#lastTriedMs;
    const isDue = this.#failureCount > 0
      ? sinceMs >= this.retryMs
      : (intervalMs > 0 && sinceMs >= intervalMs) || (logBytes > 0 && written >= logBytes);
    if (isDue && (intervalMs > 0 || logBytes > 0)) this.backgroundSave();
  }
}
