/** Lets promises run on, without real time. */
import type { FakeClock } from "./fake_clock.ts";

/** Lets every promise that can settle without I/O do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 400; turn++) await Promise.resolve();
}

/** Moves time on by `ms`, with all that this sets off. */
export async function advance(clock: FakeClock, ms: number): Promise<void> {
  await settle();
  clock.advance(ms);
  await settle();
}
