/**
 * Measures how long the event loop was held: a timer that should fire every millisecond notes by how much it was
 * late. What it reports includes the time the machine gave to other processes.
 */
import type { Clock, Timer } from "../core/clock.ts";

const PERIOD_MS = 1;

export class LoopMonitor {
  readonly #clock: Clock;
  readonly #timer: Timer;
  #lastMs: number;
  #stallMsMax = 0;
  #stallsOver5Ms = 0;
  #stallsOver20Ms = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastMs = clock.monotonicMs();
    this.#timer = clock.every(PERIOD_MS, () => this.#tick());
  }

  /** Longest stall in milliseconds since the start. */
  get stallMsMax(): number {
    return this.#stallMsMax;
  }

  get stallsOver5Ms(): number {
    return this.#stallsOver5Ms;
  }

  get stallsOver20Ms(): number {
    return this.#stallsOver20Ms;
  }

  stop(): void {
    this.#timer.cancel();
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs();
    const lateMs = nowMs - this.#lastMs - PERIOD_MS;
    this.#lastMs = nowMs;
    if (lateMs > this.#stallMsMax) this.#stallMsMax = lateMs;
    if (lateMs > 5) this.#stallsOver5Ms++;
    if (lateMs > 20) this.#stallsOver20Ms++;
  }
}
