/**
 * A balancer and a real node with the network between them cut off: what the balancer has given up stays given up, so
 * that who looks before repeating a write that was `UNCERTAIN` sees what became of it.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Balancer } from "../../src/balancer/balancer.ts";
import { Controller } from "../../src/controller/controller.ts";
import { NodeServer } from "../../src/node/node_server.ts";
import { MemoryTopologyStore, resp, TestClient } from "../support/balancer_world.ts";
import { CollectingLogger } from "../support/collecting_logger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { settle } from "../support/settle.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";

const NODE_PORT = 8081;

class PartitionedWorld {
  readonly network = new SimulatedNetwork();
  readonly clock = new FakeClock();
  readonly topologyStore = new MemoryTopologyStore();
  readonly logger = new CollectingLogger();
  #node!: NodeServer;
  #balancer!: Balancer;
  #seed = 1;

  async start(): Promise<TestClient> {
    this.#node = await NodeServer.start({
      host: "127.0.0.1",
      port: NODE_PORT,
      dataDir: "data",
      maxMemoryBytes: 8 * 1024 * 1024,
      fsync: "always",
      standalone: false,
      dumpIntervalMs: 0,
      dumpLogBytes: 0,
      clientStallMs: 60_000,
      clientCountMax: 100,
    }, {
      clock: this.clock,
      network: this.network,
      disk: new SimulatedDisk().process(),
      random: new SeededRandom(100),
      process: {
        pid: 1,
        denoVersion: "test",
        os: "test",
        bootId: null,
        residentBytes: () => 0,
        abort: () => Deno.exit(1),
      },
      logger: this.logger,
    });
    return await this.startBalancer();
  }

  async startBalancer(): Promise<TestClient> {
    const options = {
      listen: { host: "127.0.0.1", port: 0 },
      nodes: [{ host: "127.0.0.1", port: NODE_PORT }],
      replicas: 0 as const,
      shardCount: 4,
      routing: "slots" as const,
      replace: [],
      network: this.network,
      clock: this.clock,
      random: new SeededRandom(this.#seed++),
      topologyStore: this.topologyStore,
      logger: this.logger,
    };
    this.#balancer = new Balancer(options, new Controller(options));
    await this.#balancer.start();
    await this.pass(1_000);
    return new TestClient(await this.network.connect({ host: "127.0.0.1", port: this.#balancer.port }), true);
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      this.clock.advance(50);
      await settle();
    }
  }

  async stop(): Promise<void> {
    const stopped = this.#balancer.stop();
    await this.pass(100);
    await stopped;
    const stopping = this.#node.stop();
    await this.pass(100);
    await stopping;
  }
}

Deno.test("A write that was uncertain never arrives after a later one", async () => {
  const world = new PartitionedWorld();
  const client = await world.start();
  world.network.cutOff(NODE_PORT);
  await client.send(resp("INCR", "n"));
  await world.pass(2_000);
  assertMatch(client.take(), /^-UNCERTAIN /);
  const deliverOld = world.network.heal(NODE_PORT);
  await world.pass(5_000);
  assertEquals(await client.ask("GET", "n"), "$-1\r\n");
  assertEquals(await client.ask("INCR", "n"), ":1\r\n");
  assertEquals(await client.ask("SET", "n", "100"), "+OK\r\n");
  deliverOld();
  await world.pass(2_000);
  assertEquals(await client.ask("GET", "n"), "$3\r\n100\r\n");
  await world.stop();
});

Deno.test("A write that was uncertain and did arrive is seen by who looks", async () => {
  const world = new PartitionedWorld();
  const client = await world.start();
  world.network.cutOff(NODE_PORT);
  await client.send(resp("INCR", "n"));
  await world.pass(2_000);
  assertMatch(client.take(), /^-UNCERTAIN /);
  world.network.heal(NODE_PORT)();
  await world.pass(5_000);
  assertEquals(await client.ask("GET", "n"), "$1\r\n1\r\n");
  await world.stop();
});

Deno.test("What a balancer that died had on the way does not arrive behind what its successor writes", async () => {
  const world = new PartitionedWorld();
  const client = await world.start();
  world.network.cutOff(NODE_PORT);
  await client.send(resp("SET", "k", "old"));
  const deliverOld = world.network.heal(NODE_PORT);
  const next = await world.startBalancer();
  assertEquals(await next.ask("SET", "k", "new"), "+OK\r\n");
  deliverOld();
  await settle();
  assertEquals(await next.ask("GET", "k"), "$3\r\nnew\r\n");
});
