/**
 * A storage node, wired together: recover what the disk holds, keep the shards that the topology gives, serve
 * clients, and stop without losing anything. Everything from outside (time, chance, disk, network) is passed in.
 */
import type { CommandContext, ServerDoor } from "../commands/context.ts";
import {
  LARGE_REQUEST_BYTES_MAX,
  LINK_CONNECTIONS_RESERVED,
  READ_BUFFERS_KEPT_BYTES_MAX,
  STOP_DEADLINE_MS,
} from "../core/limits.ts";
import { sleep } from "../core/clock.ts";
import { OneAtATime } from "../core/one_at_a_time.ts";
import { WriteWatch } from "../serving/client_writer.ts";
import { addressText, type Connection, type Listener } from "../io/network.ts";
import { OutboxMemory } from "../serving/commit_outbox.ts";
import { acceptAll } from "../serving/accept.ts";
import { FaultLog } from "../serving/fault_log.ts";
import { ReadBudget } from "../serving/read_buffer.ts";
import { refuseConnection } from "../serving/refuse_connection.ts";
import type { FsyncPolicy, Log } from "../persistence/log.ts";
import type { ClusterView } from "../serving/server_facts.ts";
import { SessionRegistry } from "../serving/session.ts";
import { clusterNodesOf, clusterShardsOf } from "../topology/cluster_view.ts";
import { runAdmin } from "./admin.ts";
import type { RunnerServices } from "./batch_client.ts";
import { BatchRunners } from "./batch_runners.ts";
import { NodeClient, type NodeClientServices } from "./client.ts";
import { Commits } from "./commits.ts";
import { Copies } from "./copies.ts";
import type { DataFolder } from "./data_folder.ts";
import { DecoderPool } from "./decoder_pool.ts";
import { Dumps } from "./dumps.ts";
import { infoSectionsOf } from "./info.ts";
import { LinkRegistry } from "./link_registry.ts";
import { LoadingRoom } from "./loading_room.ts";
import { LoopMonitor } from "./loop_monitor.ts";
import { Maintenance } from "./maintenance.ts";
import { Prefetch } from "./prefetch.ts";
import { ReplicaAdmin } from "./replica_admin.ts";
import type { World } from "./world.ts";

export interface NodeOptions {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly maxMemoryBytes: number;
  readonly fsync: FsyncPolicy;
  readonly standalone: boolean;
  readonly dumpIntervalMs: number;
  readonly dumpLogBytes: number;
  readonly clientStallMs: number;
  readonly clientCountMax: number;
  /** Of the log; smaller ones come and go sooner, which tests want to see. */
  readonly segmentBytes?: number;
}

export class NodeServer {
  readonly #options: NodeOptions;
  readonly #world: World;
  readonly #listener: Listener;
  readonly #copies: Copies;
  readonly #folder: DataFolder;
  readonly #log: Log;
  readonly #dumps: Dumps;
  readonly #monitor: LoopMonitor;
  readonly #maintenance: Maintenance;
  readonly #services: NodeClientServices;
  readonly #links = new LinkRegistry();
  readonly #turns = new OneAtATime();
  readonly #clients = new Map<NodeClient, Promise<void>>();
  readonly #counters = { commands: 0, reads: 0, connections: 0, rejectedConnections: 0 };
  #isStopping = false;

  /**
   * Binds the port, recovers the data folder, while who comes is told so, and begins to serve. Rejects with `RefusalError` when the folder may
   * not be used as it is.
   */
  static async start(options: NodeOptions, world: World): Promise<NodeServer> {
    // The port first: the files are named by it, and nobody else can have both.
    const listener = world.network.listen({ host: options.host, port: options.port });
    const room = new LoadingRoom(world.clock);
    const faults = new FaultLog(world.logger, world.clock);
    const receiver = { receive: (connection: Connection) => room.receive(connection) };
    void acceptAll(listener, receiver, { clock: world.clock, faults });
    try {
      const copies = await Copies.recover({ ...options, port: listener.port }, world);
      const server = new NodeServer(options, world, listener, { copies, faults });
      // What a lowered cap pushed out is in the log still, and must not come back at a later start.
      if (copies.evictedAtStart > 0) await server.#dumps.save();
      receiver.receive = (connection) => server.#receive(connection);
      room.close();
      return server;
    } catch (error) {
      listener.close();
      room.close();
      throw error;
    }
  }

