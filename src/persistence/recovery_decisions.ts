/**
 * What a start does with what it finds: one table, nothing decided elsewhere. A test walks it row by row.
 *
 * The rule behind it: only what a crash can leave behind by itself is tidied up; all else is damage, or somebody
 * else's data, and is left alone for a person to look at.
 */
import { assert, AssertionError } from "../core/assert.ts";
import { RefusalError } from "../core/errors.ts";

export type Place = "data folder" | "dump" | "earlier segment" | "last segment";

/**
 * - `apply`: take it in. `create`: make a new log and identity. `pass`: nothing was ever there.
 * - `cut`: a crash while writing left it; nobody was told that it was there. Remove it and go on, with a warning.
 * - `refuse`: do not start, change nothing.
 */
export type Decision = "apply" | "create" | "pass" | "cut" | "refuse";

interface Row {
  readonly place: Place;
  readonly found: string;
  readonly decision: Decision;
  /** What a person can do; of refusals. */
  readonly advice?: string;
}

const RESTORE = "Restore the data folder from a backup, or move its files away to start empty";
const RESTORE_DUMP =
  "Restore the dump from a backup; or, if the log still begins with segment 1, move the dump away";
const FOREIGN = "Give back the file to the node that it belongs to";
const UPGRADE = "Start the version of Roundel that wrote it";
const OLDER =
  "Start the version of Roundel that wrote it; or, if the log still begins with segment 1, move the dump away: " +
  "the log has everything";
const OLDER_LOG = "Start the version of Roundel that wrote it, or give this one a data folder of its own";
const GIVE_UP_END =
  "Restore the data folder from a backup; or, to give up what is missing, put into the node file " +
  '"newestSegment": 1 and "stoppedAt": null and start again';
const KEEP_BEGINNING =
  "Restore it from a backup; or, to give up everything from there on, keep a copy of the file, " +
  "cut it to that many bytes (truncate -s) and start again";

export const RECOVERY_DECISIONS = [
  { place: "data folder", found: "nothing", decision: "create" },
  { place: "data folder", found: "empty log without node file", decision: "create" },
  { place: "data folder", found: "log without node file", decision: "refuse", advice: RESTORE },
  { place: "data folder", found: "dump without node file", decision: "refuse", advice: RESTORE },
  { place: "data folder", found: "node file without log", decision: "refuse", advice: RESTORE },

  { place: "dump", found: "good frame", decision: "apply" },
  { place: "dump", found: "bad header", decision: "refuse", advice: RESTORE_DUMP },
  { place: "dump", found: "foreign file", decision: "refuse", advice: FOREIGN },
  { place: "dump", found: "older version", decision: "refuse", advice: OLDER },
  { place: "dump", found: "unknown version", decision: "refuse", advice: UPGRADE },
  { place: "dump", found: "bad frame", decision: "refuse", advice: RESTORE_DUMP },
  { place: "dump", found: "unknown entry", decision: "refuse", advice: UPGRADE },
  { place: "dump", found: "end missing", decision: "refuse", advice: RESTORE_DUMP },
  { place: "dump", found: "wrong count of entries", decision: "refuse", advice: RESTORE_DUMP },
  { place: "dump", found: "bytes behind the end", decision: "refuse", advice: RESTORE_DUMP },

  { place: "earlier segment", found: "good record", decision: "apply" },
  { place: "earlier segment", found: "zeros to the end", decision: "pass" },
  { place: "earlier segment", found: "missing segment", decision: "refuse", advice: RESTORE },
  { place: "earlier segment", found: "bad header", decision: "refuse", advice: RESTORE },
  { place: "earlier segment", found: "foreign file", decision: "refuse", advice: FOREIGN },
  { place: "earlier segment", found: "older version", decision: "refuse", advice: OLDER_LOG },
  { place: "earlier segment", found: "unknown version", decision: "refuse", advice: UPGRADE },
  { place: "earlier segment", found: "bad frame", decision: "refuse", advice: RESTORE },
  { place: "earlier segment", found: "unknown record", decision: "refuse", advice: UPGRADE },
  { place: "earlier segment", found: "end missing", decision: "refuse", advice: RESTORE },
  { place: "earlier segment", found: "gap in a shard's sequence", decision: "refuse", advice: RESTORE },
  { place: "earlier segment", found: "older epoch", decision: "refuse", advice: RESTORE },

  { place: "last segment", found: "good record", decision: "apply" },
  { place: "last segment", found: "zeros to the end", decision: "pass" },
  { place: "last segment", found: "bad header, no records", decision: "cut" },
  { place: "last segment", found: "bad header", decision: "refuse", advice: RESTORE },
  { place: "last segment", found: "foreign file", decision: "refuse", advice: FOREIGN },
  { place: "last segment", found: "older version", decision: "refuse", advice: OLDER_LOG },
  { place: "last segment", found: "unknown version", decision: "refuse", advice: UPGRADE },
  { place: "last segment", found: "torn frame", decision: "cut" },
  { place: "last segment", found: "incomplete request", decision: "cut" },
  { place: "last segment", found: "unknown record", decision: "refuse", advice: UPGRADE },
  { place: "last segment", found: "bad frame that was safe", decision: "refuse", advice: KEEP_BEGINNING },
  { place: "last segment", found: "end before the dump's position", decision: "refuse", advice: RESTORE },
  { place: "last segment", found: "newest segment missing", decision: "refuse", advice: GIVE_UP_END },
  { place: "last segment", found: "end before the stop in order", decision: "refuse", advice: GIVE_UP_END },
  { place: "last segment", found: "gap in a shard's sequence", decision: "refuse", advice: RESTORE },
  { place: "last segment", found: "older epoch", decision: "refuse", advice: RESTORE },
] as const satisfies readonly Row[];

export type Finding = typeof RECOVERY_DECISIONS[number]["found"];

/** What to do about `found`; where that is to refuse, throws the `RefusalError`. `at` names file and offset. */
export function decide(place: Place, found: Finding, at: string): Exclude<Decision, "refuse"> {
  const row: Row | undefined = RECOVERY_DECISIONS.find((row) => row.place === place && row.found === found);
  assert(row !== undefined, `the table says what to do about ${found} in the ${place}`);
  if (row.decision === "refuse") throw new RefusalError(`Cannot recover: ${at}: ${found}. ${row.advice}`);
  return row.decision;
}

/** As {@linkcode decide}, for what the table refuses. */
export function refuse(place: Place, found: Finding, at: string): never {
  const decision = decide(place, found, at);
  throw new AssertionError(`the table says ${decision}, not refuse, about ${found} in the ${place}`);
}
