/**
 * Several nodes of a cluster inside the test, each with a disk of its own, on one simulated network and one clock that the
 * test moves. The test is their controller: it makes topologies and tells them.
 */
import { assertEquals } from "@std/assert";
import type { Clock, Timer } from "../../src/core/clock.ts";
import { MIB } from "../../src/core/limits.ts";
import type { Address, Connection, Listener, Network } from "../../src/io/network.ts";
import { NodeServer } from "../../src/node/node_server.ts";
import type { FsyncPolicy } from "../../src/persistence/log.ts";
import { createTopology, type Topology, type TopologyShard } from "../../src/topology/topology.ts";
import { serializeTopology } from "../../src/topology/topology_document.ts";
import { CollectingLogger } from "../support/collecting_logger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { advance, settle } from "../support/settle.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { type SimulatedConnection, SimulatedNetwork } from "../support/simulated_network.ts";
import { NodeClient } from "./node_world.ts";

const HOST = "127.0.0.1";
const FIRST_PORT = 8081;
/** How far time moves at once: everything may happen within it, in between. */
const STEP_MS = 10;

/** What a process reaches for: with its end, its timers and connections are gone. */
class Process implements Clock, Network {
  readonly #clock: FakeClock;
  readonly #network: SimulatedNetwork;
  readonly #timers = new Set<Timer>();
  readonly #connections: SimulatedConnection[] = [];
  readonly #listeners: Listener[] = [];
  /** How far the time of day at this machine is ahead. */
  readonly #aheadMs: number;
  #isDead = false;

  constructor(clock: FakeClock, network: SimulatedNetwork, aheadMs: number) {
    this.#aheadMs = aheadMs;
    this.#clock = clock;
    this.#network = network;
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.#aheadMs;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#keep(this.#clock.after(delayMs, () => this.#isDead || run()));
  }

  every(periodMs: number, run: () => void): Timer {
    return this.#keep(this.#clock.every(periodMs, () => this.#isDead || run()));
  }

  listen(address: Address): Listener {
    const listener = this.#network.listen(address);
    this.#listeners.push(listener);
    const accept = async () => {
      const connection = await listener.accept() as SimulatedConnection | null;
      if (connection !== null) this.#connections.push(connection);
      return connection;
    };
    return { host: listener.host, port: listener.port, accept, close: () => listener.close() };
  }

