/** When a dump pauses, and when it goes on. */
import { assertEquals } from "@std/assert";
import { DUMP_PAUSE_MS } from "../../src/core/limits.ts";
import { DumpPace } from "../../src/node/dump_pace.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/settle.ts";

/** A dump's pace, and the node beside it. */
class PacedDump {
  readonly clock = new FakeClock();
  readonly pace: DumpPace;
  servedCount = 7;
  /** Steps that may have been made. */
  stepCount = 0;

  constructor({ isHurried }: { isHurried: boolean }) {
    this.pace = new DumpPace({ clock: this.clock, servedCount: () => this.servedCount, isHurried });
  }

  /** The end of a step beside which `servedCount` requests were run. */
  async stepEnds(servedCount: number): Promise<void> {
    this.servedCount += servedCount;
    this.pace.nextStep().then(() => this.stepCount++);
    await settle();
  }
}

Deno.test("On an idle node a dump never pauses", async () => {
  const dump = new PacedDump({ isHurried: false });
  for (let step = 1; step <= 3; step++) {
    await dump.stepEnds(0);
    assertEquals([dump.stepCount, dump.clock.timerCount], [step, 0]);
  }
});

Deno.test("Each step beside which requests were run is followed by one pause", async () => {
  const dump = new PacedDump({ isHurried: false });
  for (let step = 1; step <= 3; step++) {
    await dump.stepEnds(step);
    dump.clock.advance(DUMP_PAUSE_MS - 0.01);
    await settle();
    assertEquals(dump.stepCount, step - 1);
    dump.clock.advance(0.01);
    await settle();
    assertEquals(dump.stepCount, step);
  }
  await dump.stepEnds(0);
  assertEquals(dump.stepCount, 4);
});

Deno.test("A dump that somebody waits for does not pause, whoever is served", async () => {
  const dump = new PacedDump({ isHurried: true });
  await dump.stepEnds(100);
  assertEquals(dump.stepCount, 1);
});

Deno.test("A dump that is hurried ends its pause at once, and makes no further one", async () => {
  const dump = new PacedDump({ isHurried: false });
  await dump.stepEnds(1);
  assertEquals(dump.stepCount, 0);
  dump.pace.hurry();
  await settle();
  assertEquals([dump.stepCount, dump.clock.timerCount], [1, 0]);
  await dump.stepEnds(1);
  assertEquals(dump.stepCount, 2);
});
