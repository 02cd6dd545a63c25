/** When a sync is done at once, and when through a thread. */
import { assert, assertEquals } from "@std/assert";
import { SyncPace } from "../../src/io/sync_pace.ts";

const SMALL = 4000;
const LATER_MS = 1_000_000_000;

function paceOf(...times: number[]): SyncPace {
  const pace = new SyncPace();
  for (const ms of times) pace.took(SMALL, ms, 0);
  return pace;
}

const QUICK = new Array(40).fill(0.2);

Deno.test("Small syncs are done at once when the disk has shown that it is quick", () => {
  assertEquals(new SyncPace().isAtOnce(SMALL, 0), false);
  assertEquals(paceOf(...QUICK).isAtOnce(SMALL, 0), true);
  assertEquals(paceOf(8, 8, 8, 8, 8).isAtOnce(SMALL, LATER_MS), false);
});

Deno.test("After a slow sync a thousand times as long goes by before one is done at once again", () => {
  const pace = paceOf(...QUICK, 25, ...QUICK);
  assertEquals([pace.isAtOnce(SMALL, 24_999), pace.isAtOnce(SMALL, 25_000)], [false, true]);
});

Deno.test("After a few syncs that take some milliseconds, as on a busy processor, they are soon done at once again", () => {
  assertEquals(paceOf(...QUICK, 8, 3).isAtOnce(SMALL, 0), false);
  assertEquals(paceOf(...QUICK, 8, 3, ...QUICK).isAtOnce(SMALL, 0), true);
});

Deno.test("Slow syncs hold the loop for a thousandth of the time, however often they come", () => {
  const pace = paceOf(...QUICK);
  let nowMs = 0;
  let heldMs = 0;
  while (nowMs < 100_000) {
    // One in fifty is slow.
    for (let i = 0; i < 50; i++) {
      const ms = i === 49 ? 30 : 0.2;
      if (pace.isAtOnce(SMALL, nowMs) && ms === 30) heldMs += ms;
      nowMs += ms;
      pace.took(SMALL, ms, nowMs);
    }
  }
  assert(heldMs <= 30 + nowMs / 1_000, `${heldMs} of ${nowMs}`);
});

Deno.test("A disk that was once seen to stall never holds the loop again", () => {
  assertEquals(paceOf(...QUICK, 4_000, ...QUICK).isAtOnce(SMALL, LATER_MS), false);
});

Deno.test("A large sync is never done at once, and does not count for small ones", () => {
  const pace = paceOf(...QUICK);
  pace.took(10_000_000, 200, 0);
  assertEquals([pace.isAtOnce(10_000_000, 0), pace.isAtOnce(SMALL, 0)], [false, true]);
});

Deno.test("While a large file is written or freed no sync is done at once or counts, also when that fails", async () => {
  const pace = paceOf(...QUICK);
  const { promise, reject } = Promise.withResolvers<void>();
  const writing = pace.duringBulk(() => promise).catch(() => "failed");
  pace.took(SMALL, 200, 0);
  assertEquals(pace.isAtOnce(SMALL, 0), false);
  reject(new Error("disk full"));
  assertEquals([await writing, pace.isAtOnce(SMALL, 0)], ["failed", true]);
});
