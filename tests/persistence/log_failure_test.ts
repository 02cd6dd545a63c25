/** What the log does when the disk does not do what it should. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DISK_FULL_RETRY_MS, EVERYSEC_SYNC_MS, KIB } from "../../src/core/limits.ts";
import type { FsyncPolicy } from "../../src/persistence/log.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { SECOND_SEGMENT, settle, TestNode } from "./test_node.ts";

/** A value that does not fit into what a log with policy always has filled ahead. */
const LARGER_THAN_FILLED = "x".repeat(512 * KIB);
const POLICIES: readonly FsyncPolicy[] = ["always", "everysec", "no"];

/** A node that has committed `a`, on a disk with room for `freeBytes` more. */
async function nodeWithRoom(policy: FsyncPolicy, freeBytes: number): Promise<TestNode> {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy });
  node.set(0, "a", "1");
  await node.commit();
  disk.capacityBytes = usedBytes(disk) + freeBytes;
  return node;
}

function usedBytes(disk: SimulatedDisk): number {
  return disk.paths.reduce((sum, path) => sum + disk.contentOf(path).length, 0);
}

for (const policy of POLICIES) {
  Deno.test(`A log with policy ${policy} whose disk is full fails by name and resumes by itself, losing and doubling nothing`, async () => {
    const node = await nodeWithRoom(policy, 40);
    const { disk, log } = node;
    const committed = log.committedPosition;
    node.set(0, "b", "2");
    node.log.endRequest();
    node.set(0, "c", LARGER_THAN_FILLED);
    assertEquals(await node.commit(), false);
    assertMatch(log.failure, /^Cannot write log: disk full .*free space, writes resume by themselves$/);
    assertEquals(log.committedPosition, committed);
    assertEquals(await log.whenCommitted(log.appended), false);
    assertEquals(await log.whenCommitted(committed), true);

    for (let i = 0; i < 3; i++) {
      node.clock.advance(DISK_FULL_RETRY_MS);
      await settle();
      assert(log.failure !== "");
    }
    disk.capacityBytes = Infinity;
    node.clock.advance(DISK_FULL_RETRY_MS);
    await settle();
    assertEquals([log.failure, log.committedPosition], ["", log.appended]);
    node.set(0, "d", "4");
    assertEquals(await node.commit(), true);

    disk.killProcess();
    const restarted = await TestNode.start(disk);
    assertEquals(restarted.model.content(), node.model.content());
    assertEquals(restarted.recovered.recordCount, 4);
    assertEquals(restarted.recovered.warnings, []);
    await restarted.stop();
  });
}

Deno.test("A log that dies while its disk is full leaves a torn tail, which the next start cuts", async () => {
  const node = await nodeWithRoom("always", 40);
  node.set(0, "b", LARGER_THAN_FILLED);
  assertEquals(await node.commit(), false);
  node.disk.killProcess();
  node.disk.capacityBytes = Infinity;
  const restarted = await TestNode.start(node.disk);
  assertEquals(restarted.model.content(), { "0/a": "1@0" });
  assertEquals(restarted.recovered.warnings.length, 1);
  await restarted.stop();
});

Deno.test("A log whose disk has no room for the next segment resumes once there is", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "always", segmentBytes: 640 * KIB, frameBytes: 640 });
  const value = "x".repeat(200 * KIB);
  for (let i = 0; i < 3; i++) node.set(0, `k${i}`, value);
  await node.commit();
  disk.capacityBytes = usedBytes(disk) + 63;
  node.set(0, "k3", value);
  assertEquals(await node.commit(), false);
  assertStringIncludes(node.log.failure, "disk full");
  disk.capacityBytes = Infinity;
  node.clock.advance(DISK_FULL_RETRY_MS);
  await settle();
  assertEquals([node.log.failure, node.log.segmentCount], ["", 2]);
  assert(disk.contentOf(SECOND_SEGMENT).length > 200 * KIB);
  disk.killProcess();
  const restarted = await TestNode.start(disk);
  assertEquals(restarted.model.content(), node.model.content());
  await restarted.stop();
});

Deno.test("A log whose sync failed is failed for good, even when later syncs would succeed", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk);
  node.set(0, "a", "1");
  await node.commit();
  const committed = node.log.committedPosition;
  disk.failSyncs = new Error("I/O error");
  node.set(0, "b", "2");
  const inFlight = node.commit();
  assertEquals(await inFlight, false);
  assertEquals(node.log.failure, "Cannot sync log: I/O error; restart the node once the disk is well");
  disk.failSyncs = null;
  node.clock.advance(DISK_FULL_RETRY_MS * 10);
  await settle();
  node.set(0, "c", "3");
  assertEquals(await node.commit(), false);
  assertEquals(await node.log.syncThrough(node.log.appended), false);
  assertEquals(node.log.committedPosition, committed);
  await node.stop();
});

