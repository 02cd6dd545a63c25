/**
 * Log lines for what should not happen: a bug that one client's request has met, an error that nobody expected. Whoever
 * can cause one can cause a million: a few lines a second are written, and the others are counted.
 */
import type { Clock } from "../core/clock.ts";
import { stackOf } from "../core/errors.ts";
import { FAULT_LINES_PER_SECOND } from "../core/limits.ts";
import type { LogFields, Logger } from "../core/logger.ts";

const SECOND_MS = 1_000;

export class FaultLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #sinceMs = -Infinity;
  #lineCount = 0;
  #unwrittenCount = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Says that `error` was met, and what was done about it. */
  report(message: string, error: unknown, fields: LogFields = {}): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sinceMs >= SECOND_MS) {
      this.#sinceMs = nowMs;
      this.#lineCount = 0;
    }
    if (this.#lineCount === FAULT_LINES_PER_SECOND) {
      this.#unwrittenCount++;
      return;
    }
    this.#lineCount++;
    const unwritten = this.#unwrittenCount === 0 ? {} : { notLogged: this.#unwrittenCount };
    this.#unwrittenCount = 0;
    this.#logger.error(message, { ...fields, cause: stackOf(error), ...unwritten });
  }
}
