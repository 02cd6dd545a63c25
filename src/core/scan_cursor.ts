/**
 * The cursor of SCAN, for nodes and balancer alike: a shard, and a place in hash order (key_hash.ts) before which all of
 * the shard's keys were seen. It means the same at every copy of the shard, however large the copy's index is, and after
 * a restart. 0 is both the beginning and the end of a scan.
 *
 *     cursor = (shard + 1) × 2³² + place
 */
import { assert } from "./assert.ts";
import { HASH_PLACE_COUNT } from "./key_hash.ts";
import { NODE_COUNT_MAX, SHARD_COUNT_MAX } from "./limits.ts";

assert(
  (Math.max(SHARD_COUNT_MAX, NODE_COUNT_MAX) + 1) * HASH_PLACE_COUNT < 2 ** 53,
  "a SCAN cursor is exact",
);

export function scanCursor(shard: number, place: number): number {
  return (shard + 1) * HASH_PLACE_COUNT + place;
}

/** Shard of a cursor that is not 0; −1 when nobody gave it out. */
export function shardOfCursor(cursor: number): number {
  return Math.floor(cursor / HASH_PLACE_COUNT) - 1;
}

export function placeOfCursor(cursor: number): number {
  return cursor % HASH_PLACE_COUNT;
}
