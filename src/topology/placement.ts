/**
 * Where the copies of shards go, as pure functions: consistent hashing with bounded loads. Each pair of shard and node has
 * a weight (rendezvous hashing, Thaler and Ravishankar 1996), and each node a quota, floor or ceil of its share.
 *
 * 1. A copy stays where it was as long as that node is still there and within its quota. A node above its quota gives up
 *    the copies that weigh least with it.
 * 2. A shard that lacks copies gets them at the nodes that it weighs most with among those with room that have none of
 *    it. Where every node with room has one, a node without room takes the copy, and gives one of another shard, which
 *    that node has not, to it. There always is one: the node without room has the more copies.
 * 3. Each shard's primary is one of its copies: the one that it was, or the heaviest. From nodes with more primaries
 *    than their share the role goes, by the shortest way over copies, to nodes with fewer. There always is a way, since
 *    copies are spread evenly (in equal parts the role would be divided evenly, and a flow can be made whole).
 *
 * So adding a node moves about 1/n of the copies, nearly all of them to it, and removing one moves only its own.
 */
import { assert } from "../core/assert.ts";
import { bytesOf } from "../core/bytes.ts";
import { hashOfKey } from "../core/key_hash.ts";

const SEED = { low: 0, high: 0 };

/** Ids of the nodes that keep a shard: each once, the primary not among the replicas. */
export interface ShardPlace {
  readonly primary: string;
  readonly replicas: readonly string[];
}

export interface PlacedCluster {
  readonly shardCount: number;
  /** Different from each other. */
  readonly nodeIds: readonly string[];
  /** Copies beyond the primary, fewer than there are nodes. */
  readonly replicas: number;
}

/** Where each shard goes. `previous` is how it is now, if it is anyhow. */
export function placeShards(
  { shardCount, nodeIds, replicas }: PlacedCluster,
  previous: readonly ShardPlace[] = [],
): ShardPlace[] {
  assert(nodeIds.length > replicas, "copies of a shard are on different nodes");
  const weights = new Weights(shardCount);
  const held = previous.slice(0, shardCount).map(({ primary, replicas }) => [primary, ...replicas]);
  const copies = placeCopies({ shardCount, nodeIds, replicas }, held, weights);
  const primaries = choosePrimaries(copies, nodeIds, previous.map(({ primary }) => primary), weights);
  return copies.map((ids, shard) => {
    const primary = primaries[shard]!;
    const others = ids.filter((id) => id !== primary);
    return { primary, replicas: others.sort((a, b) => weights.compare(shard, a, b)) };
  });
}

/** The nodes of each shard. */
function placeCopies(
  { shardCount, nodeIds, replicas }: PlacedCluster,
  previous: readonly string[][],
  weights: Weights,
): string[][] {
  const kept = new Map<string, Set<number>>(nodeIds.map((id) => [id, new Set()]));
  for (const [shard, ids] of previous.entries()) {
    for (const id of ids.slice(0, replicas + 1)) kept.get(id)?.add(shard);
  }
  const quotas = quotasOf(shardCount * (replicas + 1), kept, weights);
  const given = new Map<number, number>();
  for (const [id, shards] of kept) {
    const lightest = [...shards].sort((a, b) => weights.of(a, id) - weights.of(b, id) || b - a);
    giveUp(shards, lightest, quotas.get(id)!, given);
  }
  const before = new Map(nodeIds.map((id) => [id, new Set(kept.get(id))]));
  for (let round = 0; round <= replicas; round++) {
    for (let shard = 0; shard < shardCount; shard++) {
      const holders = nodeIds.filter((id) => kept.get(id)!.has(shard));
      if (holders.length > round) continue;
      const open = nodeIds.filter((id) => kept.get(id)!.size < quotas.get(id)!);
      const free = open.filter((id) => !holders.includes(id));
      if (free.length > 0) kept.get(weights.heaviest(shard, free))!.add(shard);
      else swapIn(shard, weights.heaviest(shard, open), kept, before);
    }
  }
  return Array.from({ length: shardCount }, (_, shard) => nodeIds.filter((id) => kept.get(id)!.has(shard)));
}

/** Of a node's `shards` all but `quota` are given up: few of one shard, which `given` counts, and the lightest first. */
function giveUp(
  shards: Set<number>,
  lightest: readonly number[],
  quota: number,
  given: Map<number, number>,
): void {
  const times = (shard: number) => given.get(shard) ?? 0;
  const order = [...lightest].sort((a, b) => times(a) - times(b));
  for (const shard of order.slice(0, Math.max(0, shards.size - quota))) {
    shards.delete(shard);
    given.set(shard, times(shard) + 1);
  }
}

