/** Nodes are known by their ids: where they are reached may change. Decisions as a table, and a cluster that has moved. */
import { assertEquals, assertThrows } from "@std/assert";
import { addressesFor, admitNode } from "../../src/controller/admission.ts";
import { RefusalError } from "../../src/core/errors.ts";
import { type Address, addressText } from "../../src/io/network.ts";
import type { NodeIdentity } from "../../src/protocol/roundel_exchange.ts";
import { createTopology, type Topology } from "../../src/topology/topology.ts";
import { World } from "../support/balancer_world.ts";
import { FakeNode } from "../support/fake_node.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const MEMORY = 64 * 1024 * 1024;
const at = (port: number): Address => ({ host: "127.0.0.1", port });

/** Nodes a, b and c at ports 1, 2 and 3. */
const topology: Topology = {
  ...createTopology({
    routing: "slots",
    shardCount: 16,
    nodes: ["a", "b", "c"].map((id, i) => ({ id, ...at(i + 1), maxMemoryBytes: MEMORY })),
  }, new SeededRandom(1)),
  cluster: "ours",
};

/** `id@port` of each node, with the version in front. */
function places({ version, nodes }: Topology): string {
  return `${version}: ${nodes.map(({ id, port }) => `${id}@${port}`).join(" ")}`;
}

const HERE = "1: a@1 b@2 c@3";

interface Row {
  readonly met: Partial<NodeIdentity>;
  /** Where, and which node, by its index, was expected there. */
  readonly port: number;
  readonly expected: number;
  readonly reached?: readonly string[];
  readonly mayReplace?: boolean;
  /** The document that follows, or what the refusal says. */
  readonly decision: string;
}

const TABLE: readonly Row[] = [
  { met: { id: "a" }, port: 1, expected: 0, decision: HERE },
  { met: { id: "a" }, port: 9, expected: 0, decision: "2: a@9 b@2 c@3" },
  { met: { id: "b" }, port: 9, expected: 0, decision: "2: a@1 b@9 c@3" },
  { met: { id: "b" }, port: 1, expected: 0, decision: "2: a@2 b@1 c@3" },
  { met: { id: "b" }, port: 2, expected: 0, decision: HERE },
  {
    met: { id: "b" },
    port: 1,
    expected: 0,
    reached: ["b"],
    decision: "the data behind it is that of 127.0.0.1:2",
  },
  { met: { id: "b" }, port: 9, expected: 0, reached: ["a", "c"], decision: "2: a@1 b@9 c@3" },
  { met: { id: "a", standalone: true }, port: 1, expected: 0, decision: "--standalone" },
  { met: { id: "a", cluster: "theirs" }, port: 9, expected: 0, decision: "belongs to cluster theirs" },
  { met: { id: "a", version: 2 }, port: 9, expected: 0, decision: "knows version 2" },
  { met: { id: "x", cluster: null, version: 0 }, port: 1, expected: 0, decision: "--replace 127.0.0.1:1" },
  { met: { id: "x", cluster: null, version: 0 }, port: 9, expected: 0, decision: "--replace 127.0.0.1:9" },
  { met: { id: "x" }, port: 1, expected: 0, mayReplace: true, decision: "it was replaced" },
  {
    met: { id: "x", cluster: null, version: 0 },
    port: 1,
    expected: 0,
    mayReplace: true,
    decision: "2: x@1 b@2 c@3",
  },
  {
    met: { id: "x", cluster: null, version: 0 },
    port: 9,
    expected: 0,
    mayReplace: true,
    decision: "3: x@9 b@2 c@3",
  },
];

