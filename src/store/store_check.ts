/**
 * Looks through the whole of a store for anything that contradicts its invariants: for tests and simulations, which
 * call it after each step.
 */
import type { Arena } from "./arena.ts";
import type { Entries } from "./entries.ts";
import type { KeyIndex } from "./key_index.ts";
import type { LruList } from "./lru_list.ts";
import { assert } from "../core/assert.ts";
import { KEY_BYTES_MAX } from "../core/limits.ts";

export interface StoreParts {
  readonly arena: Arena;
  readonly entries: Entries;
  readonly index: KeyIndex;
  readonly order: LruList;
}

/** Throws `AssertionError` when the parts of a store contradict themselves or each other. */
export function checkStore({ arena, entries, index, order }: StoreParts): void {
  const key = new Uint8Array(KEY_BYTES_MAX);
  let count = 0;
  let liveCount = 0;
  let volatileCount = 0;
  for (let row = order.oldest, older = 0; row !== 0; older = row, row = order.newerOf(row)) {
    assert(order.olderOf(row) === older, "the LRU order is the same in both directions");
    assert(++count <= index.entryCount, "the LRU order has as many rows as there are entries");
    assert(arena.marks[row] !== 0, "an entry's head is marked");
    assert(arena.chainLength(row) === entries.blockCount(row), "a chain is as long as its entry needs");
    assert(
      entries.isRun(row) === arena.isRun(row, entries.blockCount(row)),
      "an entry knows how its blocks lie",
    );
    const keyLength = entries.keyLength(row);
    entries.copyKey(row, key, 0);
    assert(index.find(entries.hash(row), key, 0, keyLength) === row, "the index finds every entry");
    liveCount += entries.blockCount(row);
    if (entries.expiresAt(row) !== 0) volatileCount++;
  }
  assert(count === index.entryCount, "the LRU order has as many rows as there are entries");
  assert(volatileCount === entries.volatileCount, "entries with a deadline are counted");
  assert(liveCount === arena.liveCount, "live blocks are those of entries");
  assert(liveCount + arena.countFree() === arena.highBlock, "a block is live, free, or was never used");
  assert(arena.highBlock <= arena.residentCount, "a block that was used is resident");
  assert(arena.residentCount <= arena.blockCount, "a block is within what was reserved");
  assert(index.bucketCount <= arena.blockCount, "there are no more buckets than blocks");
  for (
    let row = arena.nextMarked(0, arena.highBlock);
    row !== 0;
    row = arena.nextMarked(row, arena.highBlock)
  ) {
    count--;
  }
  assert(count === 0, "only heads of entries are marked");
}
