/** What may come next in a shard's history, and what becomes of it across restarts. */
import { assertEquals, assertRejects } from "@std/assert";
import { RefusalError } from "../../src/core/errors.ts";
import { EPOCH_STARTS_MAX } from "../../src/core/limits.ts";
import {
  KIND_BEGIN_ANEW,
  KIND_BEGIN_EPOCH,
  KIND_FILL,
  KIND_FILLED,
  KIND_SET,
} from "../../src/core/mutation.ts";
import { ShardHistory } from "../../src/persistence/shard_history.ts";
import { mutationOf } from "../support/mutations.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { TestNode } from "./test_node.ts";

/** What a history that stands at (3, 10) says to a mutation; and it is unchanged when that may not come. */
function findingOf(kind: number, epoch: number, sequence: number): string {
  const starts = [{ epoch: 1, firstSequence: 1 }, { epoch: 3, firstSequence: 7 }];
  const history = new ShardHistory(3, 10, starts);
  const finding = history.follow(mutationOf({ kind, epoch, sequence }));
  if (finding !== "good record") {
    assertEquals([history.epoch, history.sequence, history.starts], [3, 10, starts]);
    return finding;
  }
  const { epoch: newest, firstSequence } = history.starts.at(-1)!;
  return `${history.epoch},${history.sequence} of ${history.starts.length}, newest ${newest} from ${firstSequence}`;
}

Deno.test("A history goes on without a gap, in the same or a newer epoch, and no epoch comes back", () => {
  const cases: [number, number, number, string][] = [
    [KIND_SET, 3, 11, "3,11 of 2, newest 3 from 7"],
    [KIND_SET, 5, 11, "5,11 of 3, newest 5 from 11"],
    [KIND_SET, 3, 10, "gap in a shard's sequence"],
    [KIND_SET, 3, 12, "gap in a shard's sequence"],
    [KIND_SET, 2, 11, "older epoch"],
    [KIND_BEGIN_EPOCH, 4, 10, "4,10 of 3, newest 4 from 11"],
    [KIND_BEGIN_EPOCH, 3, 10, "older epoch"],
    [KIND_BEGIN_EPOCH, 2, 10, "older epoch"],
    [KIND_BEGIN_EPOCH, 4, 9, "gap in a shard's sequence"],
    [KIND_BEGIN_EPOCH, 4, 11, "gap in a shard's sequence"],
    [KIND_BEGIN_ANEW, 3, 10, "3,10 of 1, newest 3 from 11"],
    [KIND_BEGIN_ANEW, 4, 90, "4,90 of 1, newest 4 from 91"],
    [KIND_BEGIN_ANEW, 3, 0, "3,0 of 1, newest 3 from 1"],
    [KIND_BEGIN_ANEW, 2, 90, "older epoch"],
    [KIND_FILL, 3, 10, "gap in a shard's sequence"],
    [KIND_FILLED, 3, 10, "gap in a shard's sequence"],
  ];
  for (const [kind, epoch, sequence, expected] of cases) {
    assertEquals(findingOf(kind, epoch, sequence), expected, `${kind} at ${epoch},${sequence}`);
  }
});

Deno.test("A copy that begins anew is filling, at its own place only, until it is filled", () => {
  const history = new ShardHistory(3, 10, [{ epoch: 1, firstSequence: 1 }]);
  const says = (kind: number, epoch: number, sequence: number) => {
    const finding = history.follow(mutationOf({ kind, epoch, sequence }));
    return [finding, history.sequence, history.isFilling];
  };
  const gap = "gap in a shard's sequence";
  assertEquals(says(KIND_BEGIN_ANEW, 3, 20), ["good record", 20, true]);
  assertEquals(says(KIND_FILL, 3, 20), ["good record", 20, true]);
  assertEquals(says(KIND_SET, 3, 21), ["good record", 21, true]);
  assertEquals(says(KIND_FILL, 3, 20), [gap, 21, true]);
  assertEquals(says(KIND_FILLED, 4, 21), [gap, 21, true]);
  assertEquals(says(KIND_FILL, 2, 21), ["older epoch", 21, true]);
  assertEquals(says(KIND_FILLED, 3, 21), ["good record", 21, false]);
  assertEquals(says(KIND_FILLED, 3, 21), [gap, 21, false]);
  assertEquals(says(KIND_SET, 3, 22), ["good record", 22, false]);
});

