/** A request belongs to its slot: where that goes, the request follows, while the balancer runs. */
import { assertEquals, assertMatch } from "@std/assert";
import { Balancer } from "../../src/balancer/balancer.ts";
import { WorkerTopology } from "../../src/balancer/worker_topology.ts";
import { slotOfKey } from "../../src/core/slot.ts";
import { shardOfSlot } from "../../src/core/shard_ranges.ts";
import { bytesOf } from "../../src/core/bytes.ts";
import { createTopology, type Topology } from "../../src/topology/topology.ts";
import { serializeTopology } from "../../src/topology/topology_document.ts";
import { resp, TestClient } from "../support/balancer_world.ts";
import { CollectingLogger } from "../support/collecting_logger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeNode } from "../support/fake_node.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { settle } from "../support/settle.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";

const MEMORY = 64 * 1024 * 1024;

/** A worker's loop with `count` nodes, of which the topology may change as a test likes. */
class ChangingWorld {
  readonly network = new SimulatedNetwork();
  readonly clock = new FakeClock();
  readonly nodes: FakeNode[];
  topology: Topology;
  readonly source: WorkerTopology;
  readonly balancer: Balancer;

  constructor(count: number) {
    this.nodes = Array.from({ length: count }, (_, i) => new FakeNode(this.network, 8081 + i));
    const nodes = this.nodes.map(({ id, port }) => ({ id, host: "127.0.0.1", port, maxMemoryBytes: MEMORY }));
    const options = { routing: "slots" as const, shardCount: 16, nodes };
    this.topology = createTopology(options, new SeededRandom(1));
    this.source = new WorkerTopology(serializeTopology(this.topology));
    this.balancer = new Balancer({
      listen: { host: "127.0.0.1", port: 8080 },
      nodes: [],
      routing: "slots",
      network: this.network,
      clock: this.clock,
      random: new SeededRandom(2),
      logger: new CollectingLogger(),
    }, this.source);
  }

  async start(): Promise<TestClient> {
    for (const node of this.nodes) node.start();
    await this.balancer.start();
    await settle();
    return await this.client();
  }

  async client(): Promise<TestClient> {
    const connection = await this.network.connect({ host: "127.0.0.1", port: 8080 });
    await settle();
    return new TestClient(connection, true);
  }

  /** The next version, changed by `change`. */
  async adopt(change: (topology: Topology) => Partial<Topology>): Promise<void> {
    const { topology } = this;
    this.topology = { ...topology, version: topology.version + 1, ...change(topology) };
    this.source.adopt(serializeTopology(this.topology));
    await settle();
  }

  /** The next version, in which node `index` keeps every shard. */
  giveAllTo(index: number): Promise<void> {
    const { id } = this.nodes[index]!;
    return this.adopt(({ shards }) => ({
      shards: shards.map((shard) => ({ ...shard, epoch: shard.epoch + 1, primary: id, inSync: [id] })),
    }));
  }

  keyOn(index: number): string {
    for (let i = 0;; i++) {
      const bytes = bytesOf(`key${i}`);
      const shard = shardOfSlot(slotOfKey(bytes, 0, bytes.length), this.topology.shardCount);
      if (this.topology.shards[shard]!.primary === this.nodes[index]!.id) return `key${i}`;
    }
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      this.clock.advance(50);
      await settle();
    }
  }

  async stop(): Promise<void> {
    await this.balancer.stop();
    for (const node of this.nodes) node.stop();
  }
}

Deno.test("Requests that wait for a node that is away follow their slots to another node, in their order", async () => {
  const world = new ChangingWorld(2);
  const client = await world.start();
  const key = world.keyOn(0);
  world.nodes[0]!.stop();
  await settle();
  await client.send(resp("SET", key, "1") + resp("INCR", key) + resp("GET", key));
  assertEquals(client.take(), "");
  await world.giveAllTo(1);
  assertEquals(client.take(), "+OK\r\n:2\r\n$1\r\n2\r\n");
  assertEquals(world.nodes[1]!.commands(), ["SET", "INCR", "GET"]);
  await world.stop();
});

