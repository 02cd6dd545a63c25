/**
 * The simulated cluster: real nodes and a real balancer, each on a machine of its own, with a supervisor that starts again
 * what has died, as an init system would.
 */
import { Balancer } from "../../src/balancer/balancer.ts";
import type { BalancerOptions } from "../../src/balancer/options.ts";
import { Controller } from "../../src/controller/controller.ts";
import { messageOf } from "../../src/core/errors.ts";
import type { Logger } from "../../src/core/logger.ts";
import { KIB, STORE_CAP_BYTES_MIN } from "../../src/core/limits.ts";
import { NodeServer } from "../../src/node/node_server.ts";
import type { World } from "../../src/node/world.ts";
import { FileTopologyStore } from "../../src/topology/topology_file.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { shardsInList } from "../support/shard_lists.ts";
import { Machine, type SimulatedProcess } from "./machine.ts";
import { Invariants } from "./invariants.ts";
import type { RunOptions } from "./options.ts";
import type { Scheduler } from "./scheduler.ts";
import { Wire } from "./wire.ts";

export const BALANCER_PORT = 8080;
const FIRST_NODE_PORT = 8081;
const HOST = "127.0.0.1";
/** A process that could not start is started again after this. */
const RESTART_MS = 200;
/** A server that is told to stop has ended by then. */
const STOP_MS_MAX = 11_000;
/** What must not be is told so many times. */
const BUGS_MAX = 5;

/** What runs on a machine of the cluster. */
type Server = { stop(): Promise<void> };

export class SimulatedCluster {
  readonly scheduler: Scheduler;
  readonly wire: Wire;
  readonly options: RunOptions;
  /** Machines of nodes and of the balancer. */
  readonly servers: readonly Machine[];
  readonly machines: Machine[];
  /** What happened at all, and how often. */
  readonly sightings = new Map<string, number>();
  readonly invariants: Invariants;
  readonly #random: SeededRandom;
  readonly #running = new Map<Machine, Server>();
  /** Machines of which the supervisor leaves the process dead for now. */
  readonly #resting = new Set<Machine>();
  /** What a process has ended itself for. */
  readonly bugs: string[] = [];
  /** Why a start failed last. */
  readonly startFailures = new Map<Machine, string>();

  constructor(options: RunOptions, scheduler: Scheduler) {
    const random = new SeededRandom(options.seed ^ 0x5eed);
    const byPort = new Map<number, Machine>();
    const machine = (name: string, port: number | null) => {
      const made = new Machine(name, scheduler, new SeededRandom(random.u32()));
      made.rate = 1 + (random.u32() / 2 ** 31 - 1) * options.drift;
      made.wallOffsetMs = random.u32() % 1_000;
      made.pace = { workMs: options.syncMs / 10, syncMs: options.syncMs };
      if (port !== null) byPort.set(port, made);
      return made;
    };
    this.options = options;
    this.invariants = new Invariants({
      replicas: options.replicas,
      saw: (what) => this.saw(what),
      violated: (what) => this.#violated(what),
    });
    this.scheduler = scheduler;
    this.#random = random;
    this.servers = [
      ...Array.from({ length: options.nodeCount }, (_, i) => machine(`node${i + 1}`, FIRST_NODE_PORT + i)),
      machine("balancer", BALANCER_PORT),
    ];
    const clientCount = options.clientCount + options.directCount + 1;
    const clients = Array.from({ length: clientCount }, (_, i) => machine(`client${i + 1}`, null));
    this.machines = [...this.servers, ...clients];
    this.wire = new Wire(scheduler, new SeededRandom(random.u32()), byPort);
    this.wire.latencyMs = options.latencyMs;
  }

  get nodePorts(): readonly number[] {
    return Array.from({ length: this.options.nodeCount }, (_, i) => FIRST_NODE_PORT + i);
  }

  machine(name: string): Machine {
    return this.machines.find((machine) => machine.name === name)!;
  }

