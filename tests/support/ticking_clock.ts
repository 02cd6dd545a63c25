/** A clock on which each look takes a while, so that what is done in steps takes many, and the steps can be counted. */
import { FakeClock } from "./fake_clock.ts";
import { settle } from "./settle.ts";

const LOOK_MS = 0.2;

export class TickingClock extends FakeClock {
  /** Turns of the event loop that were waited for. */
  turns = 0;
  #lookedMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + (this.#lookedMs += LOOK_MS);
  }

  /** Lets time go on until nothing waits for it any more. */
  async runAll(): Promise<void> {
    await settle();
    while (this.timerCount > 0) {
      this.turns++;
      this.advance(0);
      await settle();
    }
  }
}
