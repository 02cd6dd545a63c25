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

/** `shards`, whose numbers are in their order, for people: `0, 3-5`. */
export function shardListText(shards: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const shard of shards) {
    const range = ranges.at(-1);
    if (range?.[1] === shard - 1) range[1] = shard;
    else ranges.push([shard, shard]);
  }
  return ranges.map(([first, last]) => first === last ? `${first}` : `${first}-${last}`).join(", ");
}
