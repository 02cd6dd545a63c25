/** Fail-over and the in-sync set, with a whole balancer among fake nodes: what is asked, saved and told, in what order. */
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { CONTROL_LOOK_MS } from "../../src/core/limits.ts";
import { FakeNode } from "../support/fake_node.ts";
import { settle } from "../support/settle.ts";
import { shardsInList } from "../support/shard_lists.ts";
import { World } from "../support/balancer_world.ts";

/** Three nodes that serve shards of two copies each, with one map of keys for all of them. */
async function replicated(): Promise<World> {
  const world = World.nodesOnly(3);
  for (const node of world.nodes) node.data = world.nodes[0]!.data;
  await world.startBalancer({ replicas: 1 });
  await world.pass(500);
  return world;
}

const newest = (world: World) => world.topologyStore.saved.at(-1)!;
const versions = (world: World) => world.nodes.map((node) => node.topology?.version);

/** Shards that `node` leads, or of whose set it is. */
function led(world: World, { id }: FakeNode): number[] {
  return newest(world).shards.flatMap(({ primary }, shard) => primary === id ? [shard] : []);
}

Deno.test("A new cluster has its copies on different nodes, all of them in sync, and caps that fit", async () => {
  const world = await replicated();
  for (const { primary, replicas, inSync } of newest(world).shards) {
    assertEquals(inSync, [primary, ...replicas]);
    assertEquals(replicas.length, 1);
  }
  assertEquals(newest(world).shardCapBytes, Math.floor(64 * 2 ** 20 / 11));
  assertEquals(newest(world).version, 1);
  await world.stop();
});

Deno.test("When a primary dies its shards go to their replicas, in one new version that all nodes are told", async () => {
  const world = await replicated();
  const dead = world.nodes[1]!;
  const lost = led(world, dead);
  dead.stop();
  await world.pass(400);
  assertEquals(newest(world).version, 2);
  for (const [shard, { epoch, primary, replicas, inSync }] of newest(world).shards.entries()) {
    const was = world.topologyStore.saved[0]!.shards[shard]!;
    assertEquals(epoch, lost.includes(shard) ? 2 : 1);
    if (lost.includes(shard)) {
      assertEquals([primary, replicas, inSync], [was.replicas[0], [dead.id], was.replicas]);
    } else assertEquals(primary, was.primary);
  }
  for (const node of [world.nodes[0]!, world.nodes[2]!]) {
    assertEquals(node.topology?.version, 2);
    for (const [shard, epoch] of node.copies.frozen) assertEquals([lost.includes(shard), epoch], [true, 1]);
  }
  // One line for each new primary, with all its shards.
  const lines = world.log.filter((line) => line.startsWith("warn shards fail over"));
  assertEquals(lines.length, new Set(lost.map((shard) => newest(world).shards[shard]!.primary)).size);
  for (const shard of lost) {
    assert(
      lines.some((line) => shardsInList(/"shards":"([^"]*)"/.exec(line)![1]!).includes(shard)),
      `shard ${shard}`,
    );
  }
  await world.stop();
});

Deno.test("A primary that falls silent is taken for lost as soon as its silence is noticed", async () => {
  const world = await replicated();
  world.nodes[1]!.freeze();
  let passedMs = 0;
  while (world.balancer.health().nodes[1]!.state === "ready") {
    assertLess(passedMs += 25, 2_000);
    await world.pass(25, 25);
  }
  await world.pass(CONTROL_LOOK_MS, 25);
  assertEquals(newest(world).version, 2);
  assertEquals(led(world, world.nodes[1]!), []);
  await world.stop();
});

Deno.test("A link that breaks and is made again at once is no reason to fail over", async () => {
  const world = await replicated();
  world.nodes[1]!.cut();
  await world.pass(1_000);
  assertEquals(newest(world).version, 1);
  assertEquals(world.nodes.map((node) => node.copies.frozen.size), [0, 0, 0]);
  await world.stop();
});

Deno.test("A primary that was started again leads on only in a new epoch, when all have said where they stand", async () => {
  const world = await replicated();
  const restarted = world.nodes[1]!;
  const lost = led(world, restarted);
  restarted.restart();
  await world.pass(1_000);
  assertEquals(newest(world).version, 2);
  for (const shard of lost) {
    const { epoch, primary, inSync } = newest(world).shards[shard]!;
    assertEquals([epoch, primary, inSync.length], [2, restarted.id, 2]);
  }
  assert(world.nodes.every((node) => node.topology!.version === 2));
  await world.stop();
});

