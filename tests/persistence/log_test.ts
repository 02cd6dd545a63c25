/** The log's group commit under each policy, and its segments. */
import { assert, assertEquals } from "@std/assert";
import { EVERYSEC_SYNC_BYTES, EVERYSEC_SYNC_MS, KIB, MIB } from "../../src/core/limits.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { FIRST_SEGMENT, PATHS, SECOND_SEGMENT, settle, TestNode } from "./test_node.ts";

/** Restarts after a kill and returns what is there. */
async function contentAfterKill(disk: SimulatedDisk): Promise<Record<string, string>> {
  disk.killProcess();
  const node = await TestNode.start(disk);
  await node.stop();
  return node.model.content();
}

/** Segments and frames a hundred times smaller than they are. */
const SMALL = { segmentBytes: 640 * KIB, frameBytes: 640 };

Deno.test("A log that syncs always commits only what is synced, and gathers the next batch meanwhile", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk);
  disk.holdSyncs();
  const first = node.set(0, "a", "1");
  node.log.endRequest();
  await settle();
  assertEquals(node.log.committedPosition, 0);
  const syncsBefore = disk.syncCount;
  const writesBefore = disk.writeCount;
  const firstDone = node.log.whenCommitted(first);
  for (let i = 0; i < 10; i++) {
    node.set(0, `b${i}`, "2");
    node.log.endRequest();
    await settle();
  }
  const secondDone = node.log.whenCommitted(node.log.appended);
  assertEquals([disk.syncCount, disk.writeCount], [syncsBefore, writesBefore]);
  assert(node.log.backlogBytes > 0);
  disk.releaseSyncs();
  assertEquals(await firstDone, true);
  assertEquals(await secondDone, true);
  assertEquals([disk.syncCount, disk.writeCount], [syncsBefore + 1, writesBefore + 1]);
  assertEquals([node.log.committedPosition, node.log.backlogBytes], [node.log.appended, 0]);
  await node.stop();
});

Deno.test("A log shares one promise among all who wait for a batch", async () => {
  const node = await TestNode.start(new SimulatedDisk());
  const first = node.set(0, "a", "1");
  const second = node.set(0, "b", "1");
  assert(node.log.whenCommitted(first) === node.log.whenCommitted(second));
  await node.commit();
  assert(node.log.whenCommitted(first) === node.log.whenCommitted(0));
  await node.stop();
});

Deno.test("Beside many reads a sync does not hold the loop, and with none it may", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk);
  let readCount = 0;
  node.log.readCount = () => readCount;
  const mayHold = async (readsBetween: number) => {
    for (let i = 0; i < 40; i++) {
      readCount += readsBetween;
      node.set(0, "a", "1");
      await node.commit();
    }
    return disk.lastSyncBytes !== undefined;
  };
  assertEquals([await mayHold(0), await mayHold(10), await mayHold(1), await mayHold(0)], [
    true,
    false,
    true,
    true,
  ]);
  await node.stop();
});

for (const policy of ["everysec", "no"] as const) {
  Deno.test(`A log with policy ${policy} commits a turn's requests with one write and no sync`, async () => {
    const disk = new SimulatedDisk();
    const node = await TestNode.start(disk, { policy });
    const { syncCount, writeCount } = disk;
    for (let i = 0; i < 10; i++) {
      node.set(0, `k${i}`, "v");
      node.log.endRequest();
    }
    assertEquals(node.log.committedPosition, 0);
    assertEquals(await node.log.whenCommitted(node.log.appended), true);
    assertEquals([disk.syncCount, disk.writeCount], [syncCount, writeCount + 1]);
    assertEquals(await contentAfterKill(disk), node.model.content());
  });
}

Deno.test("A log with policy everysec syncs once a second, and only if there is something to sync", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "everysec" });
  const { syncCount } = disk;
  node.clock.advance(EVERYSEC_SYNC_MS * 3);
  await settle();
  assertEquals(disk.syncCount, syncCount);
  node.set(0, "a", "1");
  await node.commit();
  node.clock.advance(EVERYSEC_SYNC_MS - 1);
  await settle();
  assertEquals(disk.syncCount, syncCount);
  node.clock.advance(1);
  await settle();
  assertEquals(disk.syncCount, syncCount + 1);
  node.clock.advance(EVERYSEC_SYNC_MS);
  await settle();
  assertEquals(disk.syncCount, syncCount + 1);
  disk.losePower();
  const restarted = await TestNode.start(disk);
  assertEquals(restarted.model.content(), node.model.content());
  await restarted.stop();
});

