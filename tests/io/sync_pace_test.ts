/** When a sync is done at once, and when through a thread. */
import { assertEquals } from "@std/assert";
import { SyncPace } from "../../src/io/sync_pace.ts";

const SMALL = 4000;

function paceOf(...times: number[]): SyncPace {
  const pace = new SyncPace();
  for (const ms of times) pace.took(SMALL, ms);
  return pace;
}

Deno.test("Small syncs are done at once when the disk has shown that it is quick", () => {
  assertEquals(new SyncPace().isAtOnce(SMALL), false);
  assertEquals(paceOf(0.2, 0.2, 0.2, 0.2, 0.2).isAtOnce(SMALL), true);
  assertEquals(paceOf(8, 8, 8, 8, 8).isAtOnce(SMALL), false);
});

Deno.test("One slow sync sends the next ones to a thread, and a run of quick ones brings them back", () => {
  const pace = paceOf(...new Array(20).fill(0.2), 25);
  assertEquals(pace.isAtOnce(SMALL), false);
  for (let i = 0; i < 20; i++) pace.took(SMALL, 0.2);
  assertEquals(pace.isAtOnce(SMALL), true);
});

Deno.test("A large sync is never done at once, and does not count for small ones", () => {
  const pace = paceOf(...new Array(20).fill(0.2));
  pace.took(10_000_000, 100);
  assertEquals([pace.isAtOnce(10_000_000), pace.isAtOnce(SMALL)], [false, true]);
});

Deno.test("While a large file is written no sync is done at once, also when that write fails", async () => {
  const pace = paceOf(...new Array(20).fill(0.2));
  const { promise, reject } = Promise.withResolvers<void>();
  const writing = pace.duringBulkWrite(() => promise).catch(() => "failed");
  assertEquals(pace.isAtOnce(SMALL), false);
  reject(new Error("disk full"));
  assertEquals([await writing, pace.isAtOnce(SMALL)], ["failed", true]);
});
