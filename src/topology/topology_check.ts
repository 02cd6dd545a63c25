/**
 * Whether a node may make a topology document its own: decided whole, from the document, the node and the document
 * before, ahead of anything that is written. What is durable is what the node starts with for ever after, so a
 * document that it could not serve, or after which no other would be taken, must not get that far.
 *
 * | the document                                                  | answer    |
 * |---------------------------------------------------------------|-----------|
 * | is of another cluster, or of another count of shards or routing | `FOREIGN` |
 * | is older, in its version or in a shard's epoch                | `STALE`   |
 * | is another one of the same version                            | `ERR`     |
 * | runs so far ahead that the numbers would be used up           | `ERR`     |
 * | does not know this node                                       | `ERR`     |
 * | takes a shard away that the node keeps data of                | `ERR`     |
 * | gives shards too little memory, or more than the node has     | `ERR`     |
 */
import { STORE_CAP_BYTES_MIN, TOPOLOGY_STEP_MAX } from "../core/limits.ts";
import type { Topology } from "./topology.ts";
import { serializeTopology } from "./topology_document.ts";

/** What a document is held against. */
export interface CheckedNode {
  readonly id: string;
  /** `null` before its first document. */
  readonly cluster: string | null;
  readonly topology: Topology | null;
  readonly maxMemoryBytes: number;
  /** Numbers of the shards that it keeps. */
  readonly shards: Iterable<number>;
}

/** Why `node` must not adopt `document`, as the text of an error reply; empty when it may. */
export function refusalOfDocument(document: Topology, node: CheckedNode): string {
  if (node.cluster !== null && node.cluster !== document.cluster) {
    return `FOREIGN This node belongs to cluster ${node.cluster}, not to ${document.cluster}`;
  }
  return (node.topology === null ? "" : refusalBeside(document, node.topology)) ||
    refusalOfNumbers(document, node.topology) || refusalAt(document, node);
}

/** Against the document before. */
function refusalBeside(document: Topology, known: Topology): string {
  if (known.version > document.version) {
    return `STALE This node knows version ${known.version} of the topology, which is newer than ${document.version}`;
  }
  if (known.version === document.version && serializeTopology(known) !== serializeTopology(document)) {
    return `ERR Cannot adopt the topology: this node knows another document of version ${known.version}`;
  }
  if (known.routing !== document.routing || known.shardCount !== document.shardCount) {
    return `FOREIGN The cluster has ${known.shardCount} shards with routing ${known.routing} for good, and the ` +
      `document says ${document.shardCount} with routing ${document.routing}`;
  }
  const older = document.shards.findIndex((shard, i) => shard.epoch < known.shards[i]!.epoch);
  if (older < 0) return "";
  return `STALE This node knows epoch ${known.shards[older]!.epoch} of shard ${older}, which is newer than ` +
    `${document.shards[older]!.epoch}`;
}

/** Versions and epochs only grow: one that runs far ahead would leave no room for those to come. */
function refusalOfNumbers(document: Topology, known: Topology | null): string {
  const before = known?.version ?? 0;
  if (document.version > before + TOPOLOGY_STEP_MAX) {
    return `ERR Cannot adopt the topology: version ${document.version} is no successor of ${before}; a step is at ` +
      `most ${TOPOLOGY_STEP_MAX}`;
  }
  const epochBefore = (shard: number) => known?.shards[shard]?.epoch ?? 0;
  const ahead = document.shards.findIndex(({ epoch }, i) => epoch > epochBefore(i) + TOPOLOGY_STEP_MAX);
  if (ahead < 0) return "";
  return `ERR Cannot adopt the topology: epoch ${
    document.shards[ahead]!.epoch
  } of shard ${ahead} is no successor of ` +
    `${epochBefore(ahead)}; a step is at most ${TOPOLOGY_STEP_MAX}`;
}

/** Against the node itself. */
function refusalAt(document: Topology, node: CheckedNode): string {
  const what = `ERR Cannot adopt topology version ${document.version}`;
  if (!document.nodes.some(({ id }) => id === node.id)) return `${what}: node ${node.id} is not in it`;
  const given = new Set<number>();
  document.shards.forEach(({ primary, replicas }, i) => {
    if (primary === node.id || replicas.includes(node.id)) given.add(i);
  });
  if (document.routing === "round-robin") given.add(0);
  for (const shard of node.shards) {
    if (!given.has(shard)) {
      return `${what}: it takes shard ${shard} from this node, which keeps its data`;
    }
  }
  const { shardCapBytes } = document;
  if (document.routing === "round-robin" || given.size === 0) return "";
  if (shardCapBytes < STORE_CAP_BYTES_MIN) {
    return `${what}: its memory cap of ${shardCapBytes} bytes a shard is less than ${STORE_CAP_BYTES_MIN}`;
  }
  if (given.size * shardCapBytes <= node.maxMemoryBytes) return "";
  return `${what}: ${given.size} shards of ${shardCapBytes} bytes are more than this node's --max-memory of ` +
    `${node.maxMemoryBytes}`;
}
