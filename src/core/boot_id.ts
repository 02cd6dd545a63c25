/**
 * Which start of the machine a process belongs to: the kernel's own id of it, or, where a process is not let to know that,
 * `since <time>`, when the machine was started as far as its clocks say.
 */

const SINCE = "since ";
/** Clocks are read to the second, one after the other. A machine is not restarted within so little time. */
const SAME_START_MS_MAX = 3_000;

/** The id of a machine that was started at `startedMs`, milliseconds since 1970. */
export function bootIdSince(startedMs: number): string {
  return SINCE + new Date(startedMs).toISOString();
}

/** Whether the machine was restarted between `before` and `now`. What cannot be compared says nothing. */
export function wasRestarted(before: string | null, now: string | null): boolean {
  if (before === null || now === null) return false;
  if (!before.startsWith(SINCE) && !now.startsWith(SINCE)) return before !== now;
  const difference = Math.abs(startOf(before) - startOf(now));
  return difference > SAME_START_MS_MAX;
}

function startOf(bootId: string): number {
  return bootId.startsWith(SINCE) ? Date.parse(bootId.slice(SINCE.length)) : NaN;
}
