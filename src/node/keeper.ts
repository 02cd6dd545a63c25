/**
 * What a node keeps, and as whom: its data folder, its identity, its log, and the shards that the topology gives to
 * it. A standalone node keeps one shard of everything. A node of a cluster keeps nothing until a balancer gives it a
 * topology; from then on the node file remembers it, and a restart goes on with it.
 */
import { assert } from "../core/assert.ts";
import { RefusalError } from "../core/errors.ts";
import { DumpWriter } from "../persistence/dump_writer.ts";
import type { FsyncPolicy, Log } from "../persistence/log.ts";
import type { NodeFile } from "../persistence/node_file.ts";
import type { NodeIdentity } from "../persistence/node_identity.ts";
import { type NodePaths, pathsOf } from "../persistence/paths.ts";
import type { NodeIdentity as ToldIdentity } from "../protocol/roundel_exchange.ts";
import { recover, type Recovered } from "../persistence/recovery.ts";
import { ShardHistory } from "../persistence/shard_history.ts";
import { parseTopology, serializeTopology } from "../topology/topology_document.ts";
import type { Topology } from "../topology/topology.ts";
import { refusalOfDocument } from "../topology/topology_check.ts";
import type { AdminTarget } from "./admin.ts";
import { RecoveredStores, shardsOfNode } from "./recovered_stores.ts";
import { ShardCopy } from "./shard_copy.ts";
import { ShardTable } from "./shard_table.ts";
import type { World } from "./world.ts";

/** What the node file calls the cluster of a node that runs alone. */
const STANDALONE = "standalone";
/** Epoch of a shard that never had another primary. */
const FIRST_EPOCH = 1;

export interface KeeperOptions {
  readonly port: number;
  readonly dataDir: string;
  readonly maxMemoryBytes: number;
  readonly fsync: FsyncPolicy;
  readonly standalone: boolean;
}

export class Keeper implements AdminTarget {
  readonly shards: ShardTable;
  /** On the monotonic clock. */
  readonly openedMs: number;
  readonly dumpWriter: DumpWriter;
  readonly #options: KeeperOptions;
  readonly #world: World;
  readonly #recovered: Recovered;
  readonly #stores: RecoveredStores;
  readonly #nodeFile: NodeFile;
  /** Adoptions happen one after the other. */
  #adopting: Promise<void> = Promise.resolve();

  /** Recovers the data folder. Rejects with `RefusalError` when it may not be used as it is. */
  static async open(options: KeeperOptions, world: World): Promise<Keeper> {
    const { clock, disk, random, logger } = world;
    const paths = pathsOf(options.dataDir, options.port);
    const stores = new RecoveredStores();
    let topology: Topology | null = null;
    const beganMs = clock.monotonicMs();
    const recovered = await recover({
      disk,
      clock,
      random,
      logger,
      paths,
      policy: options.fsync,
      bootId: world.process.bootId,
      targetFor: (identity) => {
        checkRole(options, identity.cluster, paths);
        topology = topologyOf(identity, paths);
        stores.useSeed(topology?.hashSeed ?? identity.hashSeed);
        const caps = capsAtStart(options, identity, topology);
        for (const [shard, capBytes] of caps) stores.add(shard, capBytes);
        return stores;
      },
    });
    for (const warning of recovered.warnings) logger.warn(warning);
    const keeper = new Keeper(options, world, paths, recovered, stores);
    if (options.standalone) await keeper.#joinCluster(STANDALONE);
    keeper.#own(topology);
    logger.info("data recovered", {
      shards: keeper.shards.shards.length,
      entries: keeper.entryCount,
      tookMs: Math.round(clock.monotonicMs() - beganMs),
    });
    return keeper;
  }

  private constructor(
    options: KeeperOptions,
    world: World,
    paths: NodePaths,
    recovered: Recovered,
    stores: RecoveredStores,
  ) {
    this.#options = options;
    this.#world = world;
    this.#recovered = recovered;
    this.#stores = stores;
    this.#nodeFile = recovered.nodeFile;
    this.openedMs = world.clock.monotonicMs();
    this.shards = new ShardTable(recovered.nodeFile.identity.id);
    const { disk, clock } = world;
    this.dumpWriter = new DumpWriter({
      disk,
      clock,
      path: paths.dump,
      identity: recovered.nodeFile.identity.id,
    });
  }

  get log(): Log {
    return this.#recovered.log;
  }

  /** Log position of the dump that was found at the start; 0 when there was none. */
  get dumpPosition(): number {
    return this.#recovered.dumpPosition;
  }

  /** Entries that a lowered cap pushed out while the data was read: the log does not know yet that they are gone. */
  get evictedAtStart(): number {
    return this.#stores.evictedCount;
  }

  get entryCount(): number {
    return this.shards.stores.reduce((sum, store) => sum + store.entryCount, 0);
  }

  get standalone(): boolean {
    return this.#options.standalone;
  }

  get topology(): Topology | null {
    return this.shards.topology;
  }