Deno.test("A cluster in which all nodes were started again serves all shards, with all copies in sync", async () => {
  const world = await replicated();
  for (const node of world.nodes) node.restart();
  await world.pass(1_500);
  assertEquals(newest(world).shards.every(({ epoch, inSync }) => epoch === 2 && inSync.length === 2), true);
  const client = await world.client();
  for (const i of [0, 1, 2]) assertEquals(await client.ask("SET", world.keyOn(i), "1"), "+OK\r\n");
  await world.stop();
});

Deno.test("The in-sync set changes as its primary proposes, in the present epoch", async () => {
  const world = await replicated();
  const [shard] = led(world, world.nodes[0]!);
  const { replicas: [replica] } = newest(world).shards[shard!]!;
  world.nodes[0]!.copies.unusual.set(shard!, { leave: [replica!] });
  await world.pass(300);
  assertEquals(newest(world).shards[shard!], {
    epoch: 2,
    primary: world.nodes[0]!.id,
    replicas: [replica!],
    inSync: [world.nodes[0]!.id],
  });
  world.nodes[0]!.copies.unusual.set(shard!, { join: [replica!] });
  await world.pass(300);
  assertEquals(newest(world).shards[shard!]!.inSync, [world.nodes[0]!.id, replica!]);
  assertEquals(newest(world).shards[shard!]!.epoch, 3);
  assertEquals(versions(world), [3, 3, 3]);
  await world.stop();
});

Deno.test("A topology that cannot be saved is told to nobody, and saved as soon as that is possible", async () => {
  const world = await replicated();
  world.topologyStore.failure = new Error("disk full");
  world.nodes[1]!.stop();
  await world.pass(1_000);
  assertEquals(versions(world), [1, 1, 1]);
  assertStringIncludes(world.log.join("\n"), "disk full");
  world.topologyStore.failure = null;
  await world.pass(300);
  assertEquals([world.nodes[0], world.nodes[2]].map((node) => node!.topology!.version), [2, 2]);
  await world.stop();
});

for (
  const [when, until] of [
    ["it has asked for freezes", (world: World) => world.nodes.some(({ copies }) => copies.frozen.size > 0)],
    ["it has saved the new topology", (world: World) => newest(world).version === 2],
  ] as const
) {
  Deno.test(`A balancer that dies when ${when} is followed by one that ends the fail-over`, async () => {
    const world = await replicated();
    world.nodes[1]!.stop();
    for (let step = 0; step < 1_000 && !until(world); step++) await world.pass(1, 1);
    assert(until(world));
    // It dies: nothing that it has sent or that is sent to it arrives any more.
    const tell = world.nodes.map((node) => node.script);
    for (const node of world.nodes) node.cut();
    await world.balancer.stop();
    world.nodes.forEach((node, i) => node.script = tell[i]!);
    await world.startBalancer({ replicas: 1 });
    await world.pass(2_500, 50);
    assertEquals(newest(world).shards.some(({ primary }) => primary === world.nodes[1]!.id), false);
    const client = await world.client();
    for (const i of [0, 2]) assertEquals(await client.ask("SET", world.keyOn(i), "1"), "+OK\r\n");
    await world.stop();
  });
}

Deno.test("INFO counts fail-overs, and says how long the last one took", async () => {
  const world = await replicated();
  const shards = led(world, world.nodes[1]!);
  for (const node of world.nodes) for (const shard of shards) node.copies.shut.add(shard);
  world.nodes[1]!.stop();
  await world.pass(1_000);
  for (const node of world.nodes) node.copies.shut.clear();
  await world.pass(300);
  const client = await world.client();
  const info = await client.ask("INFO", "replication");
  await settle();
  assertStringIncludes(info, `failovers:${shards.length}\r\n`);
  const took = Number(/last_failover_ms:(\d+)/.exec(info)![1]);
  assert(took >= 1_000 && took <= 1_300, `${took}`);
  await world.stop();
});

Deno.test("Health says which shards nobody serves, and which have too few copies in sync; the latter are served", async () => {
  const world = await replicated();
  const health = () => {
    const { isHealthy, shardsWithoutPrimary, shardsShortOfCopies } = world.balancer.health();
    return { isHealthy, shardsWithoutPrimary, shardsShortOfCopies };
  };
  assertEquals(health(), { isHealthy: true, shardsWithoutPrimary: [], shardsShortOfCopies: [] });
  const shards = led(world, world.nodes[1]!);
  world.nodes[1]!.stop();
  await settle();
  assertEquals(health(), { isHealthy: false, shardsWithoutPrimary: shards, shardsShortOfCopies: [] });
  await world.pass(1_000);
  assertEquals(health(), { isHealthy: true, shardsWithoutPrimary: [], shardsShortOfCopies: shards });
  await world.stop();
});
