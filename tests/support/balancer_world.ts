/** A balancer among fake nodes, on a simulated network and a clock that stands still. */
import { Balancer } from "../../src/balancer/balancer.ts";
import { Controller } from "../../src/controller/controller.ts";
import type { BalancerOptions } from "../../src/balancer/options.ts";
import { bytesOf, latin1Of } from "../../src/core/bytes.ts";
import { SeededRandom } from "./seeded_random.ts";
import { shardOfSlot } from "../../src/core/shard_ranges.ts";
import { slotOfKey } from "../../src/core/slot.ts";
import type { Topology } from "../../src/topology/topology.ts";
import type { TopologyStore } from "../../src/topology/topology_file.ts";
import { FakeClock } from "./fake_clock.ts";
import { array, bulk, FakeNode } from "./fake_node.ts";
import { settle } from "./settle.ts";
import { writeAll } from "../../src/io/network.ts";
import { type SimulatedConnection, SimulatedNetwork } from "./simulated_network.ts";

const FIRST_NODE_PORT = 8081;

/** Keeps documents in memory, every version of them. */
export class MemoryTopologyStore implements TopologyStore {
  readonly saved: Topology[] = [];
  /** Set to make saving fail. */
  failure: Error | null = null;
  /** Set to make the next save fail although the document is kept. */
  lateFailure: Error | null = null;

  load(): Promise<Topology | null> {
    return Promise.resolve(this.saved.at(-1) ?? null);
  }

  save(next: Topology, expectedVersion: number): Promise<boolean> {
    if (this.failure !== null) return Promise.reject(this.failure);
    if ((this.saved.at(-1)?.version ?? 0) !== expectedVersion) return Promise.resolve(false);
    this.saved.push(next);
    const failure = this.lateFailure;
    this.lateFailure = null;
    return failure === null ? Promise.resolve(true) : Promise.reject(failure);
  }
}

/** A client that sends bytes and shows what came back. */
export class TestClient {
  readonly connection: SimulatedConnection;
  #received = "";
  isClosed = false;

  constructor(connection: SimulatedConnection, reads: boolean) {
    this.connection = connection;
    if (reads) this.read();
  }

  /** Sends bytes, given a character each. */
  async send(text: string): Promise<void> {
    await writeAll(this.connection, bytesOf(text));
    await settle();
  }

  /** Sends one request as RESP, and returns the reply. */
  async ask(...args: readonly string[]): Promise<string> {
    await this.send(resp(...args));
    return this.take();
  }

  /** What was received since the last call. */
  take(): string {
    const received = this.#received;
    this.#received = "";
    return received;
  }

  /** Begins to read whatever comes. */
  async read(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      let count: number | null;
      while ((count = await this.connection.read(buffer)) !== null) {
        this.#received += latin1Of(buffer, 0, count);
      }
    } catch {
      // Closed by this side, or cut: closed either way.
    }
    this.isClosed = true;
  }
}

export class World {
  readonly network = new SimulatedNetwork();
  readonly clock = new FakeClock();
  readonly topologyStore = new MemoryTopologyStore();
  readonly nodes: FakeNode[];
  /** `level message fields`, a line each. */
  readonly log: string[] = [];
  balancer!: Balancer;
  /** Each balancer has its own. */
  #seed = 0;

  private constructor(nodeCount: number) {
    this.nodes = Array.from({ length: nodeCount }, (_, i) => new FakeNode(this.network, FIRST_NODE_PORT + i));
  }

  /** Nodes that listen, and no balancer yet. */
  static nodesOnly(nodeCount = 2): World {
    const world = new World(nodeCount);
    for (const node of world.nodes) node.start();
    return world;
  }

  /** A cluster that serves. */
  static async start(options: Partial<BalancerOptions> = {}, nodeCount = 2): Promise<World> {
    const world = World.nodesOnly(nodeCount);
    await world.startBalancer(options);
    return world;
  }

  /** A balancer that was not started. */
  make(options: Partial<BalancerOptions> = {}): Balancer {
    const note = (level: string) => (message: string, fields?: Record<string, unknown>) => {
      this.log.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
    };
    const all: BalancerOptions = {
      listen: { host: "127.0.0.1", port: 0 },
      nodes: this.nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
      replicas: 0,
      shardCount: 16,
      routing: "slots",
      replace: [],
      network: this.network,
      clock: this.clock,
      random: new SeededRandom(++this.#seed),
      topologyStore: this.topologyStore,
      logger: { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") },
      ...options,
    };
    return new Balancer(all, new Controller(all));
  }

  async startBalancer(options: Partial<BalancerOptions> = {}): Promise<void> {
    this.balancer = this.make(options);
    await this.balancer.start();
    await settle();
  }

  async client(reads = true): Promise<TestClient> {
    const connection = await this.network.connect({ host: "127.0.0.1", port: this.balancer.port });
    await settle();
    return new TestClient(connection, reads);
  }

  /** Lets time go by in steps, so that what each step sets off happens before the next. */
  async pass(ms: number, stepMs = 10): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - passed));
      await settle();
    }
  }

  /** The shard of `key`. */
  shardOf(key: string): number {
    return shardOfSlot(slotOfKey(bytesOf(key), 0, key.length), this.topologyStore.saved.at(-1)!.shardCount);
  }

  /** A key that lies on node `index`, counted from 0; different for different `number`. */
  keyOn(index: number, number = 0): string {
    const id = this.nodes[index]!.id;
    const { shards } = this.topologyStore.saved.at(-1)!;
    for (let i = 0;; i++) {
      const key = `key${i}`;
      if (shards[this.shardOf(key)]!.primary === id && number-- === 0) return key;
    }
  }

  async stop(): Promise<void> {
    await this.balancer.stop();
    for (const node of this.nodes) node.stop();
  }
}

/** A request as RESP. */
export function resp(...args: readonly string[]): string {
  return array(args.map(bulk));
}
