/**
 * Whether a sync is done at once, holding the event loop, or through a thread. Measured on a disk that syncs a few
 * records in 0.13 ms: the detour through a thread makes that 0.24 ms, in which an event loop with little else to do
 * just waits. So a small sync is done at once while the disk is quick about such. A disk that is slow, a lot to be
 * synced, or a large file being written beside it: then the thread has it, and the loop goes on.
 */

/** Syncs at once take no longer than this, typically. */
const AT_ONCE_MS_MAX = 0.5;
/** What is synced at once. */
const AT_ONCE_BYTES_MAX = 128 * 1024;
/** Weight of the newest sync in the typical time: a slow one is forgotten after some ten quick ones. */
const NEWEST_WEIGHT = 0.2;

export class SyncPace {
  /** Time that a small sync takes; nothing is known at first, so the first ones go through a thread. */
  #typicalMs = 2 * AT_ONCE_MS_MAX;
  #bulkWriteCount = 0;

  /** Whether to sync `bytes` at once. */
  isAtOnce(bytes: number): boolean {
    return bytes <= AT_ONCE_BYTES_MAX && this.#typicalMs <= AT_ONCE_MS_MAX && this.#bulkWriteCount === 0;
  }

  /** A sync of `bytes` took `ms`. */
  took(bytes: number, ms: number): void {
    if (bytes <= AT_ONCE_BYTES_MAX) this.#typicalMs += (ms - this.#typicalMs) * NEWEST_WEIGHT;
  }

  /** Runs `write`, which writes a large file; meanwhile no sync is done at once. */
  async duringBulkWrite(write: () => Promise<void>): Promise<void> {
    this.#bulkWriteCount++;
    try {
      await write();
    } finally {
      this.#bulkWriteCount--;
    }
  }
}
