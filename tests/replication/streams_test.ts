/** Streams bring copies to where their primary is, from wherever these stand, and say truthfully how far they are. */
import { assert, assertEquals } from "@std/assert";
import {
  BEAT_MS,
  KIB,
  MIB,
  STREAM_BUFFER_BYTES,
  STREAM_FULL_RETRY_BEATS,
  STREAM_RETRY_BEATS,
} from "../../src/core/limits.ts";
import type { Timer } from "../../src/core/clock.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { advance, settle } from "../support/settle.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";
import { TickingClock } from "../support/ticking_clock.ts";
import { type CopyWorld, FollowerNode, PrimaryNode } from "./copy_node.ts";

function newWorld(): CopyWorld {
  return { network: new SimulatedNetwork(), clock: new FakeClock() };
}

/** A primary, and a copy on `disk` that it has begun to bring up to date. */
async function pair() {
  const world = newWorld();
  const disk = new SimulatedDisk();
  const primary = await PrimaryNode.start(new SimulatedDisk(), world);
  const replica = await FollowerNode.start(disk, world);
  primary.follow(replica);
  await settle();
  return { world, disk, primary, replica };
}

/** Counts how often somebody waits for the next turn of the event loop only. */
class StepCountingClock extends TickingClock {
  steps = 0;

  override after(ms: number, callback: () => void): Timer {
    if (ms === 0) this.steps++;
    return super.after(ms, callback);
  }
}

/** Lets things go on until `isReached`. */
async function until(world: CopyWorld, isReached: () => boolean): Promise<void> {
  for (let beats = 0; !isReached(); beats++) {
    assert(beats < 100, "it is reached within some time");
    await advance(world.clock, BEAT_MS);
  }
}

function isLive({ led }: PrimaryNode, id = "replica"): boolean {
  return led.every(({ states }) => states.get(id) === "live");
}

function hasAll(primary: PrimaryNode, id = "replica"): boolean {
  return isLive(primary, id) &&
    primary.led.every(({ acknowledgements, history }) =>
      acknowledgements.get(id)!.sequence === history.sequence
    );
}

Deno.test("A copy that has nothing is live at once, and has each mutation with the turn in which it happened", async () => {
  const world = newWorld();
  const primary = await PrimaryNode.start(new SimulatedDisk(), world);
  const replica = await FollowerNode.start(new SimulatedDisk(), world);
  primary.follow(replica);
  await settle();
  assertEquals(primary.led[0]!.told, ["placing", "live"]);
  for (let i = 0; i < 20; i++) primary.set(i % 2, `k${i}`, "v");
  primary.expire(0, "k2", 5_000_000);
  primary.delete(1, "k3");
  const { batchCount } = replica;
  await settle();
  assertEquals(replica.content(), primary.content());
  assert(hasAll(primary));
  assertEquals(replica.batchCount, batchCount + 1);
  await primary.stop();
});

Deno.test("A copy acknowledges nothing that its disk does not have, and beats meanwhile", async () => {
  const { world, disk, primary, replica } = await pair();
  disk.holdSyncs();
  primary.set(0, "k", "v");
  await settle();
  assertEquals(replica.copies[0]!.history.sequence, 1);
  await advance(world.clock, BEAT_MS);
  await advance(world.clock, BEAT_MS);
  const { sequence, sentAtMs } = primary.led[0]!.acknowledgements.get("replica")!;
  assertEquals([sequence, sentAtMs], [0, 2 * BEAT_MS]);
  disk.releaseSyncs();
  await settle();
  assert(hasAll(primary));
  await primary.stop();
});

Deno.test("A copy that was away gets what it lacks from the log", async () => {
  const world = newWorld();
  const primary = await PrimaryNode.start(new SimulatedDisk(), world);
  const disk = new SimulatedDisk();
  let replica = await FollowerNode.start(disk, world);
  primary.follow(replica);
  await settle();
  primary.set(0, "a", "1");
  await settle();
  replica.die();
  disk.losePower();
  primary.set(0, "b", "2");
  primary.beginEpoch(0, 2);
  primary.set(1, "c", "3");
  primary.beginEpoch(1, 3);
  await settle();
  assertEquals(primary.led[0]!.states.get("replica"), "away");
  replica = await FollowerNode.start(disk, world);
  await until(world, () => hasAll(primary));
  assertEquals(primary.led[0]!.told.slice(-4), ["away", "placing", "catching up", "live"]);
  assertEquals(replica.content(), primary.content());
  await primary.stop();
});

Deno.test("Others are served while a copy catches up with much", async () => {
  const clock = new StepCountingClock();
  const world = { ...newWorld(), clock };
  const primary = await PrimaryNode.start(new SimulatedDisk(), world);
  const disk = new SimulatedDisk();
  let replica = await FollowerNode.start(disk, world);
  primary.follow(replica);
  await settle();
  replica.die();
  disk.losePower();
  await settle();
  for (let i = 0; i < 3_000; i++) primary.set(0, `k${i % 100}`, "v");
  await settle();
  assertEquals(clock.steps, 0);
  replica = await FollowerNode.start(disk, world);
  await until(world, () => hasAll(primary));
  assertEquals(primary.led[0]!.told.slice(-2), ["catching up", "live"]);
  assert(clock.steps >= 5, `${clock.steps} steps`);
  assertEquals(replica.content(), primary.content());
  await primary.stop();
});

