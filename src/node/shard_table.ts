/**
 * Which shards this node keeps, and where a key's shard is: the node's view of the topology. A standalone node is
 * one shard that owns every slot; a node of a cluster without a topology owns nothing yet.
 */
import { assert } from "../core/assert.ts";
import type { Store } from "../store/store.ts";
import { shardOfSlot, slotRangeOf } from "../core/shard_ranges.ts";
import { slotOfKey } from "../core/slot.ts";
import type { Topology } from "../topology/topology.ts";
import type { ShardCopy } from "./shard_copy.ts";

export class ShardTable {
  /** Every shard copy of this node, in the order of their numbers. */
  readonly copies: ShardCopy[] = [];
  /** Those of which this node is the primary, and their stores: what clients see. */
  readonly shards: ShardCopy[] = [];
  readonly stores: Store[] = [];
  readonly myId: string;
  #topology: Topology | null = null;
  /** The one shard that owns all slots, when there is no division into slots. */
  #whole: ShardCopy | null = null;
  /** The shards of the topology, `null` where another node has it. */
  #shardOfNumber: (ShardCopy | null)[] = [];

  constructor(myId: string) {
    this.myId = myId;
  }

  /** Whether keys are divided by slots among nodes. */
  get enabled(): boolean {
    return this.#topology !== null && this.#topology.routing === "slots";
  }

  get topology(): Topology | null {
    return this.#topology;
  }

  get epoch(): number {
    return this.#topology?.version ?? 0;
  }

  /** One shard that owns everything. */
  ownAll(shard: ShardCopy, topology: Topology | null): void {
    this.#topology = topology;
    this.#whole = shard;
    this.#keep([shard], () => true);
  }

  /** The copies that `topology` gives to this node; `copies` holds exactly those. */
  ownShards(copies: readonly ShardCopy[], topology: Topology): void {
    this.#topology = topology;
    this.#shardOfNumber = topology.shards.map(() => null);
    this.#keep(copies, ({ id }) => {
      const { primary, replicas } = topology.shards[id]!;
      assert([primary, ...replicas].includes(this.myId), `shard ${id} has a copy at this node`);
      return primary === this.myId;
    });
    for (const shard of this.shards) this.#shardOfNumber[shard.id] = shard;
  }

  /** The key's shard, or `null` when this node does not have it. */
  shardOfKey(bytes: Uint8Array, start: number, end: number): ShardCopy | null {
    if (this.#whole !== null) return this.#whole;
    if (this.#topology === null) return null;
    return this.#shardOfNumber[shardOfSlot(slotOfKey(bytes, start, end), this.#topology.shardCount)]!;
  }

  /** The error for a key whose shard is not here. */
  whyNotHere(bytes: Uint8Array, start: number, end: number): string {
    const topology = this.#topology;
    if (topology === null) {
      return "CLUSTERDOWN This node belongs to no cluster yet: start a balancer with --node for it, " +
        "or start the node with --standalone";
    }
    return movedText(topology, slotOfKey(bytes, start, end));
  }

  /** The error for a shard that is not here; empty when there is none with that number. */
  whyNoShard(shard: number): string {
    const topology = this.#topology;
    if (topology === null || topology.shards[shard] === undefined) return "";
    return movedText(topology, slotRangeOf(shard, topology.shardCount).first);
  }

  slotOf(bytes: Uint8Array, start: number, end: number): number {
    return slotOfKey(bytes, start, end);
  }

  /** Number of the key's shard, wherever that is; −1 where keys are not divided. */
  numberOf(bytes: Uint8Array, start: number, end: number): number {
    if (!this.enabled) return -1;
    return shardOfSlot(slotOfKey(bytes, start, end), this.#topology!.shardCount);
  }

  #keep(copies: readonly ShardCopy[], isLed: (copy: ShardCopy) => boolean): void {
    this.copies.length = 0;
    this.copies.push(...[...copies].sort((a, b) => a.id - b.id));
    this.shards.length = 0;
    this.shards.push(...this.copies.filter(isLed));
    this.stores.length = 0;
    this.stores.push(...this.shards.map((shard) => shard.store));
  }
}

function movedText(topology: Topology, slot: number): string {
  const owner = topology.shards[shardOfSlot(slot, topology.shardCount)]!.primary;
  const node = topology.nodes.find((candidate) => candidate.id === owner);
  return node === undefined
    ? `CLUSTERDOWN Slot ${slot} has no node`
    : `MOVED ${slot} ${node.host}:${node.port}`;
}