  identity(): ToldIdentity {
    return {
      id: this.#nodeFile.identity.id,
      cluster: this.standalone ? null : this.#nodeFile.identity.cluster,
      version: this.topology?.version ?? 0,
      maxMemoryBytes: this.#options.maxMemoryBytes,
      entries: this.entryCount,
      standalone: this.standalone,
    };
  }

  status(): { entries: number; expiring: number } {
    const expiring = this.shards.stores.reduce((sum, store) => sum + store.volatileCount, 0);
    return { entries: this.entryCount, expiring };
  }

  adopt(topology: Topology): Promise<string> {
    const adopted = this.#adopting.then(() => this.#adopt(topology));
    this.#adopting = adopted.then(() => {}, () => {}); // told to whoever asked for it
    return adopted;
  }

  /** Gives the data folder back. The log is closed already. */
  close(): void {
    this.#recovered.lock.release();
  }

  /** Empty once it is durable; else the error reply of one that must not be adopted. */
  async #adopt(topology: Topology): Promise<string> {
    const { id, cluster } = this.#nodeFile.identity;
    const { maxMemoryBytes } = this.#options;
    // At its turn: what was known when it arrived may be older than what the one before it has left.
    const refusal = refusalOfDocument(topology, {
      id,
      cluster,
      topology: this.topology,
      maxMemoryBytes,
      shards: this.#stores.stores.keys(),
    });
    if (refusal !== "") return refusal;
    if (this.topology?.version === topology.version) return "";
    const caps = shardsOfNode(topology, id, maxMemoryBytes);
    const epochs = Object.fromEntries(topology.shards.map((shard, number) => [number, shard.epoch]));
    await this.#nodeFile.update({
      cluster: topology.cluster,
      topology: JSON.parse(serializeTopology(topology)),
      epochs: { ...this.#nodeFile.identity.epochs, ...epochs },
    });
    this.#stores.useSeed(topology.hashSeed);
    for (const [shard, capBytes] of caps) {
      const store = this.#stores.stores.get(shard);
      if (store === undefined) this.#stores.add(shard, capBytes);
      else this.#changeCap(shard, capBytes);
    }
    this.#own(topology);
    this.#world.logger.info("topology adopted", { version: topology.version, shards: caps.size });
    return "";
  }

  #changeCap(shard: number, capBytes: number): void {
    const store = this.#stores.stores.get(shard)!;
    if (capBytes > store.reservedCapBytes) {
      this.#world.logger.warn("shard's larger memory cap takes effect at the next start", {
        shard,
        capBytes,
      });
    }
    store.setCap(Math.min(capBytes, store.reservedCapBytes));
  }

  async #joinCluster(cluster: string): Promise<void> {
    if (this.#nodeFile.identity.cluster !== cluster) await this.#nodeFile.update({ cluster });
  }

  /** Puts the shards to work: from here on their mutations are logged. */
  #own(topology: Topology | null): void {
    const known = new Map(this.shards.shards.map((shard) => [shard.id, shard]));
    const shards = [...this.#stores.stores].map(([id, store]) => {
      const history = this.#recovered.histories.get(id) ?? new ShardHistory();
      const shard = known.get(id) ?? new ShardCopy(id, store, this.log, history);
      shard.enterEpoch(topology?.shards[id]?.epoch ?? FIRST_EPOCH);
      return shard;
    });
    if (topology?.routing === "slots") return this.shards.ownShards(shards, topology);
    if (topology === null && !this.standalone) return;
    assert(shards.length === 1, "one shard owns everything");
    this.shards.ownAll(shards[0]!, topology);
  }
}

function topologyOf(identity: NodeIdentity, paths: NodePaths): Topology | null {
  if (identity.topology === null) return null;
  return parseTopology(JSON.stringify(identity.topology), paths.node);
}

/** A folder that was written alone is not taken into a cluster, nor the other way round. */
function checkRole({ standalone }: KeeperOptions, cluster: string | null, paths: NodePaths): void {
  if (cluster === null || standalone === (cluster === STANDALONE)) return;
  throw new RefusalError(
    standalone
      ? `Cannot run standalone: ${paths.node} belongs to cluster ${cluster}; leave out --standalone or use another --data-dir`
      : `Cannot join a cluster: ${paths.node} was written with --standalone; start with --standalone or use another --data-dir`,
  );
}

/**
 * Caps to recover with. The topology may still say what --max-memory was before this start: then each shard's cap
 * changes in the same measure, until the balancer has worked out the new one.
 */
function capsAtStart(
  { maxMemoryBytes, standalone }: KeeperOptions,
  identity: NodeIdentity,
  topology: Topology | null,
): Map<number, number> {
  if (standalone) return new Map([[0, maxMemoryBytes]]);
  if (topology === null) return new Map();
  const before = topology.nodes.find((node) => node.id === identity.id)?.maxMemoryBytes ?? maxMemoryBytes;
  const caps = shardsOfNode(topology, identity.id, maxMemoryBytes);
  if (topology.routing === "slots") {
    for (const [shard, capBytes] of caps) caps.set(shard, Math.floor(capBytes * maxMemoryBytes / before));
  }
  return caps;
}
