/**
 * How long the servers were ready to run and had no processor: on a machine that others keep busy, so long are also
 * their clients without an answer. Linux tells it of each process; elsewhere nothing is noted.
 */
import { sleep } from "../support/random_choice.ts";
import type { Record } from "./record.ts";

const LOOK_MS = 25;
/** Processes come and go seldom. */
const LOOKS_PER_LIST = 20;

/** Notes in `record` how long that process had to wait which waited most, look by look. */
export async function watchProcessorWaits(
  pids: () => readonly number[],
  record: Record,
  stop: AbortSignal,
): Promise<void> {
  let waited = new Map<number, number>();
  let watched: readonly number[] = [];
  for (let look = 0; !stop.aborted; look++) {
    if (look % LOOKS_PER_LIST === 0) watched = pids();
    const now = new Map(watched.map((pid) => [pid, waitedMs(pid)]));
    const most = Math.max(0, ...[...now].map(([pid, ms]) => ms - (waited.get(pid) ?? ms)));
    record.processorWaits.push({ atMs: performance.now(), ms: most });
    waited = now;
    await sleep(LOOK_MS);
  }
}

/** How long the main thread of a process has waited for a processor in all its life; 0 when that is not told. */
function waitedMs(pid: number): number {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}
