/**
 * The topology: one versioned document that says which nodes there are and who keeps which shard. It is a value:
 * every change makes a new document with a higher version. Nodes adopt only a higher version than they know.
 *
 * With routing "slots", shard i keeps the slots that `slotRangeOf(i, shardCount)` says. With "round-robin" there
 * are no shards in the document: every node keeps one shard, number 0, of all slots, with its own whole memory.
 */
import { assert } from "../core/assert.ts";
import { hashSeedText, randomHashSeed } from "../core/key_hash.ts";
import { NODE_COUNT_MAX, REPLICAS_MAX, SHARD_COUNT_MAX } from "../core/limits.ts";
import { type Random, randomUuid } from "../core/random.ts";
import { placeShards } from "./placement.ts";

export const TOPOLOGY_FORMAT = 2;

export type Routing = "slots" | "round-robin";

export interface TopologyNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly maxMemoryBytes: number;
  /** Round-robin only: it missed removals while it was away and must be emptied before it serves again. */
  readonly stale: boolean;
}

export interface TopologyShard {
  /** Grows each time the shard changes its primary or its in-sync set. */
  readonly epoch: number;
  /** Id of a node. */
  readonly primary: string;
  readonly replicas: readonly string[];
  readonly inSync: readonly string[];
}

export interface Topology {
  readonly format: 2;
  /** UUID of the cluster, made with it. */
  readonly cluster: string;
  /** By which every copy orders its keys, made with the cluster: 16 hexadecimal digits. */
  readonly hashSeed: string;
  /** From 1. */
  readonly version: number;
  readonly routing: Routing;
  readonly shardCount: number;
  /** Memory cap of one shard copy. */
  readonly shardCapBytes: number;
  readonly nodes: readonly TopologyNode[];
  readonly shards: readonly TopologyShard[];
}

export interface NewTopology {
  readonly routing: Routing;
  readonly shardCount: number;
  /** Copies of each shard beyond the primary, fewer than there are nodes; none by default. */
  readonly replicas?: number;
  readonly nodes: readonly Omit<TopologyNode, "stale">[];
}

/** Version 1 of a new cluster's topology. Every copy is in sync, since all of them are empty. */
export function createTopology(options: NewTopology, random: Random): Topology {
  const { routing, shardCount, replicas = 0 } = options;
  assert(options.nodes.length >= 1 && options.nodes.length <= NODE_COUNT_MAX, "node count within its bounds");
  assert(shardCount >= 1 && shardCount <= SHARD_COUNT_MAX, "shard count within its bounds");
  assert(replicas >= 0 && replicas <= REPLICAS_MAX, "count of replicas within its bounds");
  const nodes = options.nodes.map((node) => ({ ...node, stale: false }));
  const nodeIds = nodes.map((node) => node.id);
  const places = routing === "slots" ? placeShards({ shardCount, nodeIds, replicas }) : [];
  const shards = places.map(({ primary, replicas }) => ({
    epoch: 1,
    primary,
    replicas,
    inSync: [primary, ...replicas],
  }));
  return {
    format: TOPOLOGY_FORMAT,
    cluster: randomUuid(random),
    hashSeed: hashSeedText(randomHashSeed(random)),
    version: 1,
    routing,
    shardCount,
    shardCapBytes: shardCapBytesOf(nodes, shards),
    nodes,
    shards,
  };
}

/**
 * Cap of a shard copy: what each node can give to each of the copies it keeps, the least of that. So no node's copies
 * together exceed its memory, also where the shards do not divide evenly or the nodes are not alike. With
 * round-robin, where every node keeps one store with all its memory, it is the smallest node's memory.
 */
function shardCapBytesOf(nodes: readonly TopologyNode[], shards: readonly TopologyShard[]): number {
  const copies = new Map(nodes.map((node) => [node.id, 0]));
  for (const { primary, replicas } of shards) {
    for (const id of [primary, ...replicas]) copies.set(id, copies.get(id)! + 1);
  }
  return Math.min(
    ...nodes.map((node) => Math.floor(node.maxMemoryBytes / Math.max(1, copies.get(node.id)!))),
  );
}

