import { assertEquals } from "@std/assert";
import { LEASE_MS } from "../../src/core/limits.ts";
import { NodeTime } from "../../src/node/node_time.ts";
import { FakeClock } from "../support/fake_clock.ts";

Deno.test("A node's time is the machine's, and stands back for nobody who is behind", () => {
  const clock = new FakeClock(1_000);
  const time = new NodeTime(clock);
  assertEquals(time.nowMs(), 1_000);
  clock.advance(50);
  time.goOnFrom(900, clock.monotonicMs());
  assertEquals(time.nowMs(), 1_050);
  clock.jumpTo(5_000);
  assertEquals(time.nowMs(), 5_000);
});

Deno.test("A clock that is set back holds time up to half its speed until it has caught up", () => {
  const clock = new FakeClock(10_000);
  const time = new NodeTime(clock);
  time.nowMs();
  clock.jumpTo(9_000);
  assertEquals(time.nowMs(), 10_000);
  clock.advance(3);
  assertEquals(time.nowMs(), 10_001);
  clock.advance(1);
  assertEquals(time.nowMs(), 10_002);
  clock.advance(1_000);
  assertEquals(time.nowMs(), 10_502);
  clock.advance(996);
  assertEquals([time.nowMs(), clock.nowMs()], [11_000, 11_000]);
  clock.advance(10);
  assertEquals(time.nowMs(), 11_010);
});

Deno.test("Time heard of elsewhere goes on at full speed for as long as a lease, then at half", () => {
  const clock = new FakeClock(1_000);
  const time = new NodeTime(clock);
  const heardAtMs = clock.monotonicMs();
  clock.advance(300);
  time.goOnFrom(100_000, heardAtMs);
  assertEquals(time.nowMs(), 100_300);
  clock.advance(LEASE_MS - 200);
  assertEquals(time.nowMs(), 100_000 + LEASE_MS + 50);
  // Older than that, which tells nothing.
  time.goOnFrom(99_000, clock.monotonicMs());
  assertEquals(time.nowMs(), 100_000 + LEASE_MS + 50);
  clock.advance(100);
  assertEquals(time.nowMs(), 100_000 + LEASE_MS + 150);
  clock.advance(2_000);
  assertEquals(time.nowMs() < 100_000 + LEASE_MS + 2_000, true);
});