/**
 * `shard` gets a copy at a node without room, which hands one of another shard on to `open`, a node with room that has
 * `shard` already. What was not there `before` goes first, since it has to be filled anyway.
 */
function swapIn(
  shard: number,
  open: string,
  kept: Map<string, Set<number>>,
  before: Map<string, Set<number>>,
): void {
  let best: { id: string; moved: number; isNew: boolean } | null = null;
  for (const [id, shards] of kept) {
    if (shards.has(shard)) continue;
    for (const moved of shards) {
      if (kept.get(open)!.has(moved)) continue;
      const isNew = !before.get(id)!.has(moved);
      if (best === null || (isNew && !best.isNew)) best = { id, moved, isNew };
    }
  }
  assert(best !== null, "a node without room has more copies than one with room");
  kept.get(best.id)!.delete(best.moved);
  kept.get(best.id)!.add(shard);
  kept.get(open)!.add(best.moved);
}

/** One of `copies` for each shard, the present one where that can be. */
function choosePrimaries(
  copies: readonly string[][],
  nodeIds: readonly string[],
  previous: readonly string[],
  weights: Weights,
): string[] {
  const primaries = copies.map((ids, shard) =>
    ids.includes(previous[shard]!) ? previous[shard]! : weights.heaviest(shard, ids)
  );
  const counts = new Map(nodeIds.map((id) => [id, 0]));
  for (const id of primaries) counts.set(id, counts.get(id)! + 1);
  const share = Math.floor(copies.length / nodeIds.length);
  const most = Math.ceil(copies.length / nodeIds.length);
  for (const id of nodeIds) {
    while (counts.get(id)! > most && shiftRole(id, (other) => counts.get(other)! < most)) continue;
  }
  for (const id of nodeIds) {
    while (counts.get(id)! > share && shiftRole(id, (other) => counts.get(other)! < share)) continue;
  }
  return primaries;

  /** Hands the role on from `from`, by the shortest way, to a node that `takes` it; false when there is none. */
  function shiftRole(from: string, takes: (id: string) => boolean): boolean {
    const cameBy = new Map<string, { from: string; shard: number }>();
    const queue = [from];
    for (const id of queue) {
      for (const [shard, primary] of primaries.entries()) {
        if (primary !== id) continue;
        for (const other of copies[shard]!) {
          if (other === from || cameBy.has(other)) continue;
          cameBy.set(other, { from: id, shard });
          queue.push(other);
          if (!takes(other)) continue;
          for (let at = other; at !== from; at = cameBy.get(at)!.from) primaries[cameBy.get(at)!.shard] = at;
          counts.set(from, counts.get(from)! - 1);
          counts.set(other, counts.get(other)! + 1);
          return true;
        }
      }
    }
    return false;
  }
}

/** Nodes that hold most already get the larger quotas, so that the fewest copies move. */
function quotasOf(total: number, kept: Map<string, Set<number>>, weights: Weights): Map<string, number> {
  const share = Math.floor(total / kept.size);
  const larger = total - share * kept.size;
  const order = [...kept.keys()].sort((a, b) =>
    kept.get(b)!.size - kept.get(a)!.size || weights.compare(-1, a, b)
  );
  return new Map(order.map((id, rank) => [id, rank < larger ? share + 1 : share]));
}

/** How much each shard weighs with each node, worked out once. */
class Weights {
  readonly #shardCount: number;
  readonly #ofNode = new Map<string, Float64Array>();

  constructor(shardCount: number) {
    this.#shardCount = shardCount;
  }

  /** Shard −1 is none: a weight of the node itself. */
  of(shard: number, nodeId: string): number {
    let weights = this.#ofNode.get(nodeId);
    if (weights === undefined) this.#ofNode.set(nodeId, weights = weightsOf(nodeId, this.#shardCount));
    return weights[shard + 1]!;
  }

  /** Negative when `shard` weighs more with `a`. */
  compare(shard: number, a: string, b: string): number {
    return this.of(shard, b) - this.of(shard, a) || (a < b ? -1 : 1);
  }

  heaviest(shard: number, nodeIds: readonly string[]): string {
    return nodeIds.reduce((best, id) => this.compare(shard, id, best) < 0 ? id : best);
  }
}

function weightsOf(nodeId: string, shardCount: number): Float64Array {
  return Float64Array.from({ length: shardCount + 1 }, (_, i) => {
    const bytes = bytesOf(`${i - 1}:${nodeId}`);
    return hashOfKey(SEED, bytes, 0, bytes.length) >>> 0;
  });
}
