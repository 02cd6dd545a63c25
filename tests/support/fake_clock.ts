/** A clock that stands still until a test moves it. Timers run in the order in which they are due. */
import type { Clock, Timer } from "../../src/core/clock.ts";

interface Due {
  atMs: number;
  readonly order: number;
  readonly periodMs: number;
  readonly run: () => void;
}

export class FakeClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  #order = 0;
  readonly #timers = new Set<Due>();

  constructor(nowMs = 1_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#add(delayMs, 0, run);
  }

  every(periodMs: number, run: () => void): Timer {
    return this.#add(periodMs, periodMs, run);
  }

  /** Timers that have yet to run. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** Moves on by `byMs` and runs every timer that falls due meanwhile, each at its own time. */
  advance(byMs: number): void {
    const untilMs = this.#elapsedMs + byMs;
    for (let due = this.#next(untilMs); due !== null; due = this.#next(untilMs)) {
      this.#moveTo(due.atMs);
      if (due.periodMs > 0) due.atMs += due.periodMs;
      else this.#timers.delete(due);
      due.run();
    }
    this.#moveTo(untilMs);
  }

  /** Sets the time of day, as an administrator may; time that is measured does not notice. */
  jumpTo(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  #add(delayMs: number, periodMs: number, run: () => void): Timer {
    const due = { atMs: this.#elapsedMs + delayMs, order: this.#order++, periodMs, run };
    this.#timers.add(due);
    return { cancel: () => void this.#timers.delete(due) };
  }

  #next(untilMs: number): Due | null {
    let next: Due | null = null;
    for (const due of this.#timers) {
      if (due.atMs > untilMs) continue;
      if (next === null || due.atMs < next.atMs || (due.atMs === next.atMs && due.order < next.order)) {
        next = due;
      }
    }
    return next;
  }

  #moveTo(elapsedMs: number): void {
    this.#nowMs += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }
}
