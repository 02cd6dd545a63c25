/**
 * The shard copies of a node, and which of them it owns: made when its data folder is recovered, and changed with
 * each topology that a balancer has it adopt. A standalone node has one copy, of everything. A node of a cluster has
 * none until it gets a topology; from then on the node file remembers that, and a restart goes on with it.
 */
import { assert } from "../core/assert.ts";
import { RefusalError } from "../core/errors.ts";
import { randomUuid } from "../core/random.ts";
import type { FsyncPolicy } from "../persistence/log.ts";
import type { NodeIdentity, NodeStatus } from "../protocol/roundel_exchange.ts";
import { Senders } from "../replication/senders.ts";
import type { Topology } from "../topology/topology.ts";
import { refusalOfDocument } from "../topology/topology_check.ts";
import type { AdminTarget } from "./admin.ts";
import { DataFolder } from "./data_folder.ts";
import { NodeTime } from "./node_time.ts";
import { RecoveredStores, shardsOfNode } from "./recovered_stores.ts";
import { Roles } from "./roles.ts";
import { ShardCopy } from "./shard_copy.ts";
import { ShardTable } from "./shard_table.ts";
import type { World } from "./world.ts";

/** Epoch of a shard that never had another primary. */
const FIRST_EPOCH = 1;

export interface CopiesOptions {
  readonly port: number;
  readonly dataDir: string;
  readonly maxMemoryBytes: number;
  readonly fsync: FsyncPolicy;
  readonly standalone: boolean;
  readonly segmentBytes?: number;
}

export class Copies implements AdminTarget {
  readonly folder: DataFolder;
  /** Where each copy is found by its shard or by a key. */
  readonly table: ShardTable;
  readonly roles: Roles;
  readonly time: NodeTime;
  /** UUID of this run of the process. */
  readonly incarnation: string;
  readonly #options: CopiesOptions;
  readonly #world: World;
  readonly #stores: RecoveredStores;
  /** Adoptions happen one after the other. */
  #adopting: Promise<void> = Promise.resolve();

  /** Fills the copies with what the data folder holds. Rejects with `RefusalError` when it may not be used as it is. */
  static async recover(options: CopiesOptions, world: World): Promise<Copies> {
    const { clock, logger } = world;
    const beganMs = clock.monotonicMs();
    const stores = new RecoveredStores();
    const folder = await DataFolder.open({
      ...options,
      targetFor: ({ id, hashSeed }, topology) => {
        stores.useSeed(topology?.hashSeed ?? hashSeed);
        for (const [shard, capBytes] of capsAtStart(options, id, topology)) stores.add(shard, capBytes);
        return stores;
      },
    }, world);
    const copies = new Copies(options, world, folder, stores);
    copies.#own(folder.topologyAtStart, true);
    logger.info("data recovered", {
      shards: copies.table.shards.length,
      entries: copies.entryCount,
      tookMs: Math.round(clock.monotonicMs() - beganMs),
    });
    return copies;
  }

  private constructor(options: CopiesOptions, world: World, folder: DataFolder, stores: RecoveredStores) {
    this.#options = options;
    this.#world = world;
    this.folder = folder;
    this.#stores = stores;
    this.table = new ShardTable(folder.identity.id);
    this.incarnation = randomUuid(world.random);
    const { log } = folder;
    const identity = () => folder.identity;
    const time = this.time = new NodeTime(world.clock);
    this.roles = new Roles({
      ...world,
      id: folder.identity.id,
      log,
      stores,
      time,
      senders: new Senders({ ...world, log, identity, timeMs: () => time.nowMs(), run: this.incarnation }),
      mayLack: folder.mayLackAcknowledged,
    });
  }

  /** Entries that a lowered cap pushed out while the data was read: the log does not know yet that they are gone. */
  get evictedAtStart(): number {
    return this.#stores.evictedCount;
  }

  /** Of all copies that the node keeps. */
  get entryCount(): number {
    return this.table.copies.reduce((sum, { store }) => sum + store.entryCount, 0);
  }

  get standalone(): boolean {
    return this.#options.standalone;
  }

  get topology(): Topology | null {
    return this.table.topology;
  }

  identity(): NodeIdentity {
    const { id, cluster } = this.folder.identity;
    return {
      id,
      cluster: this.standalone ? null : cluster,
      version: this.topology?.version ?? 0,
      maxMemoryBytes: this.#options.maxMemoryBytes,
      entries: this.entryCount,
      standalone: this.standalone,
    };
  }

