/**
 * Where a copy stands, as its node tells the primary's, and what that means for the stream between them.
 *
 *     ROUNDEL PLACE <shard> <epoch>    → {"epoch","sequence","starts":[[epoch,firstSequence],…],"isFilling"}, or
 *                                        -STALE <epoch>: one is known that is newer, or in which no copy here follows
 *
 * The answer leaves once what the copy has is as durable as its policy asks: so it acknowledges everything up to there.
 */
import { parseFields } from "../core/json_fields.ts";
import type { ShardHistory } from "../persistence/shard_history.ts";

/** How the error reply to a primary begins that is none any more. */
export const STALE = "STALE";

/** Of the mutation that came last. */
export interface Place {
  readonly epoch: number;
  readonly sequence: number;
}

export function placeJson({ epoch, sequence, starts, isFilling }: ShardHistory): string {
  const pairs = starts.map((start) => [start.epoch, start.firstSequence]);
  return JSON.stringify({ epoch, sequence, starts: pairs, isFilling });
}

/** Inverse of {@linkcode placeJson}, but for what a primary does not need. Throws where it is something else. */
export function parsePlace(json: string): Place & { readonly isFilling: boolean } {
  const fields = parseFields(json, (what) => new Error(`it tells no place: ${what}`));
  return {
    epoch: fields.integer("epoch"),
    sequence: fields.integer("sequence"),
    isFilling: fields.boolean("isFilling"),
  };
}

/**
 * Whether a copy that stands at `place` has the same history as `history` up to there, so that it needs only what came
 * later. The same epoch at the same sequence means the same history, and an epoch reaches to where the next one began.
 */
export function isWithin(history: ShardHistory, place: Place): boolean {
  const { starts } = history;
  // Of a copy that has nothing all is yet to come; but what came before a copy began anew is none of its history.
  if (place.epoch === 0) return place.sequence === 0 && (starts[0]?.firstSequence ?? 1) <= 1;
  const index = starts.findIndex((start) => start.epoch === place.epoch);
  if (index < 0) return false;
  const end = index + 1 < starts.length ? starts[index + 1]!.firstSequence - 1 : history.sequence;
  return place.sequence >= starts[index]!.firstSequence - 1 && place.sequence <= end;
}
