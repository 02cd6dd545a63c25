/** A balancer and a real node, in process, on a simulated network and disk. */
import { Balancer } from "../../src/balancer/balancer.ts";
import { Controller } from "../../src/controller/controller.ts";
import { MIB } from "../../src/core/limits.ts";
import { NodeServer } from "../../src/node/node_server.ts";
import { MemoryTopologyStore, TestClient } from "./balancer_world.ts";
import { CollectingLogger } from "./collecting_logger.ts";
import { FakeClock } from "./fake_clock.ts";
import { SeededRandom } from "./seeded_random.ts";
import { settle } from "./settle.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { SimulatedNetwork } from "./simulated_network.ts";

export const NODE_PORT = 8081;

export class OneNodeWorld {
  readonly network = new SimulatedNetwork();
  readonly clock = new FakeClock();
  readonly topologyStore = new MemoryTopologyStore();
  readonly logger = new CollectingLogger();
  readonly disk = new SimulatedDisk();
  #node!: NodeServer;
  #balancer!: Balancer;
  #seed = 1;

  async start(): Promise<TestClient> {
    this.#node = await NodeServer.start({
      host: "127.0.0.1",
      port: NODE_PORT,
      dataDir: "data",
      maxMemoryBytes: 64 * MIB,
      fsync: "always",
      standalone: false,
      dumpIntervalMs: 0,
      dumpLogBytes: 0,
      clientStallMs: 60_000,
      clientCountMax: 100,
    }, {
      clock: this.clock,
      network: this.network,
      disk: this.disk.process(),
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
    return await this.client();
  }

  /** Of the balancer. */
  async client(): Promise<TestClient> {
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
