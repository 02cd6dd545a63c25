/**
 * The one-shot rule, for an `nc` that does not close its half of the connection when its input ends: when exactly
 * one text line came soon after connecting, and nothing more follows its reply for a while, the server closes.
 *
 *     fresh ──one text line in time──► answering ──all is written──► armed ──silence──► close
 *       └──anything else──► over ◄──more bytes──────────┴──────────────┘
 */
import type { Clock, Timer } from "../core/clock.ts";
import { ONE_SHOT_CLOSE_MS, ONE_SHOT_LINE_MS } from "../core/limits.ts";

type State = "fresh" | "answering" | "armed" | "over";

export class OneShotRule {
  readonly #clock: Clock;
  readonly #client: { drop(): void };
  readonly #connectedAtMs: number;
  #state: State = "fresh";
  #inTime = true;
  #timer: Timer | null = null;

  /** Made when the client connects, which is dropped when the rule says so. */
  constructor(clock: Clock, client: { drop(): void }) {
    this.#clock = clock;
    this.#client = client;
    this.#connectedAtMs = clock.monotonicMs();
  }

  /** Bytes came from the client. */
  bytesArrived(): void {
    if (this.#state === "over") return;
    if (this.#state !== "fresh") this.stop();
    else this.#inTime = this.#clock.monotonicMs() - this.#connectedAtMs <= ONE_SHOT_LINE_MS;
  }

  /**
   * What arrived were `requestCount` requests, the last a text line if `isText`; `bytesLeft` of the next request are
   * there already.
   */
  requestsCame(requestCount: number, isText: boolean, bytesLeft: number): void {
    if (this.#state === "over") return;
    if (this.#state !== "fresh") {
      if (requestCount > 0) this.stop();
      return;
    }
    if (requestCount === 0 && this.#inTime) return;
    if (requestCount === 1 && isText && bytesLeft === 0 && this.#inTime) this.#state = "answering";
    else this.stop();
  }

  /** All replies are written. */
  drained(): void {
    if (this.#state !== "answering") return;
    this.#state = "armed";
    this.#timer = this.#clock.after(ONE_SHOT_CLOSE_MS, () => this.#client.drop());
  }

  /** The rule is over; the connection may be too. */
  stop(): void {
    this.#state = "over";
    this.#timer?.cancel();
    this.#timer = null;
  }
}
