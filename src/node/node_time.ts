/**
 * The time of day by which a node's clients see keys expire. It never runs backwards: not when somebody sets the machine's
 * clock back, and not when the node takes over a shard from a primary whose clock is ahead of its own. What had expired
 * stays expired then. Time that is ahead goes on, at half the speed, until the machine's clock has caught up: so deadlines
 * still pass, and nobody's clock, however wrong, is copied from node to node for ever.
 *
 * The primary of before answered for up to `LEASE_MS` after what was heard of it last, by its own clock; for that long
 * what was heard goes on at full speed.
 */
import type { Clock } from "../core/clock.ts";
import { LEASE_MS } from "../core/limits.ts";

/** Time goes on at half speed while it is ahead. */
const SPEED_AHEAD = 1 / 2;

export class NodeTime {
  readonly #clock: Clock;
  /** What it was last; while it is ahead of the machine's clock, at `#atMs` on the monotonic clock. */
  #lastMs = -Infinity;
  #atMs = 0;
  #isAhead = false;
  /** Until then on the monotonic clock it goes on at full speed. */
  #fullSpeedUntilMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds since 1970. Costs no more than the machine's clock while that is not behind. */
  nowMs(): number {
    const machineMs = this.#clock.nowMs();
    if (this.#isAhead || machineMs < this.#lastMs) return this.#goOn(machineMs);
    return this.#lastMs = machineMs;
  }

  /** It was `heardMs` somewhere when this was heard, at `heardAtMs` on the monotonic clock: it is no earlier here. */
  goOnFrom(heardMs: number, heardAtMs: number): void {
    const atMs = this.#clock.monotonicMs();
    const fullSpeedUntilMs = heardAtMs + LEASE_MS;
    const aheadMs = heardMs + elapsed(heardAtMs, atMs, fullSpeedUntilMs);
    this.#fullSpeedUntilMs = Math.max(this.#fullSpeedUntilMs, fullSpeedUntilMs);
    if (aheadMs <= this.nowMs()) return;
    this.#isAhead = true;
    this.#lastMs = aheadMs;
    this.#atMs = atMs;
  }

  #goOn(machineMs: number): number {
    const atMs = this.#clock.monotonicMs();
    if (this.#isAhead) this.#lastMs += elapsed(this.#atMs, atMs, this.#fullSpeedUntilMs);
    this.#isAhead = this.#lastMs > machineMs;
    this.#atMs = atMs;
    return Math.floor(this.#lastMs = Math.max(this.#lastMs, machineMs));
  }
}

/** How far time that is ahead has gone from `fromMs` to `toMs`. */
function elapsed(fromMs: number, toMs: number, fullSpeedUntilMs: number): number {
  const fullMs = Math.max(0, Math.min(toMs, fullSpeedUntilMs) - fromMs);
  return fullMs + (toMs - fromMs - fullMs) * SPEED_AHEAD;
}
