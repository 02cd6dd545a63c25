/** The lane by which a node is asked how it is, and steered by the controller: however busy it is, it answers there. */
import { textOf } from "../core/bytes.ts";
import { messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Link } from "../link/link.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import { type NodeStatus, parseStatus, STATUS_REQUEST } from "../protocol/roundel_exchange.ts";

export interface ProbeOptions {
  readonly link: Link;
  readonly logger: Logger;
  /** It has told how it is. */
  readonly told: () => void;
}

export class Probe {
  readonly #options: ProbeOptions;
  /** Counts how often the node was lost: what it told before is of no interest. */
  #losses = 0;
  #isAsking = false;
  /** How often it was asked how it is, and how often it had been when it was asked what it told last. */
  #askedCount = 0;
  #toldCount = 0;
  /** Shards of which it refuses requests, and how often it had been asked when it began. */
  readonly #refusing = new Map<number, number>();
  #status: NodeStatus | null = null;

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  get link(): Link {
    return this.#options.link;
  }

  /** What the node told last since it was reached. */
  get status(): NodeStatus | null {
    return this.#status;
  }

  /** What it told since it began to refuse requests of `shard`, if it does. */
  statusOf(shard: number): NodeStatus | null {
    return (this.#refusing.get(shard) ?? 0) < this.#toldCount ? this.#status : null;
  }

  /** It has refused a request of `shard` on the present link, and goes on until it is told to resume. */
  refused(shard: number): void {
    this.#refusing.set(shard, this.#askedCount);
  }

  /** It is told to go on with `shard`; false when it need not be. */
  resumed(shard: number): boolean {
    return this.#refusing.delete(shard);
  }

  get isAsking(): boolean {
    return this.#isAsking;
  }

  /** The node was lost. */
  forget(): void {
    this.#losses++;
    this.#status = null;
    this.#refusing.clear();
  }

  /** Asks how it is, unless that is asked already or it cannot be. */
  ask(): void {
    if (!this.#isAsking && this.link.state === "ready") void this.#askStatus();
  }

  /** Nothing is asked later than now: it might not be meant any more. */
  askAside(args: readonly string[]): Promise<ReplyValue> {
    if (this.link.state === "ready") return this.link.ask(args, false);
    return Promise.resolve({ kind: "error", text: `CLUSTERDOWN ${this.link.cause}` });
  }

  async #askStatus(): Promise<void> {
    const { logger, told, link } = this.#options;
    const losses = this.#losses;
    this.#isAsking = true;
    const asked = ++this.#askedCount;
    const reply = await link.ask(STATUS_REQUEST, false);
    this.#isAsking = false;
    if (reply.kind !== "bulk" || losses !== this.#losses) return;
    try {
      this.#status = parseStatus(textOf(reply.bytes));
      this.#toldCount = asked;
    } catch (error) {
      // It has answered, which is what matters here.
      logger.debug("a node's status cannot be read", { cause: messageOf(error) });
      return;
    }
    told();
  }
}
