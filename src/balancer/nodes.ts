/**
 * The nodes as the balancer sees them, in the topology's order, and which of them keeps which slot. The topology may
 * change at any time: nodes come and go, are reached elsewhere, and hand slots to each other.
 *
 * A request belongs to its slot. When a slot moves, its shard is closed (`holds.ts`): what waits for its former node is kept,
 * and what that node has got already is answered by it, or comes back and is kept too, until the new node serves it.
 */
import { FAILOVER_WAIT_MS, RETRY_DEADLINE_MS, SEND_ATTEMPTS_MAX, SLOT_COUNT } from "../core/limits.ts";
import { randomUuid } from "../core/random.ts";
import { shardOfSlot, slotRangeOf } from "../core/shard_ranges.ts";
import type { Address } from "../io/network.ts";
import type { Asker } from "../link/ask.ts";
import type { ReturnedRequest } from "../link/in_flight.ts";
import { linkRequest, type NodeStatus } from "../protocol/roundel_exchange.ts";
import type { Topology } from "../topology/topology.ts";
import { mustAnswerOk } from "../controller/node_handshake.ts";
import type { TopologySource } from "../controller/topology_source.ts";
import type { Counters } from "./counters.ts";
import { Holds } from "./holds.ts";
import { type Lane, LinkNames } from "./link_names.ts";
import { answer } from "./returned_request.ts";
import type { NodeOwner } from "./node_owner.ts";
import type { ServingOptions } from "./options.ts";
import type { Gate } from "./gate.ts";
import { RemoteNode } from "./remote_node.ts";
import type { ShardProblems } from "./status_report.ts";

export class Nodes implements NodeOwner<RemoteNode> {
  readonly #options: ServingOptions;
  readonly #source: TopologySource;
  readonly #names: LinkNames;
  readonly #counters: Counters;
  #all: RemoteNode[] = [];
  /** Index of the node that keeps a slot. */
  readonly #nodeOfSlot = new Uint8Array(SLOT_COUNT);
  #shardCount = 0;
  #isReplicated = false;
  readonly #holds: Holds;
  /** Whether the shard of a slot is closed. */
  readonly #isClosed = new Uint8Array(SLOT_COUNT);
  #waitingForShards: (() => void)[] = [];
  /** Removed nodes whose links are being closed. */
  readonly #leaving = new Set<Promise<void>>();
  #turn = 0;

