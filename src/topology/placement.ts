/**
 * Where shards go: consistent hashing with bounded loads, as a pure function. Each pair of shard and node has a
 * weight (rendezvous hashing, Thaler and Ravishankar 1996), and each node a quota, floor or ceil of its share.
 *
 * 1. A shard stays where it was as long as that node is still there and within its quota. A node above its
 *    quota gives up the shards that weigh least with it.
 * 2. Every shard without a node goes to the one that it weighs most with among those with room.
 *
 * So adding a node moves about 1/n of the shards, all of them to it, and removing one moves only its own.
 */
import { assert } from "../core/assert.ts";
import { bytesOf } from "../core/bytes.ts";
import { hashOfKey } from "../core/key_hash.ts";

const SEED = { low: 0, high: 0 };

/**
 * The primary of each shard. `nodeIds` must be different from each other and at least one; `previous` holds the
 * primaries as they are now, if there are any.
 */
export function placeShards(
  shardCount: number,
  nodeIds: readonly string[],
  previous: readonly string[] = [],
): string[] {
  assert(nodeIds.length > 0, "shards are placed on at least one node");
  const kept = new Map<string, number[]>(nodeIds.map((id) => [id, []]));
  const homeless: number[] = [];
  for (let shard = 0; shard < shardCount; shard++) {
    const list = kept.get(previous[shard] ?? "");
    if (list === undefined) homeless.push(shard);
    else list.push(shard);
  }
  const quotas = quotasOf(shardCount, nodeIds, kept);
  for (const [id, list] of kept) {
    list.sort((a, b) => weightOf(b, id) - weightOf(a, id) || a - b);
    homeless.push(...list.splice(quotas.get(id)!));
  }
  for (const shard of homeless.sort((a, b) => a - b)) {
    const open = nodeIds.filter((id) => kept.get(id)!.length < quotas.get(id)!);
    kept.get(heaviest(shard, open))!.push(shard);
  }
  const primaries: string[] = [];
  for (const [id, list] of kept) for (const shard of list) primaries[shard] = id;
  return primaries;
}

/** Nodes that hold most already get the larger quotas, so that the fewest shards move. */
function quotasOf(shardCount: number, nodeIds: readonly string[], kept: Map<string, number[]>) {
  const share = Math.floor(shardCount / nodeIds.length);
  const larger = shardCount - share * nodeIds.length;
  const order = [...nodeIds].sort((a, b) =>
    kept.get(b)!.length - kept.get(a)!.length || weightOf(-1, b) - weightOf(-1, a) || (a < b ? -1 : 1)
  );
  return new Map(order.map((id, rank) => [id, rank < larger ? share + 1 : share]));
}

function heaviest(shard: number, nodeIds: readonly string[]): string {
  let best = nodeIds[0]!;
  for (const id of nodeIds) {
    const difference = weightOf(shard, id) - weightOf(shard, best);
    if (difference > 0 || (difference === 0 && id < best)) best = id;
  }
  return best;
}

function weightOf(shard: number, nodeId: string): number {
  const bytes = bytesOf(`${shard}:${nodeId}`);
  return hashOfKey(SEED, bytes, 0, bytes.length) >>> 0;
}
