/**
 * The topology in the words of Redis Cluster, where a node is the master of slots, or the replica of one master, but never
 * both. Here a node may lead some shards and keep copies of others. Who leads any is a master, and who leads none is
 * the replica of the node that leads most of what it keeps; which ranges of slots it has copies of the shards say.
 */
import { type SlotRange, slotRangeOf } from "../core/shard_ranges.ts";
import type { Topology } from "./topology.ts";

/** A node, and the ranges of slots that it serves, in their order; ranges that touch are one. */
export interface ClusterNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly ranges: readonly SlotRange[];
  /** Id of the node that it is a replica of; `null` of one that leads shards, or has none. */
  readonly replicaOf: string | null;
}

/** Ranges of slots that have the same copies. */
export interface ClusterShard {
  /** Ids of the primary and of the replicas that are in sync, in this order. */
  readonly ids: readonly string[];
  readonly ranges: readonly SlotRange[];
}

/** Every node of `topology`, in its order, those without slots included. */
export function clusterNodesOf({ nodes, shards, shardCount }: Topology): ClusterNode[] {
  const rangesOf = new Map<string, SlotRange[]>(nodes.map(({ id }) => [id, []]));
  /** Of each node, by the nodes that lead what it keeps. */
  const keptOf = new Map<string, Map<string, number>>(nodes.map(({ id }) => [id, new Map()]));
  for (const [number, { primary, replicas }] of shards.entries()) {
    addRange(rangesOf.get(primary)!, slotRangeOf(number, shardCount));
    for (const id of replicas) {
      const kept = keptOf.get(id)!;
      kept.set(primary, (kept.get(primary) ?? 0) + 1);
    }
  }
  return nodes.map(({ id, host, port }) => {
    const ranges = rangesOf.get(id)!;
    return { id, host, port, ranges, replicaOf: ranges.length > 0 ? null : mostOf(keptOf.get(id)!) };
  });
}

/** All slots of `topology` by their copies; nodes that keep none at all have an entry without slots. */
export function clusterShardsOf({ nodes, shards, shardCount }: Topology): ClusterShard[] {
  const groups = new Map<string, { ids: string[]; ranges: SlotRange[] }>();
  const keeping = new Set<string>();
  for (const [number, { primary, replicas, inSync }] of shards.entries()) {
    const ids = [primary, ...replicas.filter((id) => inSync.includes(id)).sort()];
    const name = ids.join();
    let group = groups.get(name);
    if (group === undefined) groups.set(name, group = { ids, ranges: [] });
    addRange(group.ranges, slotRangeOf(number, shardCount));
    for (const id of [primary, ...replicas]) keeping.add(id);
  }
  const all = [...groups.values()];
  return nodes.flatMap(({ id }): ClusterShard[] =>
    keeping.has(id) ? all.filter(({ ids }) => ids[0] === id) : [{ ids: [id], ranges: [] }]
  );
}

function addRange(ranges: SlotRange[], { first, last }: SlotRange): void {
  const before = ranges.at(-1);
  if (before?.last === first - 1) ranges[ranges.length - 1] = { first: before.first, last };
  else ranges.push({ first, last });
}

function mostOf(counts: ReadonlyMap<string, number>): string | null {
  let most: string | null = null;
  for (const [id, count] of counts) if (most === null || count > counts.get(most)!) most = id;
  return most;
}