  /** Said once, with when. */
  #violated(what: string): void {
    const text = `${what} (at ${this.scheduler.nowMs.toFixed(3)} ms)`;
    this.scheduler.note(`VIOLATION ${what}`);
    if (this.bugs.length < BUGS_MAX) this.bugs.push(text);
  }

  /** Another stream of chance. */
  random(): SeededRandom {
    return new SeededRandom(this.#random.u32());
  }

  /** Something that must happen now and then has happened. */
  saw(what: string): void {
    this.sightings.set(what, (this.sightings.get(what) ?? 0) + 1);
  }

  startAll(): void {
    for (const machine of this.servers) this.#start(machine);
  }

  /** The process of `machine` dies, and comes again after `downMs`. */
  crash(machine: Machine, downMs: number): void {
    if (machine.disk.hasUnsynced) this.saw("a crash with unsynced data");
    if (machine.name === "balancer" && this.invariants.hasProposals) {
      this.saw("a crash of the balancer with a proposal under way");
    }
    machine.crash();
    this.#restAndStart(machine, downMs);
  }

  losePower(machine: Machine, downMs: number): void {
    if (machine.disk.hasUnsynced) this.saw("a power loss with unsynced data");
    machine.losePower();
    this.#restAndStart(machine, downMs);
  }

  /** As SIGTERM. */
  stop(machine: Machine, downMs: number): void {
    const server = this.#running.get(machine);
    const { process } = machine;
    if (server === undefined || process === null || process.isDead || process.isPaused) return;
    this.#running.delete(machine);
    const end = () => {
      if (process.isDead || machine.process !== process) return;
      machine.crash();
      this.#restAndStart(machine, downMs);
    };
    const late = process.after(STOP_MS_MAX, "", end);
    server.stop().then(() => {
      late.cancel();
      this.saw("an orderly stop");
      this.scheduler.after(0, `${process.name} has stopped`, end);
    });
  }

  /** All faults are over: who stands still or is dead is helped up, and whose disk has failed is started again. */
  heal(): void {
    for (const machine of this.servers) {
      machine.process?.resume();
      if (machine.disk.failedSyncCount > 0) this.crash(machine, 0);
    }
  }

  #restAndStart(machine: Machine, downMs: number): void {
    this.#running.delete(machine);
    this.#resting.add(machine);
    const life = machine.process;
    this.scheduler.after(downMs, `${machine.name} comes again`, () => {
      if (machine.process !== life) return;
      this.#resting.delete(machine);
      machine.isDown = false;
      this.wire.goOn();
      this.#start(machine);
    });
  }

  #start(machine: Machine): void {
    const process = machine.begin();
    process.onDeath = () => this.wire.died(process);
    const starting = machine.name === "balancer" ? this.#startBalancer(process) : this.#startNode(process);
    starting.then((server) => {
      this.scheduler.note(`${process.name} serves`);
      this.startFailures.delete(machine);
      this.#running.set(machine, server);
    }, (error) => {
      this.scheduler.note(`${process.name} cannot start: ${messageOf(error)}`);
      this.startFailures.set(machine, messageOf(error));
      this.scheduler.after(0, `${process.name} ends`, () => {
        if (process.isDead) return;
        machine.crash();
        this.#restAndStart(machine, RESTART_MS);
      });
    });
  }

  async #startNode(process: SimulatedProcess): Promise<Server> {
    const { machine, clock } = process;
    const { shardCount, fsync, dumpIntervalMs } = this.options;
    const world: World = {
      clock,
      network: this.wire.of(process),
      disk: machine.disk.process(),
      random: machine.random,
      process: {
        pid: 1,
        denoVersion: "simulated",
        os: "simulated",
        residentBytes: () => 0,
        bootId: machine.bootId,
        abort: (error) => {
          this.bugs.push(`${process.name} has ended itself: ${error instanceof Error ? error.stack : error}`);
          throw error;
        },
      },
      logger: this.#logger(process),
    };
    this.invariants.add(process, world);
    return await NodeServer.start({
      host: HOST,
      port: this.nodePorts[this.servers.indexOf(machine)]!,
      dataDir: "data",
      maxMemoryBytes: shardCount * STORE_CAP_BYTES_MIN,
      fsync,
      standalone: false,
      dumpIntervalMs,
      dumpLogBytes: dumpIntervalMs === 0 ? 0 : 64 * KIB,
      clientStallMs: 60_000,
      clientCountMax: 100,
    }, world);
  }

  async #startBalancer(process: SimulatedProcess): Promise<Server> {
    const { machine, clock } = process;
    const { shardCount, replicas } = this.options;
    const file = await FileTopologyStore.open(machine.disk.process(), "data");
    const topologyStore = this.invariants.register(file);
    const options: BalancerOptions = {
      listen: { host: HOST, port: BALANCER_PORT },
      nodes: this.nodePorts.map((port) => ({ host: HOST, port })),
      replicas,
      shardCount,
      routing: "slots",
      replace: [],
      network: this.wire.of(process),
      clock,
      random: machine.random,
      topologyStore,
      logger: this.#logger(process),
    };
    const balancer = new Balancer(options, new Controller(options));
    await balancer.start();
    return {
      stop: async () => {
        await balancer.stop();
        file.close();
      },
    };
  }

  #sawFailover(shard: number): void {
    this.saw("a fail-over");
    if (this.invariants.isFilling(shard)) this.saw("a fail-over during a full copy");
  }

  #logger({ name }: SimulatedProcess): Logger {
    const note = (level: string) => (message: string, fields: Record<string, unknown> = {}) => {
      this.scheduler.note(`${name} ${level}: ${message} ${JSON.stringify(fields)}`);
      if (message === "shards fail over") {
        shardsInList(String(fields.shards)).forEach((shard) => this.#sawFailover(shard));
      }
      if (message === "in-sync set has changed") this.saw("an in-sync set that changed");
    };
    return { debug: () => {}, info: note("info"), warn: note("warn"), error: note("error") };
  }
}
