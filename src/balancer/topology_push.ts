/** Keeps a node up to date with the topology. */
import type { Link } from "../link/link.ts";
import { topologyRequest } from "../protocol/roundel_exchange.ts";

export class TopologyPush {
  readonly #link: Link;
  readonly #text: () => string;
  /** The document that the node has. */
  #sent = "";
  #isPushing = false;

  /** `text` is the present document. */
  constructor(link: Link, text: () => string) {
    this.#link = link;
    this.#text = text;
  }

  /** The node was given the present document in the handshake. */
  wasGiven(): void {
    this.#sent = this.#text();
  }

  get isUpToDate(): boolean {
    return this.#sent === this.#text();
  }

  /** Gives the node the present topology; a node that does not take it is admitted anew. */
  async push(): Promise<void> {
    const text = this.#text();
    if (this.#link.state !== "ready" || this.#isPushing) return;
    this.#isPushing = true;
    const reply = await this.#link.ask(topologyRequest(text), false);
    this.#isPushing = false;
    if (reply.kind === "error") this.#link.drop(`it does not take the topology: ${reply.text}`);
    else this.#sent = text;
    if (text !== this.#text()) void this.push();
  }
}
