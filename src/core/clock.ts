/** Time, passed in: the same code runs on the machine's clock and on a test's. */

/** A pending call of {@linkcode Clock.after} or {@linkcode Clock.every}. */
export interface Timer {
  /** Calls it off; harmless when it already ran. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970, as deadlines of keys are counted. May jump. */
  nowMs(): number;
  /** Milliseconds since some fixed point, never going back: for measuring and time-outs. */
  monotonicMs(): number;
  /** Calls `run` once, `delayMs` from now. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` every `periodMs`. Does not keep the process alive. */
  every(periodMs: number, run: () => void): Timer;
}

/** Resolves `delayMs` from now. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve));
}
