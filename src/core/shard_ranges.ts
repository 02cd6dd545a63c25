/**
 * Shards are contiguous ranges of slots whose sizes differ by at most one. The range follows from the shard's
 * number and the count of shards alone, so that no table of it has to be kept or agreed on.
 *
 *     shard of slot s = floor(s × shardCount ÷ 16,384)
 *     first slot of shard i = ceil(i × 16,384 ÷ shardCount)
 */
import { SLOT_COUNT } from "./limits.ts";

/** First and last slot of a shard, both inclusive. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** The shard that `slot` belongs to. */
export function shardOfSlot(slot: number, shardCount: number): number {
  return Math.floor(slot * shardCount / SLOT_COUNT);
}

/** The slots of `shard`. */
export function slotRangeOf(shard: number, shardCount: number): SlotRange {
  return {
    first: Math.ceil(shard * SLOT_COUNT / shardCount),
    last: Math.ceil((shard + 1) * SLOT_COUNT / shardCount) - 1,
  };
}
