/**
 * The topology in a further worker of a balancer: it is told each version, and changes none. So it admits a node only
 * as the document has it; whatever else a node is (new, replaced, of other memory) is for the controller to decide,
 * whose next version then comes here.
 */
import { assert } from "../core/assert.ts";
import { RefusalError } from "../core/errors.ts";
import { addressText } from "../io/network.ts";
import type { Topology } from "../topology/topology.ts";
import { parseTopology } from "../topology/topology_document.ts";
import type { Asker } from "../link/ask.ts";
import { identify, mustAnswerOk } from "../controller/greeting.ts";
import type { TopologySource } from "../controller/topology_source.ts";

export class Follower implements TopologySource {
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

  topologyText(): string {
    return this.#text;
  }

  onChange(changed: (topology: Topology) => void): void {
    this.#changed.push(changed);
  }

  /** The next version, told by the controller. */
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

  async greet(index: number, ask: Asker): Promise<void> {
    const name = addressText(this.#topology.nodes[index]!);
    const { id, cluster, version, standalone } = await identify(name, ask);
    const { nodes, cluster: ours } = this.#topology;
    if (standalone || id !== nodes[index]!.id || (cluster !== null && cluster !== ours)) {
      throw new RefusalError(`Cannot use node ${name}: it is not the one that the topology names`);
    }
    // Our next version is on its way: not refused, tried again.
    if (version > this.#topology.version) throw new Error("it knows a newer topology");
    let told = 0;
    while (told !== this.#topology.version) {
      told = this.#topology.version;
      await mustAnswerOk(name, ask, ["ROUNDEL", "TOPOLOGY", this.#text]);
    }
  }

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
