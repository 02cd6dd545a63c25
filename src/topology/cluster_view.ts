/** The topology in the words of Redis Cluster: each node with the slots that it serves as primary. */
import { type SlotRange, slotRangeOf } from "../core/shard_ranges.ts";
import type { Topology } from "./topology.ts";

/** A node, and the ranges of slots that it serves, in their order; ranges that touch are one. */
export interface ClusterNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly ranges: readonly SlotRange[];
}

/** Every node of `topology`, in its order, those without slots included. */
export function clusterNodesOf({ nodes, shards, shardCount }: Topology): ClusterNode[] {
  const rangesOf = new Map<string, SlotRange[]>(nodes.map(({ id }) => [id, []]));
  for (const [id, { primary }] of shards.entries()) {
    const ranges = rangesOf.get(primary);
    if (ranges === undefined) continue;
    const { first, last } = slotRangeOf(id, shardCount);
    const before = ranges.at(-1);
    if (before?.last === first - 1) ranges[ranges.length - 1] = { first: before.first, last };
    else ranges.push({ first, last });
  }
  return nodes.map(({ id, host, port }) => ({ id, host, port, ranges: rangesOf.get(id)! }));
}
