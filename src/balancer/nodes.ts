/**
 * The nodes as the balancer sees them, in the topology's order, and which of them keeps which slot. The topology may
 * change at any time: nodes come and go, are reached elsewhere, and hand slots to each other.
 *
 * A request belongs to its slot. When a slot moves, what waits for its former node goes to the new one at once; what
 * the former node has got already is answered by it, or comes back and follows. Until then the slot takes no further
 * requests, so that none overtakes those before it.
 */
import { assert } from "../core/assert.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import { randomUuid } from "../core/random.ts";
import { shardOfSlot } from "../core/shard_ranges.ts";
import type { Address } from "../io/network.ts";
import type { Asker } from "../link/ask.ts";
import { linkRequest } from "../protocol/roundel_exchange.ts";
import type { Topology } from "../topology/topology.ts";
import { mustAnswerOk } from "../controller/node_handshake.ts";
import type { TopologySource } from "../controller/topology_source.ts";
import { type Lane, LinkNames } from "./link_names.ts";
import type { ServingOptions } from "./options.ts";
import type { Gate } from "./gate.ts";
import type { NodeOwner } from "./node_owner.ts";
import { RemoteNode } from "./remote_node.ts";

export class Nodes implements NodeOwner<RemoteNode> {
  readonly #options: ServingOptions;
  readonly #source: TopologySource;
  readonly #names: LinkNames;
  #all: RemoteNode[] = [];
  /** Index of the node that keeps a slot. */
  readonly #nodeOfSlot = new Uint8Array(SLOT_COUNT);
  #shardCount = 0;
  /** Whether a slot waits for its former node's answers; how many waits there are. */
  readonly #isMoving = new Uint8Array(SLOT_COUNT);
  #movingCount = 0;
  #waitingForMoves: (() => void)[] = [];
  /** Removed nodes whose links are being closed. */
  readonly #leaving = new Set<Promise<void>>();
  #turn = 0;

  constructor(options: ServingOptions, source: TopologySource) {
    this.#options = options;
    this.#source = source;
    this.#names = new LinkNames(options.run ?? randomUuid(options.random), options.worker ?? 0);
  }

  /** In the topology's order. */
  get all(): readonly RemoteNode[] {
    return this.#all;
  }

  /** Begins to connect to nodes of which no more is known than that they are at `addresses`. */
  meet(addresses: readonly Address[]): void {
    this.#all = addresses.map((address) => this.#connect(address));
  }

