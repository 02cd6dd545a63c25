/** A cursor follows a log while it grows, rolls over and is removed behind it. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { textOf } from "../../src/core/bytes.ts";
import { LOG_RETAINED_BYTES_MAX, MIB } from "../../src/core/limits.ts";
import { randomBelow } from "../../src/core/random.ts";
import type { LogCursor } from "../../src/persistence/log_cursor.ts";
import { LogHolds } from "../../src/persistence/log_holds.ts";
import { assertProperty } from "../support/property.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { FIRST_SEGMENT, settle, TestNode } from "./test_node.ts";

/** What a cursor has read, as `shard:sequence key`; goes on until the log is closed or the cursor has lost its place. */
class Follower {
  readonly cursor: LogCursor;
  readonly read: string[] = [];
  end = "";
  readonly done: Promise<void>;

  constructor(node: TestNode, position = 0) {
    this.cursor = node.log.follow(position);
    this.done = this.#follow();
  }

  async #follow(): Promise<void> {
    do this.take(); while ((this.end = await this.cursor.fill()) === "records");
  }

  take(): void {
    const { cursor } = this;
    while (cursor.next()) {
      const { shard, sequence, keyBytes, keyStart, keyEnd } = cursor.mutation;
      this.read.push(`${shard}:${sequence} ${textOf(keyBytes, keyStart, keyEnd)}`);
    }
  }
}

Deno.test("A cursor reads every record that is committed, in order, and none that is not, while the log grows", async () => {
  await assertProperty(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = new SeededRandom(seed);
      const node = await TestNode.start(new SimulatedDisk());
      const follower = new Follower(node);
      const written: string[] = [];
      const committed: { readonly position: number; readonly count: number }[] = [{ position: 0, count: 0 }];
      for (let step = 0; step < 40; step++) {
        for (let i = randomBelow(random, 4); i > 0; i--) {
          const shard = randomBelow(random, 2);
          node.set(shard, `k${step}`, "v".repeat(randomBelow(random, 8) === 0 ? 100_000 : 10));
          written.push(`${shard}:${node.sequenceOf(shard)} k${step}`);
        }
        node.log.endRequest();
        committed.push({ position: node.log.appended, count: written.length });
        for (let turns = randomBelow(random, 20); turns > 0; turns--) await Promise.resolve();
        const reached = committed.findLast(({ position }) => position <= node.log.committedPosition)!;
        assert(follower.read.length <= reached.count, "nothing is read before it is committed");
      }
      await node.commit();
      await settle();
      assertEquals(follower.read, written);
      await node.stop();
      await follower.done;
      assertEquals([follower.end, follower.cursor.position], ["closed", node.log.committedPosition]);
      follower.cursor.close();
    }),
    { numRuns: 30 },
  );
});

Deno.test("A cursor goes on across segments, and through frames longer than what it reads at a time", async () => {
  const node = await TestNode.start(new SimulatedDisk(), { policy: "no" });
  const follower = new Follower(node);
  for (let i = 0; i < 5; i++) {
    node.set(0, `k${i}`, "x".repeat(20 * MIB));
    await node.commit();
  }
  assertEquals(node.log.segmentCount, 2);
  await settle();
  await node.stop();
  await follower.done;
  assertEquals(follower.read, [1, 2, 3, 4, 5].map((sequence) => `0:${sequence} k${sequence - 1}`));
  follower.cursor.close();
});

Deno.test("A log keeps the segments that a follower has not read, and lets them go once it has, or has left", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "no" });
  const behind = node.log.follow(0);
  for (let i = 0; i < 5; i++) node.set(0, `k${i}`, "x".repeat(20 * MIB));
  await node.commit();
  await node.log.removeBefore(node.log.appended);
  assert(disk.paths.includes(FIRST_SEGMENT));
  while (behind.position < 70 * MIB) {
    while (behind.next());
    assertEquals(await behind.fill(), "records");
  }
  await node.log.removeBefore(node.log.appended);
  assert(!disk.paths.includes(FIRST_SEGMENT));
  const gone = node.log.follow(0);
  assertEquals(await gone.fill(), "lost");
  for (const cursor of [behind, gone]) cursor.close();
  await node.stop();
});

Deno.test("A follower that is further behind than the log may keep loses its hold, and the others do not", () => {
  const holds = new LogHolds();
  const end = LOG_RETAINED_BYTES_MAX + 1_000;
  const [stuck, slow, near] = [999, 1_000, 5_000].map((position) => holds.hold(position));
  assertEquals(holds.removableBefore(9_000, end), 1_000);
  assertEquals([stuck, slow, near].map((hold) => hold!.isLost), [true, false, false]);
  slow!.position = 7_000;
  assertEquals(holds.removableBefore(9_000, end), 5_000);
  near!.release();
  assertEquals(holds.removableBefore(9_000, end), 7_000);
  assertEquals(holds.removableBefore(6_000, end), 6_000);
});