Deno.test("A log with policy everysec goes on committing while a sync is under way", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "everysec" });
  node.set(0, "a", "1");
  await node.commit();
  disk.holdSyncs();
  node.clock.advance(EVERYSEC_SYNC_MS);
  await settle();
  node.set(0, "b", "2");
  assertEquals(await node.commit(), true);
  disk.releaseSyncs();
  await node.stop();
});

Deno.test("A log syncs through a position on demand whatever its policy", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "no" });
  node.set(0, "a", "1");
  assertEquals(await node.log.syncThrough(node.log.appended), true);
  disk.losePower();
  const restarted = await TestNode.start(disk);
  assertEquals(restarted.model.content(), { "0/a": "1@0" });
  await restarted.stop();
});

Deno.test("A log that is closed has committed and synced everything, whatever its policy", async () => {
  for (const policy of ["always", "everysec", "no"] as const) {
    const disk = new SimulatedDisk();
    const node = await TestNode.start(disk, { policy });
    node.set(0, "a", "1");
    await node.stop();
    assertEquals(node.clock.timerCount, 0);
    disk.losePower();
    const restarted = await TestNode.start(disk);
    assertEquals(restarted.model.content(), { "0/a": "1@0" });
    await restarted.stop();
  }
});

Deno.test("A log makes durable what it finds, before anybody can read it", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk);
  disk.holdSyncs();
  node.set(0, "a", "1");
  node.log.endRequest();
  await settle();
  disk.killProcess();
  const found = await TestNode.start(disk);
  assertEquals(found.model.content(), { "0/a": "1@0" });
  disk.losePower();
  const restarted = await TestNode.start(disk);
  assertEquals(restarted.model.content(), { "0/a": "1@0" });
  await restarted.stop();
});

Deno.test("A log rolls over to a new segment at a record boundary, and recovers across it", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "no", ...SMALL });
  const value = "x".repeat(70 * KIB);
  // One batch of more than a segment, and a request that spans the two.
  for (let i = 0; i < 12; i++) node.set(0, `k${i}`, value);
  assertEquals(await node.commit(), true);
  assertEquals(node.log.segmentCount, 2);
  node.set(0, "last", "1");
  await node.commit();
  const sizes = [FIRST_SEGMENT, SECOND_SEGMENT].map((path) => disk.contentOf(path).length);
  assert(sizes[0]! <= SMALL.segmentBytes && sizes[0]! > SMALL.segmentBytes - 80 * KIB, `${sizes}`);
  disk.killProcess();
  const restarted = await TestNode.start(disk, { policy: "no" });
  assertEquals(Object.keys(restarted.model.content()), Object.keys(node.model.content()));
  assertEquals([restarted.log.segmentCount, restarted.log.appended], [2, node.log.appended]);
  await restarted.stop();
});

Deno.test("A log syncs a segment before it begins the next, so that no power loss leaves a gap", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "no", ...SMALL });
  const value = "x".repeat(80 * KIB);
  for (let i = 0; i < 8; i++) {
    node.set(0, `k${i}`, value);
    node.log.endRequest();
  }
  await node.commit();
  assertEquals(node.log.segmentCount, 2);
  disk.losePower();
  const restarted = await TestNode.start(disk);
  assertEquals(Object.keys(restarted.model.content()), [
    "0/k0",
    "0/k1",
    "0/k2",
    "0/k3",
    "0/k4",
    "0/k5",
    "0/k6",
  ]);
  await restarted.stop();
});

