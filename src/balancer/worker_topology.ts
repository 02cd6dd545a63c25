/**
 * The topology in a further worker of a balancer's process. The controller, in the main thread, sends each new version;
 * a worker never changes it, and leaves whatever would have to be changed for the controller to decide, whose next
 * version then comes here.
 */
import { assert } from "../core/assert.ts";
import { RefusalError } from "../core/errors.ts";
import { type Address, addressText } from "../io/network.ts";
import type { Asker } from "../link/ask.ts";
import { topologyRequest } from "../protocol/roundel_exchange.ts";
import type { Topology } from "../topology/topology.ts";
import { parseTopology } from "../topology/topology_document.ts";
import { askIdentity, textOfReply } from "../controller/node_handshake.ts";
import type { Meeting, TopologySource } from "../controller/topology_source.ts";

export class WorkerTopology implements TopologySource {
  #text: string;
  #topology: Topology;
  readonly #changed: ((topology: Topology) => void)[] = [];

  /** `text` is the present document, with slots. */
  constructor(text: string) {
    this.#text = text;
    this.#topology = parseTopology(text, "the topology");
    assert(this.#topology.routing === "slots", "with round-robin there is one worker");
  }

  get topology(): Topology {
    return this.#topology;
  }

  get addresses(): readonly Address[] {
    return this.#topology.nodes;
  }

  topologyText(): string {
    return this.#text;
  }

  onChange(changed: (topology: Topology) => void): void {
    this.#changed.push(changed);
  }

  /** The next version, sent by the controller. */
  adopt(text: string): void {
    this.#text = text;
    this.#topology = parseTopology(text, "the topology");
    for (const changed of this.#changed) changed(this.#topology);
  }

  load(): Promise<boolean> {
    return Promise.resolve(true);
  }

  whenCreated(): Promise<void> {
    return Promise.resolve();
  }

  async admit({ index, address }: Meeting, ask: Asker): Promise<void> {
    const name = addressText(address);
    const { id, cluster, version, standalone } = await askIdentity(name, ask);
    const { nodes, cluster: ours } = this.#topology;
    if (standalone || id !== nodes[index]?.id || (cluster !== null && cluster !== ours)) {
      throw new RefusalError(`Cannot use node ${name}: it is not the one that the topology names`);
    }
    // Our next version is on its way: not refused, tried again.
    if (version > this.#topology.version) throw new Error("it knows a newer topology");
    let sentVersion = 0;
    while (sentVersion !== this.#topology.version) {
      sentVersion = this.#topology.version;
      const reply = await ask(topologyRequest(this.#text));
      // The controller refuses, or makes the version that the node takes, and that is on its way then.
      if (reply.kind !== "simple") throw new Error(`it does not take the topology: ${textOfReply(reply)}`);
    }
  }

  /** The controller observes them. */
  observe(): void {}

  isStale(): boolean {
    return false;
  }

  markStale(): Promise<void> {
    throw new Error("with slots no node goes stale");
  }

  abandon(): void {}

  settled(): Promise<void> {
    return Promise.resolve();
  }
}
