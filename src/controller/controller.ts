/**
 * The one who changes the topology. A change is made durable first, then known to this balancer, then sent to the
 * nodes; changes are made one after the other, each on the document that the one before left.
 *
 * A new cluster is created when every node was reached; from then on each node that is met says who it is, is
 * admitted or refused, and gets the document. Until it has it, it serves nothing.
 */
import { messageOf, RefusalError } from "../core/errors.ts";
import { type Address, addressText } from "../io/network.ts";
import { type Topology, withStale } from "../topology/topology.ts";
import { serializeTopology } from "../topology/topology_document.ts";
import { addressesFor, admitNode, foundCluster } from "./admission.ts";
import { ControlLoop } from "./control_loop.ts";
import type { Asker } from "../link/ask.ts";
import { type NodeIdentity, topologyRequest } from "../protocol/roundel_exchange.ts";
import { askIdentity, mustAnswerOk } from "./node_handshake.ts";
import type { ControllerOptions } from "./options.ts";
import type { FailoverFigures, Meeting, ObservedNode, TopologySource } from "./topology_source.ts";

export class Controller implements TopologySource {
  readonly #options: ControllerOptions;
  readonly #changed: ((topology: Topology) => void)[] = [];
  #topology: Topology | null = null;
  #text = "";
  /** Who was met so far, while there is no topology. */
  readonly #met: (NodeIdentity | null)[];
  readonly #created: Promise<void>;
  #resolveCreated!: () => void;
  #rejectCreated!: (refusal: unknown) => void;
  #lastChange: Promise<void> = Promise.resolve();
  /** Addresses whose node may be replaced, each once. */
  readonly #replaceable: Set<string>;
  /** Ids of nodes that have missed removals, known here before it is in the document. */
  readonly #stale = new Set<string>();
  #addresses: Address[];
  #loop: ControlLoop | null = null;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#met = options.nodes.map(() => null);
    this.#addresses = [...options.nodes];
    this.#replaceable = new Set(options.replace.map(addressText));
    this.#created = new Promise((resolve, reject) => {
      this.#resolveCreated = resolve;
      this.#rejectCreated = reject;
    });
    // Whoever waits for it hears of it; that nobody waits is no error.
    this.#created.catch(() => {});
  }

  /** The document. There must be one. */
  get topology(): Topology {
    if (this.#topology === null) throw new Error("no topology yet");
    return this.#topology;
  }

  get addresses(): readonly Address[] {
    return this.#addresses;
  }

  /** The document as JSON. */
  topologyText(): string {
    return this.#text;
  }

  /** `changed` hears of each new version when it is durable. */
  onChange(changed: (topology: Topology) => void): void {
    this.#changed.push(changed);
  }

  /** Loads the document; false when there is none. Rejects with `RefusalError` when it does not fit the flags. */
  async load(): Promise<boolean> {
    const { topologyStore, replace, nodes } = this.#options;
    for (const address of replace) {
      if (nodes.some((node) => addressText(node) === addressText(address))) continue;
      throw new RefusalError(
        `Cannot replace node ${addressText(address)}: it is not among the --node addresses`,
      );
    }
    const topology = await topologyStore.load();
    if (topology === null) return false;
    this.#addresses = addressesFor(topology, this.#options);
    for (const { id, stale } of topology.nodes) if (stale) this.#stale.add(id);
    this.#use(topology);
    return true;
  }

  /** Resolves when the topology of a new cluster is durable; rejects with `RefusalError` when it cannot be made. */
  whenCreated(): Promise<void> {
    return this.#created;
  }

  async admit(meeting: Meeting, ask: Asker): Promise<void> {
    const name = addressText(meeting.address);
    if (this.#topology === null) await this.#meet(meeting.index, name, ask);
    const identity = await askIdentity(name, ask);
    await this.#change((topology) => this.#withNode(topology, meeting, identity));
    const isExpected = this.topology.nodes[meeting.index]?.id === identity.id;
    if (!isExpected) {
      // Whoever connects is to look for each node where it is.
      this.#notify();
      throw new Error("it is another node of the cluster than was expected there");
    }
    let sentVersion = 0;
    while (sentVersion !== this.topology.version) {
      sentVersion = this.topology.version;
      await mustAnswerOk(name, ask, topologyRequest(this.#text));
      if (this.#stale.has(identity.id)) await this.#empty(identity.id, name, ask);
    }
  }

  observe(nodes: () => readonly ObservedNode[], figures: FailoverFigures): void {
    const { clock, logger } = this.#options;
    this.#loop = new ControlLoop({
      clock,
      logger,
      figures,
      nodes,
      topology: () => this.topology,
      replace: (topology, next) => this.#change((present) => present === topology ? next : present),
    });
  }

  isStale(id: string): boolean {
    return this.#stale.has(id);
  }

  async markStale(id: string): Promise<void> {
    this.#stale.add(id);
    await this.#change((topology) => {
      const index = topology.nodes.findIndex((node) => node.id === id);
      const isKnown = index < 0 || topology.nodes[index]!.stale || !this.#stale.has(id);
      return isKnown ? topology : withStale(topology, index, true);
    });
  }

  /** Whoever waits for the cluster to be created waits no longer. */
  abandon(): void {
    this.#rejectCreated(
      new RefusalError("Cannot create a cluster: the balancer was stopped before it had all nodes"),
    );
  }

  /** Nothing is changed any more; resolves when the changes under way are over. */
  async settled(): Promise<void> {
    this.#loop?.stop();
    await this.#lastChange;
  }

  /** A node of a cluster to be: when it is the last one, the cluster is created. */
  async #meet(index: number, name: string, ask: Asker): Promise<void> {
    try {
      this.#met[index] = await askIdentity(name, ask);
      if (this.#met.every((identity) => identity !== null)) await this.#create(this.#met);
    } catch (error) {
      if (error instanceof RefusalError) this.#rejectCreated(error);
      throw error;
    }
    await this.#created;
  }

  #create(identities: readonly NodeIdentity[]): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#topology !== null) return;
      const topology = foundCluster(this.#options, identities, this.#options.random);
      await this.#save(topology, 0);
      const { cluster, shardCount, routing } = topology;
      this.#options.logger.info("cluster is created", {
        cluster,
        shardCount,
        routing,
        nodes: topology.nodes.length,
      });
    });
  }

  /** The document with the node that was met. It is sought here from now on, and who was, where this one was. */
  #withNode(topology: Topology, meeting: Meeting, identity: NodeIdentity): Topology {
    const { index, address } = meeting;
    const name = addressText(address);
    const next = admitNode(topology, meeting, identity, this.#replaceable.has(name));
    const [was, is] = [topology.nodes[index]!.id, next.nodes[index]!.id];
    if (was !== is && this.#replaceable.delete(name)) {
      this.#options.logger.warn("node is replaced: the keys it kept are given up", { node: name, was, is });
    }
    const found = next.nodes.findIndex(({ id }) => id === identity.id);
    const sought = this.#addresses.findIndex((each) => addressText(each) === name);
    if (sought !== found) {
      if (sought >= 0) this.#addresses[sought] = this.#addresses[found]!;
      this.#addresses[found] = address;
    }
    return next;
  }

  async #empty(id: string, name: string, ask: Asker): Promise<void> {
    this.#options.logger.warn("node has missed removals while it was away: it is emptied", { node: name });
    await mustAnswerOk(name, ask, ["FLUSHALL"]);
    this.#stale.delete(id);
    await this.#change((topology) =>
      withStale(topology, topology.nodes.findIndex((node) => node.id === id), false)
    );
  }

  #change(next: (topology: Topology) => Topology): Promise<void> {
    return this.#inOrder(async () => {
      const topology = next(this.topology);
      if (topology === this.topology) return;
      await this.#save(topology, this.topology.version);
      this.#options.logger.info("topology has changed", { version: topology.version });
    });
  }

  /**
   * Makes `topology` durable in the place of version `expectedVersion`, and goes on with it. Where another version is
   * kept, which an attempt has left that failed half-way, it goes on with that one, and rejects.
   */
  async #save(topology: Topology, expectedVersion: number): Promise<void> {
    const { topologyStore } = this.#options;
    const isSaved = await topologyStore.save(topology, expectedVersion);
    const kept = isSaved ? topology : await topologyStore.load();
    if (kept !== null) this.#use(kept);
    if (kept !== null && expectedVersion > 0) this.#notify();
    this.#resolveCreated();
    if (!isSaved) throw new Error(`version ${expectedVersion} of the topology is not the one that is kept`);
  }

  #notify(): void {
    for (const changed of this.#changed) changed(this.topology);
  }

  #inOrder(change: () => Promise<void>): Promise<void> {
    const done = this.#lastChange.then(change);
    this.#lastChange = done.catch((error) => {
      if (error instanceof RefusalError) return;
      this.#options.logger.error("cannot save the topology", { cause: messageOf(error) });
    });
    return done;
  }

  #use(topology: Topology): void {
    this.#topology = topology;
    this.#text = serializeTopology(topology);
  }
}
