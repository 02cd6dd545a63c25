/** Work of one request that may take long, done in steps between which everybody else is served. */
import { type Clock, sleep } from "./clock.ts";
import { REQUEST_STEP_MS } from "./limits.ts";

/**
 * Calls `advance`, which does some microseconds' worth and returns whether that was the last, until it is. What is
 * longer than a step of `REQUEST_STEP_MS` goes on in later turns of the event loop: then a promise is returned, which
 * rejects with what `advance` throws.
 */
export function inSteps(clock: Clock, advance: () => boolean): Promise<void> | undefined {
  return isDoneInStep(clock, advance) ? undefined : goOn(clock, advance);
}

async function goOn(clock: Clock, advance: () => boolean): Promise<void> {
  do await sleep(clock, 0); while (!isDoneInStep(clock, advance));
}

function isDoneInStep(clock: Clock, advance: () => boolean): boolean {
  const endMs = clock.monotonicMs() + REQUEST_STEP_MS;
  do if (advance()) return true; while (clock.monotonicMs() < endMs);
  return false;
}