  async connect(address: Address): Promise<Connection> {
    const connection = await this.#network.connect(address);
    this.#connections.push(connection);
    if (this.#isDead) connection.cut();
    return connection;
  }

  kill(): void {
    this.#isDead = true;
    for (const timer of this.#timers) timer.cancel();
    for (const listener of this.#listeners) listener.close();
    for (const connection of this.#connections) connection.cut();
  }

  #keep(timer: Timer): Timer {
    this.#timers.add(timer);
    return timer;
  }
}

class TestNode {
  readonly port: number;
  readonly aheadMs: number;
  readonly disk = new SimulatedDisk();
  readonly logger = new CollectingLogger();
  server: NodeServer | null = null;
  process: Process | null = null;
  id = "";
  /** Starts of its machine. */
  bootCount = 1;

  constructor(port: number, aheadMs: number) {
    this.port = port;
    this.aheadMs = aheadMs;
  }
}

export class ClusterWorld {
  readonly clock = new FakeClock();
  readonly network = new SimulatedNetwork();
  readonly #random = new SeededRandom(7);
  readonly #fsync: FsyncPolicy;
  readonly nodes: TestNode[] = [];
  topology!: Topology;

  private constructor(fsync: FsyncPolicy) {
    this.#fsync = fsync;
  }

  /** Nodes `0`, `1`, …, of which the first leads the one shard, and all keep it. */
  static async start(
    count: number,
    { fsync = "always", ...options }:
      & Partial<Record<"replicas" | "inSync" | "aheadMs", number[]>>
      & { readonly fsync?: FsyncPolicy } = {},
  ): Promise<ClusterWorld> {
    const world = new ClusterWorld(fsync);
    for (let i = 0; i < count; i++) {
      world.nodes.push(new TestNode(FIRST_PORT + i, options.aheadMs?.[i] ?? 0));
      await world.startNode(i);
    }
    const nodes = world.nodes.map(({ id, port }) => ({ id, host: HOST, port, maxMemoryBytes: 8 * MIB }));
    const created = createTopology({ routing: "slots", shardCount: 1, nodes }, world.#random);
    const others = Array.from({ length: count - 1 }, (_, i) => i + 1);
    const { replicas = others, inSync = [0, ...replicas] } = options;
    const id = (i: number) => world.nodes[i]!.id;
    world.topology = {
      ...created,
      shardCapBytes: 4 * MIB,
      shards: [{ epoch: 1, primary: id(0), replicas: replicas.map(id), inSync: inSync.map(id) }],
    };
    await world.tellAll();
    await world.pass(100);
    return world;
  }

  async startNode(index: number): Promise<void> {
    const node = this.nodes[index]!;
    const process = node.process = new Process(this.clock, this.network, node.aheadMs);
    node.server = await NodeServer.start({
      host: HOST,
      port: node.port,
      dataDir: "data",
      maxMemoryBytes: 8 * MIB,
      fsync: this.#fsync,
      standalone: false,
      dumpIntervalMs: 0,
      dumpLogBytes: 0,
      clientStallMs: 60_000,
      clientCountMax: 100,
    }, {
      clock: process,
      network: process,
      disk: node.disk.process(),
      random: this.#random,
      process: {
        pid: 1,
        denoVersion: "test",
        os: "test",
        residentBytes: () => 0,
        abort: (error) => {
          throw error;
        },
        bootId: `boot ${node.bootCount}`,
      },
      logger: node.logger,
    });
    const client = await this.client(index);
    node.id = JSON.parse(body(await client.ask("ROUNDEL", "IDENTITY"))).id;
  }

  /** The process dies, and what it had not synced is lost. */
  kill(index: number): void {
    const node = this.nodes[index]!;
    node.process!.kill();
    node.disk.losePower();
  }

  /** Likewise, and its machine is started again. */
  losePower(index: number): void {
    this.kill(index);
    this.nodes[index]!.bootCount++;
  }

  async stop(): Promise<void> {
    const stopping = this.nodes.map(({ server }) => server!.stop());
    for (let i = 0; i < 3; i++) await advance(this.clock, STEP_MS);
    await Promise.all(stopping);
  }

  async client(index: number): Promise<NodeClient> {
    return new NodeClient(await this.network.connect({ host: HOST, port: this.nodes[index]!.port }));
  }

  /** Lets `ms` go by. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) await advance(this.clock, STEP_MS);
    await settle();
  }

  /** The next epoch of the shard. */
  next(primary: number, inSync: number[]): Topology {
    const id = (i: number) => this.nodes[i]!.id;
    const [before] = this.topology.shards;
    const copies = [before!.primary, ...before!.replicas];
    const shard: TopologyShard = {
      epoch: before!.epoch + 1,
      primary: id(primary),
      replicas: copies.filter((copy) => copy !== id(primary)),
      inSync: inSync.map(id),
    };
    this.topology = { ...this.topology, version: this.topology.version + 1, shards: [shard] };
    return this.topology;
  }

  async tell(index: number): Promise<void> {
    const client = await this.client(index);
    assertEquals(await client.ask("ROUNDEL", "TOPOLOGY", serializeTopology(this.topology)), "+OK\r\n");
  }

  async tellAll(): Promise<void> {
    for (let i = 0; i < this.nodes.length; i++) await this.tell(i);
  }

  /** What the node says of its copy. */
  async copy(index: number) {
    const client = await this.client(index);
    return JSON.parse(body(await client.ask("ROUNDEL", "STATUS"))).copies[0];
  }
}

/** What a bulk reply holds. */
export function body(reply: string): string {
  return reply.slice(reply.indexOf("\r\n") + 2, -2);
}
