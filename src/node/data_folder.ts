/**
 * The data folder of a node, opened by one process at a time: the node file with the node's identity, role and
 * topology, the log and the dump. A folder that was written alone never serves in a cluster, nor the other way round.
 */
import { RefusalError } from "../core/errors.ts";
import { DumpWriter } from "../persistence/dump_writer.ts";
import type { FsyncPolicy, Log } from "../persistence/log.ts";
import type { NodeIdentity } from "../persistence/node_identity.ts";
import { type NodePaths, pathsOf } from "../persistence/paths.ts";
import { recover, type Recovered } from "../persistence/recovery.ts";
import type { RecoveryTarget } from "../persistence/replayer.ts";
import { ShardHistory } from "../persistence/shard_history.ts";
import { parseTopology, serializeTopology } from "../topology/topology_document.ts";
import type { Topology } from "../topology/topology.ts";
import type { World } from "./world.ts";

/** What the node file calls the cluster of a node that runs alone. */
const STANDALONE = "standalone";

export interface DataFolderOptions {
  readonly port: number;
  readonly dataDir: string;
  readonly fsync: FsyncPolicy;
  readonly standalone: boolean;
  readonly segmentBytes?: number;
  /** What the dump and the log are read into, once the node file has said what they hold. */
  readonly targetFor: (identity: NodeIdentity, topology: Topology | null) => RecoveryTarget;
}

export class DataFolder {
  readonly dumpWriter: DumpWriter;
  /** Which the node file had when it was opened; null when it had none. */
  readonly topologyAtStart: Topology | null;
  readonly #recovered: Recovered;

  /** Recovers what is in the folder. Rejects with `RefusalError` when it may not be used as it is. */
  static async open(options: DataFolderOptions, world: World): Promise<DataFolder> {
    const { clock, disk, random, logger } = world;
    const paths = pathsOf(options.dataDir, options.port);
    let topology: Topology | null = null;
    const recovered = await recover({
      disk,
      clock,
      random,
      logger,
      paths,
      policy: options.fsync,
      ...(options.segmentBytes && { segmentBytes: options.segmentBytes }),
      bootId: world.process.bootId,
      targetFor: (identity) => {
        checkRole(options, identity.cluster, paths);
        topology = topologyOf(identity, paths);
        return options.targetFor(identity, topology);
      },
    });
    for (const warning of recovered.warnings) logger.warn(warning);
    const { nodeFile } = recovered;
    if (options.standalone && nodeFile.identity.cluster !== STANDALONE) {
      await nodeFile.update({ cluster: STANDALONE });
    }
    const { id } = nodeFile.identity;
    const dumpWriter = new DumpWriter({ disk, clock, path: paths.dump, identity: id });
    return new DataFolder(recovered, dumpWriter, topology);
  }

  private constructor(recovered: Recovered, dumpWriter: DumpWriter, topologyAtStart: Topology | null) {
    this.#recovered = recovered;
    this.dumpWriter = dumpWriter;
    this.topologyAtStart = topologyAtStart;
  }

  /** What the node file says. */
  get identity(): NodeIdentity {
    return this.#recovered.nodeFile.identity;
  }

  get log(): Log {
    return this.#recovered.log;
  }

  /** Log position of the dump that was found at the start; 0 when there was none. */
  get dumpPosition(): number {
    return this.#recovered.dumpPosition;
  }

  /** Whether a loss of power may have taken what was acknowledged before this start. */
  get mayLackAcknowledged(): boolean {
    return this.#recovered.mayLackAcknowledged;
  }

  /** What the files said about the shard's history when they were read; an empty one when they said nothing. */
  historyAtStart(shard: number): ShardHistory {
    return this.#recovered.histories.get(shard) ?? new ShardHistory();
  }

  /** Resolves once the node file has `topology`, durably. */
  async saveTopology(topology: Topology): Promise<void> {
    const epochs = Object.fromEntries(topology.shards.map((shard, number) => [number, shard.epoch]));
    await this.#recovered.nodeFile.update({
      cluster: topology.cluster,
      topology: JSON.parse(serializeTopology(topology)),
      epochs: { ...this.identity.epochs, ...epochs },
    });
  }

  /** Lets another process open the folder. The log is closed already. */
  close(): void {
    this.#recovered.lock.release();
  }
}

function topologyOf(identity: NodeIdentity, paths: NodePaths): Topology | null {
  if (identity.topology === null) return null;
  return parseTopology(JSON.stringify(identity.topology), paths.node);
}

/** A folder that was written alone is not taken into a cluster, nor the other way round. */
function checkRole({ standalone }: DataFolderOptions, cluster: string | null, paths: NodePaths): void {
  if (cluster === null || standalone === (cluster === STANDALONE)) return;
  throw new RefusalError(
    standalone
      ? `Cannot run standalone: ${paths.node} belongs to cluster ${cluster}; leave out --standalone or use another --data-dir`
      : `Cannot join a cluster: ${paths.node} was written with --standalone; start with --standalone or use another --data-dir`,
  );
}
