/**
 * The one who changes the topology. A change is made durable first, then known to this balancer, then told to the
 * nodes; changes are made one after the other, each on the document that the one before left.
 *
 * A new cluster is created when every node was reached; from then on a node is greeted by itself: it says who it
 * is, is admitted or refused, and gets the document. Until it has it, it serves nothing.
 */
import { messageOf, RefusalError } from "../core/errors.ts";
import { addressText } from "../io/network.ts";
import { type Topology, withStale } from "../topology/topology.ts";
import { serializeTopology } from "../topology/topology_document.ts";
import { admitNode, checkFlags, foundCluster } from "./admission.ts";
import type { Asker } from "../link/ask.ts";
import { identify, mustAnswerOk } from "./greeting.ts";
import type { NodeIdentity } from "./node_identity.ts";
import type { ControllerOptions } from "./options.ts";
import type { TopologySource } from "./topology_source.ts";

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
  /** Nodes that have missed removals, known here before it is in the document. */
  readonly #stale = new Set<number>();

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#met = options.nodes.map(() => null);
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
    checkFlags(topology, this.#options);
    topology.nodes.forEach((node, i) => node.stale && this.#stale.add(i));
    this.#use(topology);
    return true;
  }

  /** Resolves when the topology of a new cluster is durable; rejects with `RefusalError` when it cannot be made. */
  whenCreated(): Promise<void> {
    return this.#created;
  }

  /** Makes node `index` fit to serve, or rejects; see `Greeter`. */
  async greet(index: number, ask: Asker): Promise<void> {
    const name = addressText((this.#topology ?? this.#options).nodes[index]!);
    if (this.#topology === null) await this.#meet(index, name, ask);
    const identity = await identify(name, ask);
    await this.#change((topology) => {
      const next = admitNode(topology, index, identity, this.#replaceable.has(name));
      const [was, is] = [topology.nodes[index]!.id, next.nodes[index]!.id];
      if (was !== is && this.#replaceable.delete(name)) {
        this.#options.logger.warn("node is replaced: the keys it kept are given up", { node: name, was, is });
      }
      return next;
    });
    let told = 0;
    while (told !== this.topology.version) {
      told = this.topology.version;
      await mustAnswerOk(name, ask, ["ROUNDEL", "TOPOLOGY", this.#text]);
      if (this.#stale.has(index)) await this.#empty(index, name, ask);
    }
  }

  /** Whether node `index` has missed removals and must not be asked before it was emptied. */
  isStale(index: number): boolean {
    return this.#stale.has(index);
  }

  /** Node `index` misses a removal. Resolves when that is durable. */
  async markStale(index: number): Promise<void> {
    this.#stale.add(index);
    await this.#change((topology) =>
      topology.nodes[index]!.stale || !this.#stale.has(index) ? topology : withStale(topology, index, true)
    );
  }

  /** Whoever waits for the cluster to be created waits no longer. */
  abandon(): void {
    this.#rejectCreated(
      new RefusalError("Cannot create a cluster: the balancer was stopped before it had all nodes"),
    );
  }

  /** Resolves when the changes under way are over. */
  async settled(): Promise<void> {
    await this.#lastChange;
  }

  /** A node of a cluster to be: when it is the last one, the cluster is created. */
  async #meet(index: number, name: string, ask: Asker): Promise<void> {
    try {
      this.#met[index] = await identify(name, ask);
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

  async #empty(index: number, name: string, ask: Asker): Promise<void> {
    this.#options.logger.warn("node has missed removals while it was away: it is emptied", { node: name });
    await mustAnswerOk(name, ask, ["FLUSHALL"]);
    this.#stale.delete(index);
    await this.#change((topology) => withStale(topology, index, false));
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
    if (kept !== null && expectedVersion > 0) { for (const changed of this.#changed) changed(kept); }
    this.#resolveCreated();
    if (!isSaved) throw new Error(`version ${expectedVersion} of the topology is not the one that is kept`);
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