Deno.test("The log keeps what a copy lacks that was live, while it is away", async () => {
  const world = newWorld();
  const primary = await PrimaryNode.start(new SimulatedDisk(), { ...world, segmentBytes: 500 });
  const disk = new SimulatedDisk();
  let replica = await FollowerNode.start(disk, world);
  primary.follow(replica);
  await settle();
  const { log } = primary.folder;
  const write = async (key: string) => {
    primary.set(0, key, "v".repeat(400));
    await settle();
    await log.removeBefore(log.committedPosition);
  };
  for (const key of ["a", "b", "c"]) await write(key);
  await advance(world.clock, BEAT_MS);
  replica.die();
  disk.losePower();
  for (const key of ["d", "e", "f"]) await write(key);
  replica = await FollowerNode.start(disk, world);
  await until(world, () => hasAll(primary));
  assertEquals(primary.led[0]!.told.slice(-4), ["away", "placing", "catching up", "live"]);
  assert(log.beginning > 0, "what it has is not kept");
  const { beginning } = log;
  await advance(world.clock, BEAT_MS);
  await log.removeBefore(log.committedPosition);
  assert(log.beginning > beginning, "what it has got meanwhile is not kept any more");
  assertEquals(replica.content(), primary.content());
  await primary.stop();
});

Deno.test("A copy for which the log does not reach back is filled while the shard changes", async () => {
  const world = newWorld();
  const primary = await PrimaryNode.start(new SimulatedDisk(), { ...world, segmentBytes: 2_000 });
  for (let i = 0; i < 300; i++) {
    primary.set(0, `k${i}`, `v${i}`, i % 3 === 0 ? 5_000_000 + i : 0);
    if (i % 50 === 49) await settle();
  }
  await primary.folder.log.removeBefore(primary.folder.log.committedPosition);
  const replica = await FollowerNode.start(new SimulatedDisk(), world);
  primary.follow(replica);
  for (let i = 0; i < 100; i++) {
    primary.set(0, `k${i * 3}`, "new");
    primary.delete(0, `k${i * 3 + 1}`);
    primary.set(0, `new${i}`, "new");
    for (let turns = 0; turns < 5; turns++) await Promise.resolve();
  }
  primary.beginEpoch(0, 2);
  await until(world, () => hasAll(primary));
  assertEquals(primary.led[0]!.told, ["placing", "catching up", "filling", "live"]);
  assertEquals(replica.content(), primary.content());
  await primary.stop();
});

Deno.test("A copy is filled, too, where the log does not reach back and nothing new comes", async () => {
  const world = newWorld();
  const primary = await PrimaryNode.start(new SimulatedDisk(), { ...world, segmentBytes: 500 });
  for (const key of ["a", "b", "c"]) {
    primary.set(0, key, "v".repeat(400));
    await settle();
  }
  // What comes last in the log is another shard's.
  primary.set(1, "d", "v".repeat(400));
  await settle();
  await primary.folder.log.removeBefore(primary.folder.log.committedPosition);
  const replica = await FollowerNode.start(new SimulatedDisk(), world);
  primary.follow(replica);
  await until(world, () => hasAll(primary));
  assertEquals(primary.led[0]!.told.slice(-2), ["filling", "live"]);
  assertEquals(replica.content(), primary.content());
  await primary.stop();
});

Deno.test("A copy whose answers were lost with the link has acknowledged what it has when it says where it stands", async () => {
  const { world, disk, primary, replica } = await pair();
  disk.holdSyncs();
  primary.set(0, "a", "1");
  await settle();
  replica.cut();
  await advance(world.clock, BEAT_MS);
  const { acknowledgements } = primary.led[0]!;
  assertEquals(acknowledgements.get("replica")!.sequence, 0);
  disk.releaseSyncs();
  await until(world, () => hasAll(primary));
  assertEquals(acknowledgements.get("replica")!.sequence, 1);
  await primary.stop();
});

Deno.test("A copy that answers nothing is not kept more for than a bound, and gets the rest from the log", async () => {
  const { world, disk, primary, replica } = await pair();
  disk.holdSyncs();
  const value = "v".repeat(100 * KIB);
  for (let bytes = 0; bytes < 1.3 * STREAM_BUFFER_BYTES; bytes += value.length) {
    primary.set(0, `k${bytes}`, value);
    for (let turns = 0; turns < 5; turns++) await Promise.resolve();
  }
  assertEquals(primary.led[0]!.told, ["placing", "live", "placing"]);
  assert(replica.copies[0]!.history.sequence < primary.led[0]!.history.sequence);
  disk.releaseSyncs();
  await until(world, () => hasAll(primary));
  assertEquals(primary.led[0]!.told.slice(3), ["catching up", "live"]);
  assertEquals(replica.content(), primary.content());
  await primary.stop();
});