Deno.test("A history knows where its newest epochs began, and forgets the oldest beyond a bound", () => {
  const history = new ShardHistory();
  for (let epoch = 1; epoch <= EPOCH_STARTS_MAX + 5; epoch++) {
    history.follow(mutationOf({ epoch, sequence: epoch }));
  }
  assertEquals(history.starts.length, EPOCH_STARTS_MAX);
  assertEquals([history.starts[0], history.starts.at(-1)], [
    { epoch: 6, firstSequence: 6 },
    { epoch: EPOCH_STARTS_MAX + 5, firstSequence: EPOCH_STARTS_MAX + 5 },
  ]);
});

Deno.test("A shard's history comes back from the log, and from a dump and the log behind it", async () => {
  const disk = new SimulatedDisk();
  let node = await TestNode.start(disk);
  node.set(0, "a", "1");
  node.beginEpoch(0, 2);
  node.set(0, "b", "2");
  await node.commit();
  const starts = [{ epoch: 1, firstSequence: 1 }, { epoch: 2, firstSequence: 2 }];
  disk.losePower();
  node = await TestNode.start(disk);
  assertEquals(node.historyOf(0), new ShardHistory(2, 2, starts));
  await node.dump();
  node.beginEpoch(0, 4);
  await node.commit();
  disk.losePower();
  node = await TestNode.start(disk);
  assertEquals(node.historyOf(0), new ShardHistory(4, 2, [...starts, { epoch: 4, firstSequence: 3 }]));
  await node.stop();
});

Deno.test("A copy that began anew holds only what came after, at the place where it began", async () => {
  const disk = new SimulatedDisk();
  let node = await TestNode.start(disk);
  for (const shard of [0, 1]) node.set(shard, "a", "1");
  node.beginAnew(0, 3, 700);
  node.set(0, "b", "2");
  await node.commit();
  for (const withDump of [false, true]) {
    disk.losePower();
    node = await TestNode.start(disk);
    assertEquals(node.model.content(), { "0/b": "2@0", "1/a": "1@0" });
    const starts = [{ epoch: 3, firstSequence: 701 }];
    assertEquals(node.historyOf(0), new ShardHistory(3, 701, starts, true));
    if (!withDump) await node.dump();
  }
  await node.stop();
});

Deno.test("A copy that is filling is so after a restart, from the log or a dump, and whole once it is filled", async () => {
  const disk = new SimulatedDisk();
  let node = await TestNode.start(disk);
  node.set(0, "old", "1");
  node.beginAnew(0, 3, 700);
  node.fill(0, "a", "1", 99);
  node.set(0, "b", "2");
  node.fill(0, "c", "3");
  await node.commit();
  for (const withDump of [false, true]) {
    disk.losePower();
    node = await TestNode.start(disk);
    assertEquals(node.model.content(), { "0/a": "1@99", "0/b": "2@0", "0/c": "3@0" });
    assertEquals([node.sequenceOf(0), node.historyOf(0).isFilling], [701, true]);
    if (!withDump) await node.dump();
  }
  node.filled(0);
  await node.commit();
  disk.losePower();
  node = await TestNode.start(disk);
  assertEquals([node.sequenceOf(0), node.historyOf(0).isFilling], [701, false]);
  await node.stop();
});

Deno.test("Recovery refuses an epoch that begins after a mutation that is not the newest", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk);
  node.set(0, "a", "1");
  node.log.append(mutationOf({ kind: KIND_BEGIN_EPOCH, epoch: 2, sequence: 2 }));
  await node.commit();
  disk.losePower();
  await assertRejects(() => TestNode.start(disk), RefusalError, "gap in a shard's sequence");
});