Deno.test("A request that its node refuses because the slot has moved, follows it; what comes later stays behind", async () => {
  const world = new ChangingWorld(2);
  const [first, second] = [await world.start(), await world.client()];
  const key = world.keyOn(0);
  world.nodes[0]!.script = ([name]) => name === "SET" ? "-MOVED 1 127.0.0.1:8082\r\n" : null;
  world.nodes[0]!.hold();
  await first.send(resp("SET", key, "first"));
  await world.giveAllTo(1);
  await second.send(resp("SET", key, "second"));
  assertEquals(world.nodes[1]!.commands(), []);
  world.nodes[0]!.release();
  await settle();
  assertEquals([first.take(), second.take()], ["+OK\r\n", "+OK\r\n"]);
  assertEquals(world.nodes[1]!.requests, [["SET", key, "first"], ["SET", key, "second"]]);
  await world.stop();
});

Deno.test("A slot that moves waits for its own requests only", async () => {
  const world = new ChangingWorld(3);
  const [client, other] = [await world.start(), await world.client()];
  const [moving, staying] = [world.keyOn(0), world.keyOn(2)];
  world.nodes[0]!.hold();
  await client.send(resp("SET", moving, "1"));
  await world.adopt(({ shards }) => ({
    shards: shards.map((shard) =>
      shard.primary === "node-8081" ? { ...shard, primary: "node-8082", inSync: ["node-8082"] } : shard
    ),
  }));
  assertEquals(await other.ask("SET", staying, "1"), "+OK\r\n");
  assertEquals(client.take(), "");
  world.nodes[0]!.release();
  await world.stop();
});

Deno.test("A read whose link broke is asked of the node that keeps its slot by then; a write is uncertain", async () => {
  const world = new ChangingWorld(2);
  const [reader, writer] = [await world.start(), await world.client()];
  const key = world.keyOn(0);
  world.nodes[1]!.data.set(key, "v");
  world.nodes[0]!.hold();
  await reader.send(resp("GET", key));
  await writer.send(resp("SET", key, "w"));
  await world.giveAllTo(1);
  world.nodes[0]!.stop();
  await settle();
  assertEquals(reader.take(), "$1\r\nv\r\n");
  assertMatch(writer.take(), /^-UNCERTAIN /);
  assertEquals(world.nodes[1]!.commands(), ["GET"]);
  await world.stop();
});

Deno.test("Nodes come, go and are reached elsewhere while clients are served", async () => {
  const world = new ChangingWorld(2);
  const client = await world.start();
  const added = new FakeNode(world.network, 8083);
  added.start();
  world.nodes.push(added);
  const entry = { id: added.id, host: "127.0.0.1", port: 8083, maxMemoryBytes: MEMORY, stale: false };
  await world.adopt(({ nodes }) => ({ nodes: [...nodes, entry] }));
  await world.giveAllTo(2);
  assertEquals(await client.ask("SET", "a", "1"), "+OK\r\n");
  assertEquals(added.commands(), ["SET"]);

  await world.adopt(() => ({ nodes: [entry] }));
  await world.pass(100);
  assertEquals(world.nodes.map((node) => node.links().length), [0, 0, 2]);
  assertEquals(await client.ask("DBSIZE"), ":1\r\n");

  const elsewhere = new FakeNode(world.network, 9083, added.id);
  elsewhere.data.set("a", "2");
  elsewhere.start();
  await world.adopt(() => ({ nodes: [{ ...entry, port: 9083 }] }));
  await world.pass(100);
  assertEquals(await client.ask("GET", "a"), "$1\r\n2\r\n");
  assertEquals(added.links(), []);
  elsewhere.stop();
  await world.stop();
});