  /** Routes by `topology` from now on; its nodes are reached at `addresses`. */
  use(topology: Topology, addresses: readonly Address[]): void {
    const former = this.#all;
    const formerOfSlot = this.#nodeOfSlot.slice();
    this.#all = topology.nodes.map(({ id }, index) => {
      const node = former.find((each) => each.id === id) ?? successorOf(former[index], topology) ??
        this.#connect(addresses[index]!);
      node.id = id;
      node.moveTo(addresses[index]!);
      return node;
    });
    if (topology.routing === "slots") this.#assignSlots(topology);
    const gone = former.filter((node) => !this.#all.includes(node));
    if (former.length > 0) this.#moveSlots(former, formerOfSlot);
    for (const node of gone) this.#close(node);
    for (const node of this.#all) node.pushTopology();
  }

  /** Shards that the slots are divided into. */
  get shardCount(): number {
    return this.#shardCount;
  }

  /** The node that keeps `slot`. */
  ofSlot(slot: number): RemoteNode {
    return this.#all[this.#nodeOfSlot[slot]!]!;
  }

  /** What holds up requests, or writes, of `slot` for now; `null` when nothing does. */
  gateOf(slot: number, isWrite: boolean): Gate | null {
    if (this.#movingCount > 0 && this.#isMoving[slot]! > 0) return this;
    return this.ofSlot(slot).gateFor(isWrite);
  }

  /** Resolves when a slot that was moving is not any more. */
  whenRoom(): Promise<void> {
    if (this.#movingCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waitingForMoves.push(resolve));
  }

  /** Whether node `index` may be asked: reached, admitted, and not waiting to be emptied. */
  isUsable(index: number): boolean {
    const { state, id } = this.#all[index]!;
    return state === "ready" && id !== null && !this.#source.isStale(id);
  }

  /** Index of the next node in turn that can serve; the next one at all when none can. */
  nextInTurn(): number {
    const count = this.#all.length;
    for (let tries = 0; tries < count; tries++) {
      this.#turn = (this.#turn + 1) % count;
      if (this.isUsable(this.#turn)) return this.#turn;
    }
    this.#turn = (this.#turn + 1) % count;
    return this.#turn;
  }

  /** What the first node that takes no more requests, or writes, for now waits for; `null` when there is none. */
  firstFull(isWrite: boolean): Gate | null {
    for (const node of this.#all) {
      const gate = node.gateFor(isWrite);
      if (gate !== null) return gate;
    }
    return null;
  }

  /** Closes all links. */
  async stop(): Promise<void> {
    await Promise.all([...this.#all.map((node) => node.stop()), ...this.#leaving]);
  }

  // ---- Owner of the nodes ----------------------------------------------------------------------

  admit(node: RemoteNode, ask: Asker): Promise<void> {
    const index = this.#all.indexOf(node);
    if (index < 0) throw new Error("it is no node of the cluster any more");
    const isReached = (id: string) => this.#all.some((each) => each.id === id && each.state === "ready");
    return this.#source.admit({ index, address: node.address, isReached }, ask);
  }

  nameLink(node: RemoteNode, lane: Lane, ask: Asker): Promise<void> {
    return mustAnswerOk(node.name, ask, linkRequest(this.#names.next(this.#source.topology.cluster, lane)));
  }

  topologyText(): string {
    return this.#source.topologyText();
  }

  ofReturned(slot: number, from: RemoteNode): RemoteNode {
    return slot < 0 || this.#options.routing === "round-robin" ? from : this.ofSlot(slot);
  }

  // ----------------------------------------------------------------------------------------------

  #connect(address: Address): RemoteNode {
    const { network, clock, logger } = this.#options;
    const node = new RemoteNode({ address, network, clock, logger, owner: this });
    node.start();
    return node;
  }

  #close(node: RemoteNode): void {
    const closed = node.stop().then(() => void this.#leaving.delete(closed));
    this.#leaving.add(closed);
  }

  #assignSlots({ nodes, shards, shardCount }: Topology): void {
    const indexOf = new Map(nodes.map((node, i) => [node.id, i]));
    this.#shardCount = shardCount;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      this.#nodeOfSlot[slot] = indexOf.get(shards[shardOfSlot(slot, shardCount)]!.primary)!;
    }
  }

  /** What belongs to slots that have another node by now follows them. */
  #moveSlots(former: readonly RemoteNode[], formerOfSlot: Uint8Array): void {
    for (const node of former) {
      const moved = new Uint8Array(SLOT_COUNT);
      let movedCount = 0;
      for (let slot = 0; slot < SLOT_COUNT; slot++) {
        if (former[formerOfSlot[slot]!] !== node || this.ofSlot(slot) === node) continue;
        moved[slot] = 1;
        movedCount++;
      }
      if (movedCount === 0) continue;
      for (let slot = 0; slot < SLOT_COUNT; slot++) this.#isMoving[slot]! += moved[slot]!;
      this.#movingCount++;
      node.watch((slot) => moved[slot] === 1, () => this.#moved(moved));
      node.reroute();
    }
  }

  #moved(slots: Uint8Array): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.#isMoving[slot]! -= slots[slot]!;
    this.#movingCount--;
    assert(this.#movingCount >= 0, "a move ends once");
    for (const resolve of this.#waitingForMoves.splice(0)) resolve();
  }
}

/** The one at the same place, when its own id is in the topology no more: it is replaced there. */
function successorOf(node: RemoteNode | undefined, topology: Topology): RemoteNode | undefined {
  if (node === undefined || topology.nodes.some(({ id }) => id === node.id)) return undefined;
  return node;
}
