/** Where to look in the log for what comes behind a place in a shard's history. */
import { assert, assertEquals } from "@std/assert";
import { LOG_INDEX_ENTRIES_MAX, LOG_INDEX_STEP_BYTES } from "../../src/core/limits.ts";
import { LogIndex } from "../../src/replication/log_index.ts";

Deno.test("What comes behind a sequence lies behind where the index says, and mostly not far", () => {
  const log = { committedPosition: 0, beginning: 0 };
  const index = new LogIndex(log);
  const recordBytes = LOG_INDEX_STEP_BYTES / 4;
  const count = 8 * LOG_INDEX_ENTRIES_MAX;
  for (let sequence = 1; sequence <= count; sequence++) {
    log.committedPosition = (sequence - 1) * recordBytes;
    index.note(3, sequence);
  }
  for (let sequence = 0; sequence <= count; sequence += 7) {
    const from = index.before(3, sequence);
    const begins = sequence * recordBytes;
    assert(from <= begins && begins - from <= 5 * LOG_INDEX_STEP_BYTES, `${from} for ${begins}`);
  }
  assertEquals(index.before(2, 5), 0);
  log.beginning = 1_000;
  assertEquals([index.before(2, 5), index.before(3, 1)], [1_000, 1_000]);
  index.forget(3);
  assertEquals(index.before(3, count), 1_000);
});
