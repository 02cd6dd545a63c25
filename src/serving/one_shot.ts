/**
 * The one-shot rule, for an `nc` that does not close its half of the connection when its input ends: when exactly
 * one text line came soon after connecting, and nothing more follows its reply for a while, the server closes.
 *
 *     fresh ──one text line in time, answered──► armed ──silence──► close
 *       └──anything else──► over ◄──more bytes────┘
 */
import type { Clock, Timer } from "../core/clock.ts";
import { ONE_SHOT_CLOSE_MS, ONE_SHOT_LINE_MS } from "../core/limits.ts";

type State = "fresh" | "armed" | "over";

export class OneShotRule {
  readonly #clock: Clock;
  readonly #close: () => void;
  readonly #connectedAtMs: number;
  #state: State = "fresh";
  #inTime = true;
  #timer: Timer | null = null;

  /** Made when the client connects; `close` is called when the rule says so. */
  constructor(clock: Clock, close: () => void) {
    this.#clock = clock;
    this.#close = close;
    this.#connectedAtMs = clock.monotonicMs();
  }

  /** Bytes came from the client. */
  bytesArrived(): void {
    if (this.#state === "over") return;
    if (this.#state === "armed") this.stop();
    else this.#inTime = this.#clock.monotonicMs() - this.#connectedAtMs <= ONE_SHOT_LINE_MS;
  }

  /**
   * Everything that had arrived is answered: `requestCount` requests, the last a text line if `isText`;
   * `bytesLeft` of the next request are there already.
   */
  answered(requestCount: number, isText: boolean, bytesLeft: number): void {
    if (this.#state !== "fresh") {
      if (requestCount > 0) this.stop();
      return;
    }
    if (requestCount === 0 && this.#inTime) return;
    if (requestCount !== 1 || !isText || bytesLeft > 0 || !this.#inTime) {
      this.stop();
      return;
    }
    this.#state = "armed";
    this.#timer = this.#clock.after(ONE_SHOT_CLOSE_MS, this.#close);
  }

  /** The rule is over; the connection may be too. */
  stop(): void {
    this.#state = "over";
    this.#timer?.cancel();
    this.#timer = null;
  }
}
