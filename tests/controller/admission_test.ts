/** Which nodes may serve, and how a cluster is created, resumed and changed. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { RefusalError } from "../../src/core/errors.ts";
import { MIB } from "../../src/core/limits.ts";
import { World } from "../support/balancer_world.ts";

Deno.test("A new cluster is created once every node was reached, durably before any node hears of it", async () => {
  const world = World.nodesOnly();
  world.nodes[1]!.stop();
  const balancer = world.make();
  const started = balancer.start();
  await world.pass(500);
  assertEquals(world.topologyStore.saved, []);
  assertEquals(world.nodes[0]!.topology, null);
  world.nodes[1]!.start();
  await world.pass(2_500);
  await started;
  const [topology] = world.topologyStore.saved;
  assertEquals(topology!.version, 1);
  assertEquals(topology!.shardCapBytes, 2 * 64 * MIB / 16);
  for (const node of world.nodes) assertEquals(node.topology, topology!);
  await balancer.stop();
});

Deno.test("No node hears of a topology that could not be saved", async () => {
  const world = World.nodesOnly();
  world.topologyStore.failure = new Error("disk full");
  const balancer = world.make();
  const started = balancer.start();
  await world.pass(500);
  assertEquals(world.nodes.map((node) => node.topology), [null, null]);
  assertStringIncludes(world.log.join("\n"), "disk full");
  world.topologyStore.failure = null;
  await world.pass(3_000);
  await started;
  assertEquals(world.nodes.map((node) => node.topology?.version), [1, 1]);
  await balancer.stop();
});

Deno.test("A balancer goes on with the topology that a save has left which failed half-way", async () => {
  const world = World.nodesOnly();
  world.topologyStore.lateFailure = new Error("I/O error");
  const balancer = world.make();
  const started = balancer.start();
  await world.pass(3_000);
  await started;
  assertEquals(world.topologyStore.saved.length, 1);
  assertEquals(world.nodes.map((node) => node.topology), [
    world.topologyStore.saved[0]!,
    world.topologyStore.saved[0]!,
  ]);
  await balancer.stop();
});

Deno.test("A balancer that is stopped while it waits for nodes says so", async () => {
  const world = World.nodesOnly();
  world.nodes[1]!.stop();
  const balancer = world.make();
  const started = assertRejects(() => balancer.start(), RefusalError, "stopped");
  await world.pass(100);
  await balancer.stop();
  await started;
});

Deno.test("A known cluster is served although some nodes are away", async () => {
  const world = await World.start();
  await world.balancer.stop();
  world.nodes[1]!.stop();
  await world.startBalancer();
  const client = await world.client();
  assertEquals(await client.ask("SET", world.keyOn(0), "1"), "+OK\r\n");
  assertEquals(world.topologyStore.saved.length, 1);
  world.nodes[1]!.start();
  await world.pass(2_500);
  assertEquals(await client.ask("SET", world.keyOn(1), "1"), "+OK\r\n");
  await world.stop();
});

for (
  const [what, spoil, message] of [
    [
      "belongs to another cluster",
      (world: World) => world.nodes[1]!.cluster = "other",
      "already belongs to cluster other",
    ],
    ["runs standalone", (world: World) => world.nodes[1]!.standalone = true, "--standalone"],
    ["is given twice", (world: World) => world.nodes[1]!.id = world.nodes[0]!.id, "lead to the same node"],
    ["has too little memory", (world: World) => {
      for (const node of world.nodes) node.maxMemoryBytes = MIB;
    }, "--max-memory of 4mb"],
    [
      "is no node of Roundel",
      (world: World) => world.nodes[1]!.script = () => "-ERR unknown command\r\n",
      "--node",
    ],
  ] as const
) {
  Deno.test(`A cluster is not created with a node that ${what}`, async () => {
    const world = World.nodesOnly();
    spoil(world);
    await assertRejects(() => world.make().start(), RefusalError, message);
    assertEquals(world.topologyStore.saved, []);
  });
}

for (
  const [what, options, message] of [
    [
      "other nodes",
      { nodes: [{ host: "127.0.0.1", port: 8081 }] },
      "its nodes are 127.0.0.1:8081, 127.0.0.1:8082",
    ],
    ["another count of shards", { shardCount: 32 }, "start with --shards 16"],
    ["another routing", { routing: "round-robin" }, "start with --routing slots"],
    [
      "a replacement for a stranger",
      { replace: [{ host: "127.0.0.1", port: 1 }] },
      "not among the --node addresses",
    ],
  ] as const
) {
  Deno.test(`A known cluster is not served with ${what}`, async () => {
    const world = await World.start();
    await world.balancer.stop();
    await assertRejects(() => world.make(options).start(), RefusalError, message);
    assertEquals(world.topologyStore.saved.length, 1);
  });
}

Deno.test("A node with other data than before is refused until a person accepts the loss", async () => {
  const world = await World.start();
  const [lost, kept] = [world.keyOn(1), world.keyOn(0)];
  await world.balancer.stop();
  const old = world.topologyStore.saved[0]!;
  Object.assign(world.nodes[1]!, { id: "new disk", cluster: null, topology: null });
  await world.startBalancer();
  const client = await world.client();
  assertMatch(await client.ask("GET", lost), /^-CLUSTERDOWN .*--replace 127\.0\.0\.1:8082/);
  assertEquals(await client.ask("GET", kept), "$-1\r\n");
  assertEquals(world.nodes[1]!.topology, null);
  const refusals = world.log.filter((line) => line.startsWith("error node is refused"));
  await world.pass(5_000, 50);
  assertEquals(world.log.filter((line) => line.startsWith("error node is refused")), refusals);
  assertEquals(refusals.length, 1);

  await world.balancer.stop();
  await world.startBalancer({ replace: [{ host: "127.0.0.1", port: 8082 }] });
  const next = world.topologyStore.saved.at(-1)!;
  assertEquals(next.version, 2);
  assertEquals(next.nodes[1]!.id, "new disk");
  next.shards.forEach((shard, i) => {
    const was = old.shards[i]!;
    assertEquals(shard.epoch, was.primary === old.nodes[1]!.id ? was.epoch + 1 : was.epoch);
  });
  assertEquals(world.nodes.map((node) => node.topology?.version), [2, 2]);
  const again = await world.client();
  assertEquals(await again.ask("SET", lost, "1"), "+OK\r\n");
  await world.stop();
});

Deno.test("A replacement is accepted once: a third node at the same address is refused again", async () => {
  const world = await World.start();
  await world.balancer.stop();
  Object.assign(world.nodes[1]!, { id: "second", cluster: null, topology: null });
  await world.startBalancer({ replace: [{ host: "127.0.0.1", port: 8082 }] });
  world.nodes[1]!.cut();
  Object.assign(world.nodes[1]!, { id: "third", cluster: null, topology: null });
  await world.pass(500);
  assertEquals(world.topologyStore.saved.at(-1)!.nodes[1]!.id, "second");
  assertStringIncludes(world.log.at(-1)!, "error node is refused");
  await world.stop();
});

Deno.test("A node is refused that knows a newer topology or another cluster, or was replaced", async () => {
  const world = await World.start();
  const cluster = world.nodes[0]!.cluster;
  await world.balancer.stop();
  const cases: [Partial<World["nodes"][number]>, string][] = [
    [{ topology: { ...world.topologyStore.saved[0]!, version: 9 } }, "knows version 9"],
    [{ topology: null, cluster: "other" }, "belongs to cluster other"],
    [{ id: "stranger", cluster }, "it was replaced"],
  ];
  for (const [change, message] of cases) {
    Object.assign(world.nodes[1]!, change);
    world.log.length = 0;
    await world.startBalancer({ replace: [{ host: "127.0.0.1", port: 8082 }] });
    assertStringIncludes(world.log.find((line) => line.startsWith("error")) ?? "", message);
    await world.balancer.stop();
  }
  assertEquals(world.topologyStore.saved.length, 1);
});

Deno.test("A node that comes back with other memory changes every shard's cap", async () => {
  const world = await World.start();
  world.nodes[1]!.maxMemoryBytes = 32 * MIB;
  world.nodes[1]!.cut();
  await world.pass(200);
  const topology = world.topologyStore.saved.at(-1)!;
  assertEquals([topology.version, topology.shardCapBytes], [2, 32 * MIB / 8]);
  assertEquals(world.nodes.map((node) => node.topology?.version), [2, 2]);
  await world.stop();
});

Deno.test("A port that is taken is told, and nothing keeps running", async () => {
  const world = World.nodesOnly();
  const taken = world.network.listen({ host: "127.0.0.1", port: 8080 });
  const balancer = world.make({ listen: { host: "127.0.0.1", port: 8080 } });
  await assertRejects(() => balancer.start(), Deno.errors.AddrInUse);
  const reads = world.nodes.map((node) => node.readCount);
  for (const node of world.nodes) node.cut();
  await world.pass(3_000, 50);
  assertEquals(world.nodes.map((node) => node.readCount), reads);
  taken.close();
});
