/**
 * When a child that has ended is started again, decided from how it ended.
 *
 * | its life                                    | next                                                              |
 * |---------------------------------------------|-------------------------------------------------------------------|
 * | was ready                                   | at once, the first times; then after pauses that double           |
 * | ended before it was ready                   | after pauses that double                                          |
 * | was refused (3), or its flags were bad (2)  | never: what stops it cannot get well by itself                    |
 * | something it needs is held by another (4)   | after pauses that double, as long as an earlier run may take      |
 *
 * Whoever has served for `SETTLED_MS` begins anew.
 */
import { ExitCode } from "../io/start_failure.ts";

/** A child that was ready for this long had settled: whatever ended it, it can serve. */
export const SETTLED_MS = 1_000;
/** Ends in a row, each soon after it was ready, after which a child that was ready is not started at once any more. */
const AT_ONCE_COUNT = 3;
const RESTART_MS_MIN = 1_000;
const RESTART_MS_MAX = 30_000;
/** Tries for what another process holds: 1 + 2 + 4 + 8 + 16 seconds, where an earlier run stops within 15. */
const HELD_TRIES_MAX = 5;

export interface EndedLife {
  readonly exitCode: number;
  readonly wasReady: boolean;
  /** Ends in a row that came soon after the start, before this one. */
  readonly earlyEndCount: number;
}

/** The pause before the next start, in milliseconds; `null` when there is none. */
export function pauseAfter({ exitCode, wasReady, earlyEndCount }: EndedLife): number | null {
  const doubled = (times: number) => Math.min(RESTART_MS_MIN * 2 ** times, RESTART_MS_MAX);
  if (wasReady) return earlyEndCount < AT_ONCE_COUNT ? 0 : doubled(earlyEndCount - AT_ONCE_COUNT);
  if (exitCode === ExitCode.refused || exitCode === ExitCode.badFlags) return null;
  if (exitCode === ExitCode.held && earlyEndCount >= HELD_TRIES_MAX) return null;
  return doubled(earlyEndCount);
}
