/**
 * Turns for the reads of many connections, so that none is served again and again while others wait.
 *
 * The runtime polls all pending reads in one task that may complete 128 of them; what is ready beyond that is put
 * off, and comes back in reverse order behind the reads that were issued meanwhile. A client that answers within a
 * batch then overtakes all that were put off, and a hundred such clients keep the rest out for as long as they like.
 *
 * So the reads that come after a turn of the loop that was nearly full are held back, first come, first served, and
 * a few are let go by each turn that was not: what was put off is always older than what is let go.
 * When no turn comes by itself, because all that was let go is idle, a timer lets everything go.
 */
import type { Clock } from "../core/clock.ts";
import { READ_HOLD_MS, READS_LET_GO_PER_TURN, READS_PER_TURN_MAX } from "../core/limits.ts";

/** What a read is issued on. */
export interface Readable {
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
}

export interface ReadTurnsOptions {
  readonly clock: Clock;
  /** Calls `run` once every read that the present turn of the loop completed has been told of. */
  readonly atEndOfTurn: (run: () => void) => void;
}

interface Held {
  readonly letGo: () => void;
  next: Held | undefined;
}

export class ReadTurns {
  readonly #clock: Clock;
  readonly #atEndOfTurn: (run: () => void) => void;
  #connectionCount = 0;
  /** Reads that completed in the present turn. */
  #completedCount = 0;
  /** Whether the last turn was so full that reads may have been put off. */
  #wasFull = false;
  /** Turns that brought something, so far. */
  #turnCount = 0;
  #first: Held | undefined;
  #last: Held | undefined;
  #isWatching = false;

  constructor({ clock, atEndOfTurn }: ReadTurnsOptions) {
    this.#clock = clock;
    this.#atEndOfTurn = atEndOfTurn;
  }

  /** Whether there are enough connections to fill a turn; while there are not, they need not take turns. */
  get isCrowded(): boolean {
    return this.#connectionCount > READS_PER_TURN_MAX;
  }

  /** One connection more that reads. */
  join(): void {
    this.#connectionCount++;
  }

  /** One less. */
  leave(): void {
    this.#connectionCount--;
  }

  /** Reads from `source` when its turn has come. Rejects as `source` does. */
  read(source: Readable, buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    if (this.#first === undefined && !this.#wasFull && this.#completedCount < READS_PER_TURN_MAX) {
      return source.read(buffer).then(this.#completed);
    }
    return new Promise<void>((letGo) => this.#hold({ letGo, next: undefined }))
      .then(() => source.read(buffer))
      .then(this.#completed);
  }

  /** No function of its own for each read, nor an async one: that is most of what a turn costs. */
  readonly #completed = (count: number | null): number | null => {
    if (this.#completedCount++ === 0) this.#atEndOfTurn(this.#endTurn);
    return count;
  };

  readonly #endTurn = (): void => {
    this.#wasFull = this.#completedCount >= READS_PER_TURN_MAX;
    this.#completedCount = 0;
    this.#turnCount++;
    if (!this.#wasFull) this.#letGo(READS_LET_GO_PER_TURN);
  };

  #hold(held: Held): void {
    if (this.#last === undefined) this.#first = held;
    else this.#last.next = held;
    this.#last = held;
    this.#watch();
  }

  #letGo(countMax: number): void {
    for (let count = 0; count < countMax && this.#first !== undefined; count++) {
      this.#first.letGo();
      this.#first = this.#first.next;
    }
    if (this.#first === undefined) this.#last = undefined;
  }

  /** Lets everything go once the loop has been idle for a while: then nothing is put off. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const turnCount = this.#turnCount;
    this.#clock.after(READ_HOLD_MS, () => {
      this.#isWatching = false;
      if (turnCount === this.#turnCount && this.#completedCount === 0) {
        this.#wasFull = false;
        this.#letGo(Infinity);
      }
      if (this.#first !== undefined) this.#watch();
    });
  }
}
