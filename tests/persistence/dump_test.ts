/** Dumps: what they hold, how they fail, and how they go together with the log. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DUMP_BACKLOG_BYTES_HIGH, KIB, MIB } from "../../src/core/limits.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { FIRST_SEGMENT, ModelSource, PATHS, settle, TestNode } from "./test_node.ts";

const TEMPORARY = `${PATHS.dump}.tmp`;

async function nodeWithEntries(count: number, disk = new SimulatedDisk()): Promise<TestNode> {
  const node = await TestNode.start(disk);
  for (let i = 0; i < count; i++) node.set(i % 2, `k${i}`, `value ${i}`, i % 3 === 0 ? 1000 + i : 0);
  await node.commit();
  return node;
}

/** What the next start finds after a power loss. */
async function contentAfterPowerLoss(disk: SimulatedDisk): Promise<Record<string, string>> {
  disk.losePower();
  await settle();
  const node = await TestNode.start(disk);
  await node.stop();
  return node.model.content();
}

Deno.test("A dump and the log behind it are the data, also without the log before it", async () => {
  const node = await nodeWithEntries(1000);
  const { position, entryCount, bytes } = await node.dump();
  assertEquals([position, entryCount], [node.log.appended, 1000]);
  assertEquals(bytes, node.disk.contentOf(PATHS.dump).length);
  node.delete(0, "k0");
  node.set(1, "k1", "changed");
  node.expire(0, "k2", 77);
  await node.commit();
  const content = node.model.content();
  node.disk.losePower();
  const restarted = await TestNode.start(node.disk);
  assertEquals(restarted.model.content(), content);
  assertEquals([restarted.recovered.dumpPosition, restarted.recovered.recordCount], [position, 1003]);
  assertEquals(restarted.recovered.histories.get(0), node.historyOf(0));
  assertEquals(restarted.recovered.histories.get(1), node.historyOf(1));
  await restarted.stop();
});

Deno.test("A dump is of the moment at which it began, whatever is written meanwhile", async () => {
  const node = await nodeWithEntries(100);
  const source = new ModelSource(node, 0);
  source.onStep = () => {
    if (node.sequenceOf(0) < 100) node.set(0, "k0", `newer ${node.sequenceOf(0)}`);
  };
  const { position } = await node.dump([source, new ModelSource(node, 1)]);
  assert(position < node.log.appended);
  await node.commit();
  const content = node.model.content();
  assertEquals(await contentAfterPowerLoss(node.disk), content);
});

Deno.test("A dump of a node without shards, or without entries, is a dump", async () => {
  const node = await nodeWithEntries(0);
  assertEquals((await node.dump([])).entryCount, 0);
  assertEquals((await node.dump()).entryCount, 0);
  node.set(0, "a", "1");
  await node.commit();
  assertEquals(await contentAfterPowerLoss(node.disk), { "0/a": "1@0" });
});

Deno.test("A dump that does not fit on the disk leaves the old one, and no temporary file", async () => {
  const node = await nodeWithEntries(100);
  await node.dump();
  const before = node.disk.contentOf(PATHS.dump);
  for (let i = 0; i < 100; i++) node.set(0, `more${i}`, "x".repeat(100));
  await node.commit();
  node.disk.capacityBytes = node.disk.paths.reduce(
    (sum, path) => sum + node.disk.contentOf(path).length,
    2000,
  );
  await assertRejects(() => node.dump(), Error, "Cannot save dump: No space left on device");
  assertEquals(node.disk.contentOf(PATHS.dump), before);
  assert(!node.disk.paths.includes(TEMPORARY));
  assertEquals(node.writer.backlogBytes, 0);
  node.disk.capacityBytes = Infinity;
  await node.dump();
  assertEquals(await contentAfterPowerLoss(node.disk), node.model.content());
});

Deno.test("A dump whose sync fails leaves the old one", async () => {
  const node = await nodeWithEntries(100);
  await node.dump();
  const before = node.disk.contentOf(PATHS.dump);
  node.disk.failSyncs = new Error("I/O error");
  await assertRejects(() => node.dump(), Error, "Cannot save dump: I/O error");
  node.disk.failSyncs = null;
  assertEquals(node.disk.contentOf(PATHS.dump), before);
  await node.stop();
});