Deno.test("A copy that died while it was filled begins anew once more", async () => {
  const world = { ...newWorld(), capBytes: 4 * MIB };
  const disk = new SimulatedDisk();
  const primary = await PrimaryNode.start(new SimulatedDisk(), world);
  primary.beginEpoch(0, 2);
  for (let i = 0; i < 1_000; i++) primary.set(0, `k${i}`, "v".repeat(1_000));
  await settle();
  const former = await PrimaryNode.start(disk, world);
  former.set(0, "another", "history");
  await settle();
  await former.stop();
  disk.killProcess();
  let replica = await FollowerNode.start(disk, world);
  primary.follow(replica);
  while (replica.folder.log.committedPosition < 100 * KIB) await Promise.resolve();
  replica.die();
  disk.losePower();
  replica = await FollowerNode.start(disk, world);
  assert(replica.copies[0]!.history.isFilling);
  assert(replica.folder.storeOf(0).entryCount > 0);
  await until(world, () => hasAll(primary));
  assertEquals(primary.led[0]!.told.filter((state) => state === "filling").length, 2);
  assertEquals(replica.content(), primary.content());
  await primary.stop();
});

Deno.test("A copy of another history begins anew, but a member of the in-sync set is left as it is", async () => {
  const world = newWorld();
  const primary = await PrimaryNode.start(new SimulatedDisk(), world);
  primary.beginEpoch(0, 2);
  primary.set(0, "a", "primary's");
  const disk = new SimulatedDisk();
  // It has led before, and what it has of that is no part of the history any more.
  const former = await PrimaryNode.start(disk, world);
  former.set(0, "a", "another");
  former.set(0, "b", "another");
  await settle();
  await former.stop();
  disk.killProcess();
  const replica = await FollowerNode.start(disk, world);
  replica.copies[0]!.isMember = true;
  const before = replica.content();
  primary.follow(replica);
  await until(world, () => primary.led[0]!.states.get("replica") === "diverged");
  assertEquals(replica.content(), before);
  replica.copies[0]!.isMember = false;
  await advance(world.clock, (STREAM_RETRY_BEATS + 1) * BEAT_MS);
  await until(world, () => hasAll(primary));
  assertEquals(replica.content(), primary.content());
  await primary.stop();
});

Deno.test("A peer that knows a newer epoch is not led in the older, and goes on in a newer one", async () => {
  const world = newWorld();
  const primary = await PrimaryNode.start(new SimulatedDisk(), world);
  const replica = await FollowerNode.start(new SimulatedDisk(), world);
  primary.follow(replica);
  await settle();
  primary.set(0, "a", "1");
  await settle();
  replica.epochs[0] = 4;
  primary.set(0, "b", "2");
  await settle();
  assertEquals(primary.led.map(({ newerEpoch }) => newerEpoch), [4, 0]);
  assertEquals(replica.copies[0]!.history.sequence, 1);
  primary.beginEpoch(0, 4);
  primary.follow(replica);
  await until(world, () => hasAll(primary));
  assertEquals(replica.content(), primary.content());
  await primary.stop();
});

Deno.test("A shard goes to whom it is to follow it, and to nobody else", async () => {
  const world = newWorld();
  const primary = await PrimaryNode.start(new SimulatedDisk(), world);
  const one = await FollowerNode.start(new SimulatedDisk(), world, { id: "one", port: 9001 });
  const two = await FollowerNode.start(new SimulatedDisk(), world, { id: "two", port: 9002 });
  primary.follow(one);
  await settle();
  primary.set(0, "a", "1");
  primary.follow(one, two);
  await until(world, () => hasAll(primary, "one") && hasAll(primary, "two"));
  primary.follow(two);
  primary.set(0, "b", "2");
  await settle();
  assert(hasAll(primary, "two"));
  assertEquals([one, two].map(({ copies }) => copies[0]!.history.sequence), [1, 2]);
  primary.senders.forget(0);
  primary.senders.forget(1);
  await settle();
  assertEquals(world.clock.timerCount, 0);
  await primary.stop();
});

Deno.test("A copy that has no room for a record takes nothing more, and is asked again after a minute", async () => {
  const world = newWorld();
  const primary = await PrimaryNode.start(new SimulatedDisk(), world);
  const replica = await FollowerNode.start(new SimulatedDisk(), world);
  primary.follow(replica);
  primary.set(0, "a", "1");
  await until(world, () => hasAll(primary));
  replica.copies[0]!.isFull = true;
  replica.copies[0]!.isMember = true;
  primary.set(0, "b", "2");
  primary.delete(0, "a");
  await until(world, () => primary.led[0]!.states.get("replica") === "full");
  assertEquals(replica.copies[0]!.history.sequence, 1);
  replica.copies[0]!.isFull = false;
  await advance(world.clock, (STREAM_FULL_RETRY_BEATS - 2) * BEAT_MS);
  assertEquals(primary.led[0]!.states.get("replica"), "full");
  await advance(world.clock, 4 * BEAT_MS);
  await until(world, () => hasAll(primary));
  assertEquals(replica.content(), primary.content());
  await primary.stop();
});