Deno.test("A log whose sync failed tells those who wait for the batch behind it, too", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk);
  disk.holdSyncs();
  node.set(0, "a", "1");
  const first = node.commit();
  await settle();
  node.set(0, "b", "2");
  const second = node.commit();
  await settle();
  disk.failSyncs = new Error("I/O error");
  disk.releaseSyncs();
  assertEquals([await first, await second], [false, false]);
  await node.stop();
});

Deno.test("A log with policy everysec is failed for good by a failed sync", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "everysec" });
  node.set(0, "a", "1");
  assertEquals(await node.commit(), true);
  disk.failSyncs = new Error("I/O error");
  node.clock.advance(EVERYSEC_SYNC_MS);
  await settle();
  assertMatch(node.log.failure, /^Cannot sync log: I\/O error/);
  disk.failSyncs = null;
  assertEquals(await node.log.syncThrough(node.log.committedPosition), false);
  node.set(0, "b", "2");
  assertEquals(await node.commit(), false);
  await node.stop();
});

Deno.test("A log whose write failed for another reason than a full disk is failed for good", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk);
  disk.failWrites = new Error("Bad file descriptor");
  node.set(0, "a", "1");
  assertEquals(await node.commit(), false);
  assertEquals(
    node.log.failure,
    "Cannot write log: Bad file descriptor; restart the node once the disk is well",
  );
  disk.failWrites = null;
  node.clock.advance(DISK_FULL_RETRY_MS * 10);
  await settle();
  assert(node.log.failure !== "");
  await node.stop();
});

Deno.test("A log that is closed while its disk is full calls off its next attempt", async () => {
  const node = await nodeWithRoom("always", 10);
  node.set(0, "b", "2");
  await node.commit();
  await node.stop();
  assertEquals(node.clock.timerCount, 0);
});

for (const code of ["EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "EINTR", "EDQUOT"]) {
  Deno.test(`A log whose write or next segment fails with ${code} resumes by itself`, async () => {
    const disk = new SimulatedDisk();
    const node = await TestNode.start(disk, { segmentBytes: 2 * KIB });
    const failure = Object.assign(new Error("no luck"), { code });
    for (const fault of ["failOpens", "failWrites"] as const) {
      disk[fault] = failure;
      // More than a segment, so that the next one is needed.
      for (let i = 0; i < 30; i++) {
        node.set(0, `${fault}${i}`, "x".repeat(100));
        node.log.endRequest();
        await settle();
      }
      assertMatch(node.log.failure, /^Cannot write log: .* \(no luck\); .*, writes resume by themselves$/);
      assertEquals(await node.log.whenCommitted(node.log.appended), false);
      disk[fault] = null;
      node.clock.advance(DISK_FULL_RETRY_MS);
      await settle();
      assertEquals([node.log.failure, node.log.committedPosition], ["", node.log.appended]);
    }
    disk.losePower();
    const restarted = await TestNode.start(disk);
    assertEquals(restarted.model.content(), node.model.content());
    await restarted.stop();
  });
}

Deno.test("A log that cannot have its next segment's mark saved goes on with the same segment, so that no crash takes what the mark speaks of", async () => {
  for (let turns = 0; turns < 60; turns++) {
    const disk = new SimulatedDisk();
    const node = await TestNode.start(disk, { segmentBytes: KIB });
    const failure = Object.assign(new Error("no room"), { code: "ENOSPC" });
    disk.failDirectorySyncs = failure;
    for (let i = 0; node.log.failure === ""; i++) {
      node.set(0, `k${i}`, "x".repeat(100));
      node.log.endRequest();
      await settle();
    }
    const committed = node.log.committedPosition;
    disk.failDirectorySyncs = null;
    node.clock.advance(DISK_FULL_RETRY_MS);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    disk.losePower(new SeededRandom(turns));
    await settle();
    const restarted = await TestNode.start(disk);
    assert(restarted.log.appended >= committed, `${turns} turns`);
    await restarted.stop();
  }
});

Deno.test("A log that cannot mark that it was closed in order is closed all the same", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk);
  node.set(0, "a", "1");
  await node.commit();
  disk.failDirectorySyncs = new Error("I/O error");
  await node.stop();
  disk.failDirectorySyncs = null;
  const restarted = await TestNode.start(disk);
  assertEquals(restarted.model.content(), { "0/a": "1@0" });
  await restarted.stop();
});