  constructor(options: ServingOptions, source: TopologySource, counters: Counters) {
    this.#options = options;
    this.#source = source;
    this.#counters = counters;
    this.#holds = new Holds({
      clock: options.clock,
      nodeOf: (shard) => this.#ofShard(shard),
      closed: (shard, isClosed) => this.#closed(shard, isClosed),
      waited: (count) => counters.waited(count),
    });
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
    this.#isReplicated = topology.shards.some(({ replicas }) => replicas.length > 0);
    const gone = former.filter((node) => !this.#all.includes(node));
    if (former.length > 0) this.#moveSlots(former, formerOfSlot);
    for (const node of gone) this.#close(node);
    for (const node of this.#all) node.pushTopology();
    if (this.#isReplicated) this.#holds.look(topology.shards.keys());
  }

  /** Shards that the slots are divided into. */
  get shardCount(): number {
    return this.#shardCount;
  }

  /** The node that keeps `slot`. */
  ofSlot(slot: number): RemoteNode {
    return this.#all[this.#nodeOfSlot[slot]!]!;
  }

  /** Keys whose slots are of the same group are asked together: they have the same node, and keep it together. */
  groupOf(slot: number): number {
    return this.#isReplicated ? this.shardOf(slot) : this.#nodeOfSlot[slot]!;
  }

  /** Whether shards have several copies. */
  get isReplicated(): boolean {
    return this.#isReplicated;
  }

  /** Indexes of the nodes that serve anything; where there are no shards, of all. */
  serving(): number[] {
    const indexes = [...this.#all.keys()];
    return this.#isReplicated ? indexes.filter((index) => this.#nodeOfSlot.includes(index)) : indexes;
  }

  /** Where shards have several copies: those whose primary does not serve, and those that have fewer in sync than copies. */
  shardProblems(): ShardProblems {
    const shards = this.#isReplicated ? [...this.#source.topology.shards.entries()] : [];
    const withoutPrimary = shards.filter(([shard]) => !this.#ofShard(shard).serves(shard));
    const shortOfCopies = shards.filter(([, { replicas, inSync }]) => inSync.length <= replicas.length);
    const numbers = (some: typeof shards) => some.map(([shard]) => shard);
    return { withoutPrimary: numbers(withoutPrimary), shortOfCopies: numbers(shortOfCopies) };
  }

  /** What holds up requests, or writes, of `slot` for now; `null` when nothing does. */
  gateOf(slot: number, isWrite: boolean): Gate | null {
    if (this.#holds.closedCount > 0 && this.#isClosed[slot]! === 1) return this;
    return this.ofSlot(slot).gateFor(isWrite);
  }

  /** Resolves when a shard that was closed is not any more. */
  whenRoom(): Promise<void> {
    if (this.#holds.closedCount === 0) return Promise.resolve();
    this.#counters.waited(1);
    return new Promise((resolve) => this.#waitingForShards.push(resolve));
  }

  /** What holds up requests, or writes, that concern all shards; `null` when nothing does. */
  gateOfAll(isWrite: boolean): Gate | null {
    return this.#holds.closedCount > 0 ? this : this.firstFull(isWrite);
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
    this.#holds.stop();
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

  cameBack(request: ReturnedRequest, from: RemoteNode): void {
    const slot = request.route;
    const gone = () => from.unreachableText(slot);
    // Of all nodes those are asked that serve something; from this one nothing is wanted any more.
    if (slot < 0 && this.#isReplicated && !this.#nodeOfSlot.includes(this.#all.indexOf(from))) {
      return answer(request, gone());
    }
    if (slot < 0 || this.#options.routing === "round-robin") return from.resend(request);
    const shard = this.shardOf(slot);
    const node = this.#ofShard(shard);
    if (this.#holds.isClosed(shard)) this.#holds.keep(shard, node, request, gone());
    else node.resend(request);
  }

  refused(request: ReturnedRequest, from: RemoteNode, text: string): void {
    const { route, attempts } = request;
    const why = notServedText(from.name, route, text);
    if (!text.startsWith("TRYAGAIN ")) from.pushTopology();
    if (!this.#isReplicated && attempts >= SEND_ATTEMPTS_MAX) return answer(request, why);
    if (this.#options.routing === "round-robin") return from.resend(request);
    const shard = this.shardOf(route);
    from.isRefusing(shard);
    this.#holds.keep(shard, from, request, why);
  }

  get patienceMs(): number {
    return this.#isReplicated ? FAILOVER_WAIT_MS : RETRY_DEADLINE_MS;
  }

  wasUncertain(): void {
    this.#counters.wasUncertain();
  }

  shardOf(slot: number): number {
    return shardOfSlot(slot, this.#shardCount);
  }

  isServed(shard: number, status: NodeStatus | null): boolean {
    // Of the only copy it turns out when it is asked; and what waits for a node that is away waits there.
    if (!this.#isReplicated) return true;
    const copy = status?.copies.find((each) => each.shard === shard);
    return copy?.isOpen === true && copy.epoch === this.#source.topology.shards[shard]!.epoch;
  }

  told(node: RemoteNode): void {
    if (!this.#isReplicated) return;
    this.#holds.look(node.status?.copies.filter(({ isOpen }) => isOpen).map(({ shard }) => shard) ?? []);
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
    const left = new Set<RemoteNode>();
    for (let shard = 0; shard < this.#shardCount; shard++) {
      const node = former[formerOfSlot[slotRangeOf(shard, this.#shardCount).first]!]!;
      if (this.#ofShard(shard) === node) continue;
      left.add(node);
      this.#holds.close(
        shard,
        node,
        notServedText(node.name, slotRangeOf(shard, this.#shardCount).first, "it has moved"),
      );
    }
    for (const node of left) node.reroute();
  }

  #ofShard(shard: number): RemoteNode {
    return this.ofSlot(slotRangeOf(shard, this.#shardCount).first);
  }

  #closed(shard: number, isClosed: boolean): void {
    const { first, last } = slotRangeOf(shard, this.#shardCount);
    this.#isClosed.fill(isClosed ? 1 : 0, first, last + 1);
    if (isClosed) return;
    for (const resolve of this.#waitingForShards.splice(0)) resolve();
  }
}

function notServedText(name: string, slot: number, text: string): string {
  return `CLUSTERDOWN The node ${name} does not serve slot ${slot}: ${text}`;
}

/** The one at the same place, when its own id is in the topology no more: it is replaced there. */
function successorOf(node: RemoteNode | undefined, topology: Topology): RemoteNode | undefined {
  if (node === undefined || topology.nodes.some(({ id }) => id === node.id)) return undefined;
  return node;
}
