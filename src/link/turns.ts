/**
 * Turns at what only a few may do at a time, in the order of asking. Who has a turn and waits for a client that takes
 * nothing is given up once somebody else waits: a client that does not read holds up nobody for long.
 */
import type { Clock } from "../core/clock.ts";
import { BULK_SILENCE_MS_MAX, BULK_WAITING_MAX, LINK_LOOK_MS } from "../core/limits.ts";

/** Who has a turn, or waits for one. */
export interface TurnHolder {
  /** Whether the turn is of no more use to it. */
  readonly isOver: boolean;
  /** Since when its client has taken nothing; `Infinity` while it does not wait for the client. */
  readonly waitsSinceMs: number;
  /** Ends it, and its client's connection; it gives its turns back. */
  giveUp(): void;
}

interface Waiting {
  readonly holder: TurnHolder;
  readonly resolve: () => void;
}

const TOO_MANY = "ERR Too many long replies are being asked for; try again later";

/** So many wait already that nobody else may. The message is for the client. */
export class TurnsFullError extends Error {
  override name = "TurnsFullError";
}

export class Turns {
  readonly #countMax: number;
  readonly #clock: Clock;
  readonly #holders = new Set<TurnHolder>();
  #waiting: Waiting[] = [];
  #isLooking = false;

  constructor(countMax: number, clock: Clock) {
    this.#countMax = countMax;
    this.#clock = clock;
  }

  /** Resolves when it is the turn of `holder`, or it is over; it gives the turn back in any case. Rejects when too many wait. */
  async take(holder: TurnHolder): Promise<void> {
    if (this.#holders.size < this.#countMax) {
      this.#holders.add(holder);
      return;
    }
    if (this.#waiting.length >= BULK_WAITING_MAX) this.#forgetThoseOver();
    if (this.#waiting.length >= BULK_WAITING_MAX) throw new TurnsFullError(TOO_MANY);
    const turn = new Promise<void>((resolve) => this.#waiting.push({ holder, resolve }));
    this.#lookLater();
    await turn;
  }

  give(holder: TurnHolder): void {
    this.#holders.delete(holder);
    while (this.#waiting.length > 0 && this.#holders.size < this.#countMax) {
      const next = this.#waiting.shift()!;
      this.#holders.add(next.holder);
      next.resolve();
    }
  }

  #lookLater(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#clock.after(LINK_LOOK_MS, () => {
      this.#isLooking = false;
      this.#look();
    });
  }

  /** Somebody waits: makes room. */
  #look(): void {
    this.#forgetThoseOver();
    if (this.#waiting.length === 0) return;
    const nowMs = this.#clock.monotonicMs();
    let silent: TurnHolder | null = null;
    for (const holder of this.#holders) {
      if (nowMs - holder.waitsSinceMs < BULK_SILENCE_MS_MAX) continue;
      if (silent === null || holder.waitsSinceMs < silent.waitsSinceMs) silent = holder;
    }
    silent?.giveUp();
    this.#lookLater();
  }

  /** Those that wait in vain wait no longer. */
  #forgetThoseOver(): void {
    const over = this.#waiting.filter(({ holder }) => holder.isOver);
    this.#waiting = this.#waiting.filter(({ holder }) => !holder.isOver);
    for (const { resolve } of over) resolve();
  }
}
