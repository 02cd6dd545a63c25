/** The machine's clock and its random numbers. */
import type { Clock, Timer } from "../core/clock.ts";
import type { Random } from "../core/random.ts";

export class DenoClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, run: () => void): Timer {
    const id = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(id) };
  }

  every(periodMs: number, run: () => void): Timer {
    const id = setInterval(run, periodMs);
    Deno.unrefTimer(id);
    return { cancel: () => clearInterval(id) };
  }
}

/** Unpredictable numbers of the system, drawn a block at a time. */
export class SystemRandom implements Random {
  readonly #block = new Uint32Array(64);
  #used = this.#block.length;

  u32(): number {
    if (this.#used === this.#block.length) {
      crypto.getRandomValues(this.#block);
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }
}