  private constructor(
    options: NodeOptions,
    world: World,
    listener: Listener,
    { copies, faults }: { copies: Copies; faults: FaultLog },
  ) {
    const { clock, logger } = world;
    this.#options = options;
    this.#world = world;
    this.#listener = listener;
    const { folder, table: shards, time } = copies;
    const { log } = folder;
    this.#copies = copies;
    this.#folder = folder;
    this.#log = log;
    this.#dumps = new Dumps({
      clock,
      logger,
      log,
      shards,
      writer: folder.dumpWriter,
      intervalMs: options.dumpIntervalMs,
      logBytes: options.dumpLogBytes,
      lastPosition: folder.dumpPosition,
      servedCount: () => this.#counters.commands,
      abort: (error) => world.process.abort(error),
    });
    const { roles } = copies;
    const commits = new Commits({ log, dumps: this.#dumps, roles, clock });
    const writeRefusal = () => commits.writeRefusal();
    log.readCount = () => this.#counters.reads;
    this.#monitor = new LoopMonitor(clock, () => this.#counters.commands);
    this.#maintenance = new Maintenance({
      clock,
      time,
      shards,
      log,
      writeRefusal,
      congested: () => commits.isCongested(),
    });
    const sessions = new SessionRegistry();
    sessions.localAddress = addressText({ host: options.host, port: listener.port });
    const services: RunnerServices = {
      shards,
      writeRefusal,
      whyNotServed: (shard, nowMs) => roles.whyNotServed(shard, nowMs),
      log,
      random: world.random,
      clock,
      sessions,
      server: this.#door(commits, sessions),
      counters: this.#counters,
      commits,
      time,
      prefetch: new Prefetch(shards),
      memory: new OutboxMemory(),
      decoders: new DecoderPool(),
      faults,
      abort: (error) => world.process.abort(error),
    };
    this.#services = {
      ...services,
      runners: new BatchRunners(services),
      readBudget: new ReadBudget(LARGE_REQUEST_BYTES_MAX, READ_BUFFERS_KEPT_BYTES_MAX, clock),
      writeWatch: new WriteWatch(clock, options.clientStallMs),
    };
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Finishes what is in flight, commits it, and closes everything. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#listener.close();
    for (const client of this.#clients.keys()) client.stop();
    const { clock } = this.#world;
    await Promise.race([Promise.all(this.#clients.values()), sleep(clock, STOP_DEADLINE_MS)]);
    for (const client of this.#clients.keys()) client.drop();
    this.#maintenance.stop();
    await this.#copies.roles.stop();
    this.#monitor.stop();
    this.#services.writeWatch.stop();
    await this.#dumps.stop();
    await this.#log.close();
    this.#folder.close();
    this.#world.logger.info("stopped");
  }

  #receive(connection: Connection): void {
    this.#counters.connections++;
    const { clientCountMax, standalone } = this.#options;
    const countBeyond = this.#clients.size - clientCountMax;
    if (countBeyond >= 0) this.#counters.rejectedConnections++;
    if (countBeyond >= (standalone ? 0 : LINK_CONNECTIONS_RESERVED)) return void refuseConnection(connection);
    const client = new NodeClient(connection, this.#services);
    if (countBeyond >= 0) client.mustBecomeLink();
    const served = client.serve().then(() => {
      client.forgetHandshake();
      this.#clients.delete(client);
      this.#links.close(client.session);
    });
    this.#clients.set(client, served);
    if (this.#isStopping) client.stop();
  }

  #door(commits: Commits, sessions: SessionRegistry): ServerDoor {
    const writeRefusal = () => commits.writeRefusal();
    const replicas = new ReplicaAdmin(this.#copies.roles);
    const dumps = this.#dumps;
    const settings = this.#settings();
    const cluster = () => this.#cluster();
    const sections = infoSectionsOf({
      clock: this.#world.clock,
      process: this.#world.process,
      startedMs: this.#world.clock.monotonicMs(),
      port: this.port,
      maxMemoryBytes: this.#options.maxMemoryBytes,
      fsync: this.#options.fsync,
      log: this.#log,
      dumps,
      monitor: this.#monitor,
      shards: this.#copies.table,
      roles: this.#copies.roles,
      cluster,
      clientCountMax: this.#options.clientCountMax,
      sessions,
      counters: this.#counters,
      writeRefusal,
    });
    return {
      cluster,
      infoSections: () => sections,
      save: () => dumps.save(),
      backgroundSave: () => dumps.backgroundSave(),
      get lastSaveMs() {
        return dumps.lastSaveMs;
      },
      settings: () => settings,
      inSyncReplicaCount: () => this.#copies.roles.inSyncReplicaCount,
      whenCommitted: () => commits.whenAllCommitted(),
      inTurn: (run) => this.#turns.run(run),
      admin: (context: CommandContext) =>
        runAdmin(this.#copies, { context, links: this.#links, replicas, writeRefusal }),
    };
  }

  #cluster(): ClusterView {
    const { enabled, myId, epoch, topology } = this.#copies.table;
    return {
      enabled,
      myId,
      myPort: this.port,
      version: epoch,
      nodes: () => topology === null ? [] : clusterNodesOf(topology),
      shards: () => topology === null ? [] : clusterShardsOf(topology),
    };
  }

  #settings(): [string, string][] {
    const { host, dataDir, maxMemoryBytes, fsync, clientCountMax } = this.#options;
    return [
      ["appendfsync", fsync],
      ["appendonly", "yes"],
      ["bind", host],
      ["databases", "1"],
      ["dir", dataDir],
      ["maxclients", String(clientCountMax)],
      ["maxmemory", String(maxMemoryBytes)],
      ["maxmemory-policy", "allkeys-lru"],
      ["port", String(this.#listener.port)],
      ["save", ""],
    ];
  }
}
