/**
 * Whether a sync is done at once, holding the event loop, or through a thread. Measured on a disk that syncs a few
 * records in 0.13 ms: the detour through a thread makes that 0.24 ms, in which an event loop with little else to do
 * just waits. So a small sync is done at once while the disk is quick about such. A disk that is slow, a lot to be
 * synced, or a large file being written or freed beside it: then the thread has it, and the loop goes on.
 *
 * How long a sync takes is known afterwards only. So a slow one is followed by a rest, in which all go through the
 * thread: slow syncs hold the loop for a thousandth of the time at most. A disk that was once seen to stall, wherever the
 * sync was done, never holds the loop again.
 */

/** Syncs at once take no longer than this, typically. */
const AT_ONCE_MS_MAX = 0.5;
/** What is synced at once. */
const AT_ONCE_BYTES_MAX = 128 * 1024;
/** Weight of the newest sync in the typical time. */
const NEWEST_WEIGHT = 0.2;
/** A sync that takes longer is slow, and not only because other processes have the processor … */
const SLOW_MS_MIN = 10;
/** … and followed by a rest that takes so many times as long. */
const REST_FACTOR = 1_000;
/** A sync that takes longer shows that the disk stalls. */
const STALL_MS_MIN = 100;

export class SyncPace {
  /** Time that a small sync takes; nothing is known at first, so the first ones go through a thread. */
  #typicalMs = 2 * AT_ONCE_MS_MAX;
  #bulkCount = 0;
  /** No sync is done at once before then; `Infinity` once the disk has stalled. */
  #restsUntilMs = 0;

  /** Whether to sync `bytes` at once, at `nowMs`. */
  isAtOnce(bytes: number, nowMs: number): boolean {
    return bytes <= AT_ONCE_BYTES_MAX && this.#typicalMs <= AT_ONCE_MS_MAX && this.#bulkCount === 0 &&
      nowMs >= this.#restsUntilMs;
  }

  /** A sync of `bytes` took `ms`, until `nowMs`. */
  took(bytes: number, ms: number, nowMs: number): void {
    // What a large one takes, or one beside bulk, says nothing of those that would be done at once.
    if (bytes > AT_ONCE_BYTES_MAX || this.#bulkCount > 0) return;
    this.#typicalMs += (ms - this.#typicalMs) * NEWEST_WEIGHT;
    if (ms >= STALL_MS_MIN) this.#restsUntilMs = Infinity;
    else if (ms >= SLOW_MS_MIN) this.#restsUntilMs = Math.max(this.#restsUntilMs, nowMs + ms * REST_FACTOR);
  }

  /** Runs `work`, which writes or frees a large file; meanwhile no sync is done at once. */
  async duringBulk(work: () => Promise<void>): Promise<void> {
    this.#bulkCount++;
    try {
      await work();
    } finally {
      this.#bulkCount--;
    }
  }
}