for (const { met, port, expected, reached = [], mayReplace = false, decision } of TABLE) {
  const named = `${JSON.stringify(met)} at ${port} where ${"abc"[expected]} is expected`;
  Deno.test(`Admission: ${named}${mayReplace ? ", to be replaced" : ""}, connected: [${reached}]`, () => {
    const identity: NodeIdentity = {
      id: "a",
      cluster: "ours",
      version: 1,
      maxMemoryBytes: MEMORY,
      entries: 0,
      standalone: false,
      ...met,
    };
    const meeting = { index: expected, address: at(port), isReached: (id: string) => reached.includes(id) };
    const admit = () => admitNode(topology, meeting, identity, mayReplace);
    if (/^\d/.test(decision)) assertEquals(places(admit()), decision);
    else assertThrows(admit, RefusalError, decision);
  });
}

Deno.test("Addresses that are given pair with the nodes that are known there, the rest in their order", () => {
  const flags = (...ports: number[]) => ({
    nodes: ports.map(at),
    shardCount: 16,
    replicas: 0,
    routing: "slots" as const,
  });
  const paired = (...ports: number[]) => addressesFor(topology, flags(...ports)).map(addressText).join(" ");
  assertEquals(paired(3, 1, 2), "127.0.0.1:1 127.0.0.1:2 127.0.0.1:3");
  assertEquals(paired(7, 8, 9), "127.0.0.1:7 127.0.0.1:8 127.0.0.1:9");
  assertEquals(paired(9, 2, 8), "127.0.0.1:9 127.0.0.1:2 127.0.0.1:8");
  for (const ports of [[1, 2], [1, 2, 3, 4], [1, 1, 2]]) {
    assertThrows(
      () => addressesFor(topology, flags(...ports)),
      RefusalError,
      "nodes cannot be added or removed",
    );
  }
});

/** The nodes of `world`, with all they know, at other ports. */
function moved(world: World, ports: readonly number[]): FakeNode[] {
  return world.nodes.map((node, i) => {
    node.stop();
    const there = new FakeNode(world.network, ports[i]!, node.id);
    Object.assign(there, { cluster: node.cluster, topology: node.topology });
    for (const [key, value] of node.data) there.data.set(key, value);
    return there;
  });
}

for (
  const [what, from, to, given] of [
    ["to other addresses, all of them at once", 3, [9001, 9002, 9003], [9001, 9002, 9003]],
    ["to addresses that are given in another order", 3, [9001, 9002, 9003], [9002, 9003, 9001]],
    ["to each other's addresses", 2, [8082, 8081], [8081, 8082]],
    ["round in a circle", 3, [8082, 8083, 8081], [8081, 8082, 8083]],
  ] as const
) {
  Deno.test(`A cluster whose nodes have moved ${what}, is the same cluster`, async () => {
    const world = await World.start({}, from);
    const client = await world.client();
    const keys = Array.from({ length: from }, (_, i) => world.keyOn(i));
    for (const key of keys) assertEquals(await client.ask("SET", key, key), "+OK\r\n");
    await world.balancer.stop();
    const nodes = moved(world, to);
    for (const node of nodes) node.start();
    await world.startBalancer({ nodes: given.map(at) });
    await world.pass(5_000, 50);
    const again = await world.client();
    for (const key of keys) assertEquals(await again.ask("GET", key), `$${key.length}\r\n${key}\r\n`);
    const saved = world.topologyStore.saved.at(-1)!;
    assertEquals(saved.nodes.map(({ port }) => port), [...to]);
    assertEquals(nodes.map((node) => node.topology?.version), nodes.map(() => saved.version));
    assertEquals(saved.shards, world.topologyStore.saved[0]!.shards);
    await world.balancer.stop();
    for (const node of nodes) node.stop();
  });
}

Deno.test("A node that is started at the address of one that is away, is found while the balancer runs", async () => {
  const world = await World.start({}, 2);
  const [a, b] = moved(world, [8082, 8081]);
  await world.pass(500);
  b!.start();
  await world.pass(5_000, 50);
  assertEquals(world.topologyStore.saved.at(-1)!.nodes.map(({ port }) => port), [8082, 8081]);
  a!.start();
  await world.pass(5_000, 50);
  assertEquals(world.balancer.health().isHealthy, true);
  await world.balancer.stop();
  for (const node of [a!, b!]) node.stop();
});