/** The next version, in which node `nodeIndex` has other memory, and so every shard another cap. */
export function withMemory(topology: Topology, nodeIndex: number, maxMemoryBytes: number): Topology {
  const nodes = topology.nodes.map((node, i) => i === nodeIndex ? { ...node, maxMemoryBytes } : node);
  const shardCapBytes = shardCapBytesOf(nodes, topology.shards);
  return { ...topology, version: topology.version + 1, shardCapBytes, nodes };
}

/**
 * The next version, in which the node with `id` takes the place of node `nodeIndex`, and is empty. Where that one was
 * in sync together with others, these have what it kept, and it has to have left before: `null` as long as it has not.
 */
export function withReplacedNode(topology: Topology, nodeIndex: number, id: string): Topology | null {
  const old = topology.nodes[nodeIndex]!.id;
  const isNeeded = topology.shards.some(({ inSync }) => inSync.length > 1 && inSync.includes(old));
  if (isNeeded) return null;
  const swap = (member: string) => member === old ? id : member;
  const nodes = topology.nodes.map((node, i) => i === nodeIndex ? { ...node, id, stale: false } : node);
  const shards = topology.shards.map((shard) => {
    if (!copiesOf(shard).includes(old)) return shard;
    return {
      epoch: shard.epoch + 1,
      primary: swap(shard.primary),
      replicas: shard.replicas.map(swap),
      inSync: shard.inSync.map(swap),
    };
  });
  return { ...topology, version: topology.version + 1, nodes, shards };
}

/** The nodes that keep `shard`, the primary first. */
export function copiesOf({ primary, replicas }: TopologyShard): string[] {
  return [primary, ...replicas];
}

/** The next version, with other members of some shards: `changes` by their numbers. */
export function withShards(topology: Topology, changes: ReadonlyMap<number, TopologyShard>): Topology {
  const shards = topology.shards.map((shard, i) => changes.get(i) ?? shard);
  return { ...topology, version: topology.version + 1, shards };
}

/**
 * The next epoch of `shard`, in which `primary` leads and `inSync`, of whom it is one, are in sync. They are copies of
 * the shard already; whoever led before is a replica from now on.
 */
export function nextEpoch(shard: TopologyShard, primary: string, inSync: readonly string[]): TopologyShard {
  const copies = copiesOf(shard);
  assert(
    inSync.includes(primary) && inSync.every((id) => copies.includes(id)),
    "copies of the shard are in sync",
  );
  const replicas = copies.filter((id) => id !== primary);
  return {
    epoch: shard.epoch + 1,
    primary,
    replicas,
    inSync: [primary, ...replicas.filter((id) => inSync.includes(id))],
  };
}

/**
 * The next version, in which node `nodeIndex` is reached at `host:port`. A node that was known there takes the address
 * that this one had, until it is met elsewhere.
 */
export function withMovedNode(
  topology: Topology,
  nodeIndex: number,
  { host, port }: { readonly host: string; readonly port: number },
): Topology {
  const former = topology.nodes[nodeIndex]!;
  const nodes = topology.nodes.map((node, i) => {
    if (i === nodeIndex) return { ...node, host, port };
    return node.host === host && node.port === port
      ? { ...node, host: former.host, port: former.port }
      : node;
  });
  return { ...topology, version: topology.version + 1, nodes };
}

/** The next version, in which node `nodeIndex` has missed removals (`stale`), or has made up for them. */
export function withStale(topology: Topology, nodeIndex: number, stale: boolean): Topology {
  const nodes = topology.nodes.map((node, i) => i === nodeIndex ? { ...node, stale } : node);
  return { ...topology, version: topology.version + 1, nodes };
}