  status(): Omit<NodeStatus, "writeRefusal"> {
    const { stores } = this.table;
    return {
      entries: stores.reduce((sum, store) => sum + store.entryCount, 0),
      expiring: stores.reduce((sum, store) => sum + store.volatileCount, 0),
      incarnation: this.incarnation,
      version: this.topology?.version ?? 0,
      copies: this.roles.statuses(),
    };
  }

  adopt(topology: Topology): Promise<string> {
    const adopted = this.#adopting.then(() => this.#adopt(topology));
    this.#adopting = adopted.then(() => {}, () => {}); // told to whoever asked for it
    return adopted;
  }

  /** Empty once it is durable; else the error reply of one that must not be adopted. */
  async #adopt(topology: Topology): Promise<string> {
    const { id, cluster } = this.folder.identity;
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
    await this.folder.saveTopology(topology);
    try {
      this.#takeOn(topology, caps);
    } catch (error) {
      // Memory that is not there just now is told to whoever asked. With anything else half of it has happened.
      if (!(error instanceof RefusalError)) this.#world.process.abort(error);
      throw error;
    }
    this.#world.logger.info("topology adopted", { version: topology.version, shards: caps.size });
    return "";
  }

  #takeOn(topology: Topology, caps: ReadonlyMap<number, number>): void {
    this.#stores.useSeed(topology.hashSeed);
    for (const [shard, capBytes] of caps) {
      if (this.#stores.stores.has(shard)) continue;
      const isShared = (topology.shards[shard]?.replicas.length ?? 0) > 0;
      this.#stores.add(shard, isShared ? largestCap(caps, this.#options) : capBytes);
    }
    this.#own(topology, false);
    for (const [shard, capBytes] of caps) this.#changeCap(shard, capBytes);
  }

  /** What a copy that follows has to give up, its primary tells it: by itself it keeps whatever it has room for. */
  #changeCap(shard: number, capBytes: number): void {
    const store = this.#stores.stores.get(shard)!;
    if (!this.table.stores.includes(store)) return store.setCap(store.reservedCapBytes);
    if (capBytes > store.reservedCapBytes) {
      this.#world.logger.warn("shard's larger memory cap takes effect at the next start", {
        shard,
        capBytes,
      });
    }
    store.setCap(Math.min(capBytes, store.reservedCapBytes));
  }

  /** Takes on the copies that `topology` gives to this node: from here on their mutations are logged. */
  #own(topology: Topology | null, isStart: boolean): void {
    const { folder, table } = this;
    const known = new Map(table.copies.map((copy) => [copy.id, copy]));
    const copies = [...this.#stores.stores].map(([id, store]) => {
      return known.get(id) ?? new ShardCopy(id, store, folder.log, folder.historyAtStart(id));
    });
    if (topology?.routing === "slots") {
      table.ownShards(copies, topology);
      if (isStart) this.roles.resume(copies, topology);
      else this.roles.adopt(copies, topology);
      return;
    }
    if (topology === null && !this.standalone) return;
    assert(copies.length === 1, "one shard owns everything");
    copies[0]!.enterEpoch(FIRST_EPOCH);
    table.ownAll(copies[0]!, topology);
  }
}

/**
 * Memory cap of each shard's copy to recover with. The topology may still say what --max-memory was before this
 * start: then each cap changes in the same measure, until the balancer has worked out the new one.
 */
function capsAtStart(
  { maxMemoryBytes, standalone }: CopiesOptions,
  id: string,
  topology: Topology | null,
): Map<number, number> {
  if (standalone) return new Map([[0, maxMemoryBytes]]);
  if (topology === null) return new Map();
  const before = topology.nodes.find((node) => node.id === id)?.maxMemoryBytes ?? maxMemoryBytes;
  const caps = shardsOfNode(topology, id, maxMemoryBytes);
  if (topology.routing === "slots") {
    const largestBytes = largestCap(caps, { maxMemoryBytes });
    for (const [shard, capBytes] of caps) {
      // What others have too is given up only when all of them do.
      const isShared = topology.shards[shard]!.replicas.length > 0;
      caps.set(shard, isShared ? largestBytes : Math.floor(capBytes * maxMemoryBytes / before));
    }
  }
  return caps;
}

/**
 * What a copy may ever be asked to keep that others have too, with the copies in `caps`: their cap is the least that any of
 * the nodes can give, and grows when that one is started again with more memory. It is reserved at once, which costs nothing
 * until it is used: a copy that follows has to have room for whatever its primary keeps.
 */
function largestCap(
  caps: ReadonlyMap<number, number>,
  { maxMemoryBytes }: Pick<CopiesOptions, "maxMemoryBytes">,
): number {
  return Math.max(Math.floor(maxMemoryBytes / Math.max(1, caps.size)), ...caps.values());
}
