/**
 * Measures how long the event loop was held: a timer that should fire every millisecond notes by how much it was
 * late. What it reports includes the time the machine gave to other processes.
 *
 * A thousand wake-ups a second are a hundredth of a core, so while nobody is served it looks less often, and may then
 * miss what is shorter than the time between two looks.
 */
import type { Clock, Timer } from "../core/clock.ts";

const PERIOD_MS = 1;
const IDLE_PERIOD_MS = 20;
/** Nobody is served when there was no request for so many periods. */
const PERIODS_TO_IDLE = 1_000;

export class LoopMonitor {
  readonly #clock: Clock;
  readonly #servedCount: () => number;
  #timer: Timer;
  #periodMs = PERIOD_MS;
  #lastMs: number;
  #lastServedCount: number;
  /** Periods without a request. */
  #quietPeriods = 0;
  #stallMsMax = 0;
  #stallsOver5Ms = 0;
  #stallsOver20Ms = 0;

  /** `servedCount` says how many requests have been run. */
  constructor(clock: Clock, servedCount: () => number) {
    this.#clock = clock;
    this.#servedCount = servedCount;
    this.#lastMs = clock.monotonicMs();
    this.#lastServedCount = servedCount();
    this.#timer = clock.every(PERIOD_MS, this.#tick);
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

  readonly #tick = (): void => {
    const nowMs = this.#clock.monotonicMs();
    const lateMs = nowMs - this.#lastMs - this.#periodMs;
    this.#lastMs = nowMs;
    if (lateMs > this.#stallMsMax) this.#stallMsMax = lateMs;
    if (lateMs > 5) this.#stallsOver5Ms++;
    if (lateMs > 20) this.#stallsOver20Ms++;
    const servedCount = this.#servedCount();
    this.#quietPeriods = servedCount === this.#lastServedCount ? this.#quietPeriods + 1 : 0;
    this.#lastServedCount = servedCount;
    this.#look(this.#quietPeriods >= PERIODS_TO_IDLE ? IDLE_PERIOD_MS : PERIOD_MS);
  };

  #look(periodMs: number): void {
    if (periodMs === this.#periodMs) return;
    this.#periodMs = periodMs;
    this.#timer.cancel();
    this.#timer = this.#clock.every(periodMs, this.#tick);
  }
}
