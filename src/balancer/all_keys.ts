/**
 * `KEYS`: every node is asked by its bulk lane, which says first how many keys it has. Once all have, the client is handed
 * what arrives, node by node; the others wait meanwhile, and nothing is held here. One such reply is under way at a time,
 * for each event loop, since each takes memory at every node.
 */
import { sleep } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { FAILOVER_WAIT_MS, RECONNECT_MS, RETRY_DEADLINE_MS } from "../core/limits.ts";
import type { BulkConnection } from "../link/bulk_lane.ts";
import { Turns, TurnsFullError } from "../link/turns.ts";
import { ReplyPortions } from "../protocol/reply_portions.ts";
import { encodeRequest } from "../protocol/request_encoder.ts";
import { mergeParts, type Part, sum } from "./merge.ts";
import { ErrorReply, PortionedReply, type PortionServices } from "./portioned_reply.ts";
import type { RemoteNode } from "./remote_node.ts";

const MINUS = 0x2d;
const STAR = 0x2a;
const COMMAND = "KEYS";
/** Errors of a node that will serve in a moment. */
const NOT_YET = /^(LOADING|STALE|TRYAGAIN) /;

export class AllKeys {
  readonly #services: PortionServices;
  readonly #turns: Turns;

  constructor(services: PortionServices) {
    this.#services = services;
    this.#turns = new Turns(1, services.clock);
  }

  /** The reply of `nodes` together to `KEYS …`, whose words are `args`. */
  reply(args: readonly Uint8Array[], nodes: () => readonly RemoteNode[]): PortionedReply {
    const request = new OutputBuffer();
    encodeRequest(request, args);
    return new AllKeysReply(this.#services, { turns: this.#turns, request: request.view(), nodes });
  }
}

interface Asked {
  readonly turns: Turns;
  readonly request: Uint8Array<ArrayBuffer>;
  /** Those that serve when it is the reply's turn. */
  readonly nodes: () => readonly RemoteNode[];
}

/** What a node has begun to answer. */
interface Answer {
  readonly part: Part;
  readonly connection: BulkConnection | null;
}

class AllKeysReply extends PortionedReply {
  readonly #services: PortionServices;
  readonly #asked: Asked;

  constructor(services: PortionServices, asked: Asked) {
    super(services);
    this.#services = services;
    this.#asked = asked;
  }

  get heldBytes(): number {
    return this.#asked.request.length;
  }

  isAbout(): boolean {
    return true;
  }

  protected async run(): Promise<void> {
    const { turns, nodes } = this.#asked;
    try {
      await turns.take(this);
    } catch (error) {
      throw error instanceof TurnsFullError ? new ErrorReply(error.message) : error;
    }
    const taken = new Map<BulkConnection, RemoteNode>();
    let isWhole = false;
    try {
      const answers = await Promise.all(nodes().map((node) => this.#ask(node, taken)));
      await this.#handOver(answers);
      isWhole = true;
    } finally {
      for (const [connection, node] of taken) node.bulk.give(connection, isWhole);
      turns.give(this);
    }
  }

  async #handOver(answers: readonly Answer[]): Promise<void> {
    if (answers.length === 0) throw new ErrorReply(`CLUSTERDOWN ${COMMAND} failed: no node can be reached`);
    const merged = mergeParts(answers.map(({ part }) => part), { command: COMMAND, isWrite: false }, sum);
    if (merged.kind !== "integer") {
      throw new ErrorReply(merged.kind === "error" ? merged.text : "ERR no count");
    }
    this.say((reply) => reply.arrayStart(Number(merged.value)));
    for (const { part, connection } of answers) {
      const count = part.value.kind === "integer" ? Number(part.value.value) : 0;
      if (connection !== null && count > 0) await this.pass(connection, new ReplyPortions(count));
    }
  }

  /** How many keys `node` is about to tell, or why it does not. What was taken is noted in `taken`. */
  async #ask(node: RemoteNode, taken: Map<BulkConnection, RemoteNode>): Promise<Answer> {
    const { clock } = this.#services;
    const beganMs = clock.monotonicMs();
    for (;; await sleep(clock, RECONNECT_MS)) {
      let connection: BulkConnection | null = null;
      let text: string;
      let isAsked = false;
      try {
        connection = await node.bulk.take(this);
        taken.set(connection, node);
        isAsked = true;
        await connection.send(this.#asked.request);
        const kind = await this.kindOf(connection);
        text = await this.line(connection);
        if (kind === STAR) {
          return { part: { node: node.name, value: { kind: "integer", value: Number(text) } }, connection };
        }
        if (kind !== MINUS) throw new Error("it sent what is no reply");
        if (!NOT_YET.test(text)) return failed(node, text);
      } catch (error) {
        // What it was asked is perhaps what it choked on: it is not asked again.
        if (this.isOver) throw error;
        text = error instanceof TurnsFullError ? error.message : node.unreachableText(-1, messageOf(error));
        if (isAsked || error instanceof TurnsFullError) return failed(node, text);
      }
      if (connection !== null) {
        taken.delete(connection);
        node.bulk.give(connection, true);
      }
      const patienceMs = text.startsWith("TRYAGAIN ") ? FAILOVER_WAIT_MS : RETRY_DEADLINE_MS;
      if (clock.monotonicMs() - beganMs >= patienceMs) return failed(node, text);
    }
  }
}

function failed(node: RemoteNode, text: string): Answer {
  return { part: { node: node.name, value: { kind: "error", text } }, connection: null };
}
