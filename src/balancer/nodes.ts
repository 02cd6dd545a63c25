/**
 * The nodes as the balancer sees them: one connection to each, in the topology's order, and which of them keeps
 * which slot. A second, patient connection serves requests that take long, such as `SAVE`: on the first one they
 * would hold up everybody's replies.
 */
import { assert } from "../core/assert.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Address } from "../io/network.ts";
import { shardOfSlot } from "../core/shard_ranges.ts";
import type { Topology } from "../topology/topology.ts";
import type { ServingOptions } from "./options.ts";
import { Upstream } from "../link/upstream.ts";
import type { TopologySource } from "../controller/topology_source.ts";

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export class Nodes {
  readonly #options: ServingOptions;
  readonly #source: TopologySource;
  #addresses: readonly Address[] = [];
  #upstreams: Upstream[] = [];
  #patient: (Upstream | null)[] = [];
  /** Index of the node that keeps a slot. */
  readonly #nodeOfSlot = new Uint8Array(SLOT_COUNT);
  #dealt = 0;

  constructor(options: ServingOptions, source: TopologySource) {
    this.#options = options;
    this.#source = source;
  }

  /** Indexed as the topology's nodes. */
  get upstreams(): readonly Upstream[] {
    return this.#upstreams;
  }

  /** Begins to connect to `addresses`, which are in the topology's order. */
  start(addresses: readonly Address[]): void {
    this.#addresses = addresses;
    this.#upstreams = addresses.map((_, index) => this.#upstream(index, false));
    this.#patient = addresses.map(() => null);
    for (const upstream of this.#upstreams) upstream.start();
  }

  /** Routes by `topology` from now on. */
  use(topology: Topology): void {
    if (topology.routing === "round-robin") return;
    const indexOf = new Map(topology.nodes.map((node, i) => [node.id, i]));
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const shard = topology.shards[shardOfSlot(slot, topology.shardCount)]!;
      this.#nodeOfSlot[slot] = indexOf.get(shard.primary)!;
    }
  }

  /** Tells every node that is ready the present topology. */
  pushTopology(): void {
    for (const upstream of this.#upstreams) upstream.pushTopology();
  }

  /** Index of the node that keeps `slot`. */
  indexOfSlot(slot: number): number {
    return this.#nodeOfSlot[slot]!;
  }

  /** The node that keeps `slot`. */
  ofSlot(slot: number): Upstream {
    return this.#upstreams[this.#nodeOfSlot[slot]!]!;
  }

  /** Whether node `index` may be asked: reached, admitted, and not waiting to be emptied. */
  isUsable(index: number): boolean {
    return this.#upstreams[index]!.state === "ready" && !this.#source.isStale(index);
  }

  /** Index of the next node in turn that can serve; the next one at all when none can. */
  deal(): number {
    const count = this.#upstreams.length;
    for (let tries = 0; tries < count; tries++) {
      this.#dealt = (this.#dealt + 1) % count;
      if (this.isUsable(this.#dealt)) return this.#dealt;
    }
    this.#dealt = (this.#dealt + 1) % count;
    return this.#dealt;
  }

  /** A node that takes no more requests for now, or `null`. */
  firstFull(): Upstream | null {
    for (const upstream of this.#upstreams) if (upstream.isFull) return upstream;
    return null;
  }

  /** The connection to node `index` for requests that take long. */
  patient(index: number): Upstream {
    assert(index < this.#upstreams.length, "the node is there");
    const known = this.#patient[index];
    if (known !== null && known !== undefined) return known;
    const made = this.#upstream(index, true);
    this.#patient[index] = made;
    made.start();
    return made;
  }

  /** Closes all connections. */
  async stop(): Promise<void> {
    const all = [...this.#upstreams, ...this.#patient.filter((upstream) => upstream !== null)];
    await Promise.all(all.map((upstream) => upstream.stop()));
  }

  #upstream(index: number, patient: boolean): Upstream {
    const { network, clock } = this.#options;
    const source = this.#source;
    return new Upstream({
      address: this.#addresses[index]!,
      network,
      clock,
      // One of the two connections is enough to tell how the node is.
      logger: patient ? SILENT : this.#options.logger,
      greeter: {
        greet: (ask) => source.greet(index, ask),
        topologyText: () => source.topologyText(),
      },
      patient,
    });
  }
}