Deno.test("A dump is refused while the log has failed, since the log could not continue it", async () => {
  const node = await nodeWithEntries(10);
  node.disk.capacityBytes = 0;
  node.set(0, "a", "1");
  await node.commit();
  await assertRejects(() => node.dump(), Error, "Cannot save dump: Cannot write log: disk full");
  await node.stop();
});

Deno.test("A dump never becomes durable before the log that it claims, whatever the policy", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "no" });
  node.set(0, "a", "1");
  await node.commit();
  await node.dump();
  node.set(0, "b", "2");
  await node.commit();
  assertEquals(await contentAfterPowerLoss(disk), { "0/a": "1@0" });
});

Deno.test("A dump whose data was flushed meanwhile is begun anew", async () => {
  const node = await nodeWithEntries(100);
  const source = new ModelSource(node, 0);
  let steps = 0;
  source.onStep = () => {
    if (++steps !== 3) return;
    node.flush(0);
    source.abandon();
  };
  const { entryCount } = await node.dump([source, new ModelSource(node, 1)]);
  assertEquals(entryCount, 50);
  await node.commit();
  assertEquals(await contentAfterPowerLoss(node.disk), node.model.content());
});

Deno.test("A dump whose data is flushed each time gives up after three attempts", async () => {
  const node = await nodeWithEntries(100);
  const source = new ModelSource(node, 0);
  let attempts = 0;
  source.onStep = () => {
    attempts++;
    source.abandon();
  };
  await assertRejects(() => node.dump([source]), Error, "Cannot save dump: all keys were removed");
  assertEquals(attempts, 3);
  assert(!node.disk.paths.includes(PATHS.dump) && !node.disk.paths.includes(TEMPORARY));
  await node.stop();
});

Deno.test("A dump tells how much of it waits for the disk, and when that is less again", async () => {
  const node = await nodeWithEntries(0);
  const source = new ModelSource(node, 0);
  const value = "x".repeat(1 * MIB);
  for (let i = 0; i < 40; i++) node.set(0, `k${i}`, value);
  await node.commit();
  let backlogMax = 0;
  let isRelieved = false;
  // The first step makes mutations hand over everything at once.
  source.onStep = () => {
    source.onStep = () => {};
    source.step(Infinity);
    backlogMax = node.writer.backlogBytes;
    node.writer.drained().then(() => isRelieved = true);
  };
  const dumping = node.dump([source]);
  await settle();
  await dumping;
  await settle();
  assert(backlogMax > DUMP_BACKLOG_BYTES_HIGH && isRelieved);
  await node.writer.drained();
  await node.stop();
});

Deno.test("A dump is written in chunks, and mutations go on between them", async () => {
  const node = await nodeWithEntries(0);
  for (let i = 0; i < 40; i++) node.set(0, `k${i}`, "x".repeat(64 * KIB));
  await node.commit();
  const backlogs = new Set<number>();
  const source = new ModelSource(node, 0);
  source.onStep = () => backlogs.add(node.writer.backlogBytes);
  await node.dump([source]);
  assert(Math.max(...backlogs) < 1 * MIB, `${Math.max(...backlogs)}`);
  await node.stop();
});

Deno.test("A node removes the log before its dump and recovers from the rest", async () => {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy: "no", segmentBytes: 640 * KIB, frameBytes: 640 });
  for (let i = 0; i < 8; i++) node.set(0, `k${i}`, "x".repeat(200 * KIB));
  await node.commit();
  const { position } = await node.dump();
  await node.log.removeBefore(position);
  assert(!disk.paths.includes(FIRST_SEGMENT));
  node.delete(0, "k0");
  await node.commit();
  disk.killProcess();
  const restarted = await TestNode.start(disk);
  assertEquals(Object.keys(restarted.model.content()), Object.keys(node.model.content()));
  await restarted.stop();
});
