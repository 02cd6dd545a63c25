/**
 * Looks at outboxes in which something has gathered: at the end of the turn, by which all that was read in it has been
 * handed over, and, where replies are missing then, again a little later. One for all clients of a process.
 */
import type { Clock } from "../core/clock.ts";
import { PARTIAL_FLUSH_MS } from "../core/limits.ts";

/** An outbox in which replies gather. */
export interface Gathering {
  /** The one added before it, for whose turn ends with this one. */
  nextGathering: Gathering | null;
  /** All that was read in this turn is here. */
  turnEnded(): void;
  /** What was put off is not put off any more. */
  waited(): void;
}

export class GatheredFlush {
  readonly #clock: Clock;
  /** What was added in this turn, the newest first, each with the next in itself: nothing is allocated for a turn. */
  #newest: Gathering | null = null;
  #late: Gathering[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something has gathered in `outbox`: its turn ends with this one. It is not here yet. */
  atEndOfTurn(outbox: Gathering): void {
    if (this.#newest === null) queueMicrotask(this.#endTurn);
    outbox.nextGathering = this.#newest;
    this.#newest = outbox;
  }

  /** Replies that are there wait for those that are missing. */
  later(outbox: Gathering): void {
    if (this.#late.push(outbox) === 1) this.#clock.after(PARTIAL_FLUSH_MS, this.#flushLate);
  }

  readonly #endTurn = (): void => {
    let outbox = this.#newest;
    this.#newest = null;
    while (outbox !== null) {
      const next: Gathering | null = outbox.nextGathering;
      outbox.nextGathering = null;
      outbox.turnEnded();
      outbox = next;
    }
  };

  readonly #flushLate = (): void => {
    const outboxes = this.#late;
    this.#late = [];
    for (const outbox of outboxes) outbox.waited();
  };
}
