/** What counts as a stall, and how often the monitor wakes the process. */
import { assertEquals } from "@std/assert";
import { LoopMonitor } from "../../src/node/loop_monitor.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A clock that counts how often a timer fired, and whose time may pass without any firing. */
class StallingClock extends FakeClock {
  fireCount = 0;
  heldMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.heldMs;
  }

  override every(periodMs: number, run: () => void) {
    return super.every(periodMs, () => {
      this.fireCount++;
      run();
    });
  }
}

Deno.test("A loop monitor notes by how much its timer was late, and counts what is long", () => {
  const clock = new StallingClock();
  const monitor = new LoopMonitor(clock, () => 0);
  clock.advance(10);
  assertEquals([monitor.stallMsMax, monitor.stallsOver5Ms, monitor.stallsOver20Ms], [0, 0, 0]);
  for (const stallMs of [4, 6, 21]) {
    clock.heldMs += stallMs;
    clock.advance(10);
  }
  assertEquals([monitor.stallMsMax, monitor.stallsOver5Ms, monitor.stallsOver20Ms], [21, 2, 1]);
  monitor.stop();
  assertEquals(clock.timerCount, 0);
});

Deno.test("A loop monitor seldom wakes a process that serves nobody, and is back with the first request", () => {
  const clock = new StallingClock();
  let servedCount = 0;
  const monitor = new LoopMonitor(clock, () => servedCount);
  const fires = (ms: number): number => {
    const before = clock.fireCount;
    clock.advance(ms);
    return clock.fireCount - before;
  };
  assertEquals(fires(1000), 1000);
  assertEquals(fires(1000), 50);
  servedCount++;
  fires(20);
  assertEquals(fires(500), 500);
  servedCount++;
  assertEquals(fires(900), 900);
  clock.heldMs += 7;
  fires(1);
  assertEquals([monitor.stallMsMax, monitor.stallsOver5Ms], [7, 1]);
  monitor.stop();
});