Deno.test("A log removes the segments that lie wholly before a position, and never the last", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "no", ...SMALL });
  const value = "x".repeat(200 * KIB);
  const positions: number[] = [];
  for (let i = 0; i < 8; i++) positions.push(node.set(0, `k${i}`, value));
  await node.commit();
  assertEquals(node.log.segmentCount, 3);
  await node.log.removeBefore(positions[2]! - 1);
  assertEquals(node.log.segmentCount, 3);
  await node.log.removeBefore(positions[2]!);
  assertEquals(node.log.segmentCount, 2);
  await node.log.removeBefore(node.log.appended);
  assertEquals(node.log.segmentCount, 1);
  assertEquals(disk.paths.filter((path) => path.startsWith(PATHS.logDirectory)).length, 1);
  await node.stop();
});

Deno.test("The keys of a log are announced once each, some at a time, in the order in which they come", async () => {
  const node = await TestNode.start(new SimulatedDisk());
  const names: string[] = [];
  for (let i = 0; i < 1000; i++) {
    if (i % 100 === 7) node.flush(0);
    else if (i % 3 === 0) node.delete(1, `k${i}`);
    else if (i % 3 === 1) node.expire(0, `k${i}`, 5);
    // Now and then longer than what is read at a time.
    else node.set(1, `k${i}`, "v".repeat(i % 200 === 2 ? 1_500_000 : i));
    if (i % 100 !== 7) names.push(`${i % 3 === 1 ? 0 : 1}/k${i}`);
    if (i % 5 === 0) node.log.endRequest();
  }
  await node.commit();
  node.disk.killProcess();
  const { model } = await TestNode.start(node.disk);
  assertEquals(model.announced, names);
  assert(model.fetchCount < 100, `${model.fetchCount} fetches`);
});

Deno.test("A log with policy everysec that has much unsynced begins to sync before the second is over", async () => {
  const node = await TestNode.start(new SimulatedDisk(), { policy: "everysec" });
  const syncsBefore = node.log.syncCount;
  node.set(0, "small", "1");
  await node.commit();
  await settle();
  assertEquals(node.log.syncCount, syncsBefore);
  for (let i = 0; i < 2; i++) {
    node.set(0, `large${i}`, "x".repeat(EVERYSEC_SYNC_BYTES));
    await node.commit();
  }
  await settle();
  assert(node.log.syncCount > syncsBefore);
  await node.stop();
});

Deno.test("Whoever reads a dump or a segment that is replaced or removed meanwhile reads all of it", async () => {
  const node = await TestNode.start(new SimulatedDisk(), { segmentBytes: 6 * MIB });
  const { disk } = node;
  for (let i = 0; i < 3; i++) node.set(0, `k${i}`, "x".repeat(5 * MIB));
  await node.commit();
  const { position } = await node.dump();
  const [dump, segment] = [PATHS.dump, FIRST_SEGMENT].map((path) => disk.contentOf(path));
  const readers = await Promise.all([PATHS.dump, FIRST_SEGMENT].map((path) => disk.open(path)));
  node.flush(0);
  await node.commit();
  await node.dump();
  await node.log.removeBefore(position);
  assert(!disk.paths.includes(FIRST_SEGMENT));
  for (const [i, reader] of readers.entries()) {
    assertEquals(await reader.read(new Uint8Array(20 * MIB)), [dump, segment][i]!.length);
    reader.close();
  }
  await node.stop();
});

Deno.test("A log whose write was slow leaves the next ones to a thread, until a hundred times as long is over", async () => {
  const clock = new FakeClock();
  const process = new SimulatedDisk();
  const deeds: string[] = [];
  const open = process.create.bind(process);
  process.create = async (path) => {
    const file = await open(path);
    const writeSync = file.writeSync.bind(file);
    const tookMs = [5, 30];
    file.writeSync = (bytes) => {
      deeds.push("at once");
      clock.advance(tookMs.shift() ?? 0);
      writeSync(bytes);
    };
    file.write = (bytes) => {
      deeds.push("by a thread");
      writeSync(bytes);
      return Promise.resolve();
    };
    return file;
  };
  const node = await TestNode.start(process, { policy: "no", clock, process });
  deeds.length = 0;
  for (const passMs of [0, 0, 2_900, 100]) {
    clock.advance(passMs);
    node.set(0, "a", "1");
    await node.commit();
  }
  assertEquals(deeds, ["at once", "at once", "by a thread", "at once"]);
  await node.stop();
});
