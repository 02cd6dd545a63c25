/**
 * Replies that are too long for a link: what a client asked for is fetched by a connection beside the links, once it is
 * its turn, and handed on in portions. Its pieces are single requests, or values that are there already, between the head
 * of an array and its end.
 *
 * | what happens                                        | what becomes of the piece                         |
 * |-----------------------------------------------------|---------------------------------------------------|
 * | the node is not reached, or does not serve the slot | tried again, for `RETRY_DEADLINE_MS`, where the slot is by then |
 * | the connection breaks before the reply begins       | a read likewise, `SEND_ATTEMPTS_MAX` times; a write: `UNCERTAIN` |
 * | it breaks in the middle of the reply                | the client is dropped                             |
 */
import { messageOf } from "../core/errors.ts";
import { sleep } from "../core/clock.ts";
import { RECONNECT_MS, RETRY_DEADLINE_MS, SEND_ATTEMPTS_MAX } from "../core/limits.ts";
import type { BulkConnection } from "../link/bulk_lane.ts";
import { TurnsFullError } from "../link/turns.ts";
import type { LongReplyRequest } from "../link/reply_sink.ts";
import { type ReplyValue, writeReply } from "../protocol/reply_scanner.ts";
import { ReplyPortions } from "../protocol/reply_portions.ts";
import { FIRST_KEY, KEY_STEP, lastKeyOf } from "../protocol/command_columns.ts";
import { findCommand } from "../protocol/command_table.ts";
import { RequestDecoder } from "../protocol/request_decoder.ts";
import { slotOfKey } from "../core/slot.ts";
import type { Nodes } from "./nodes.ts";
import { ErrorReply, type LongReplySource, PortionedReply, type PortionServices } from "./portioned_reply.ts";
import type { RemoteNode } from "./remote_node.ts";

const MINUS = 0x2d;
/** Errors with which a node says that it did not execute a request, which may be done elsewhere or later. */
const NOT_EXECUTED = /^(MOVED|CLUSTERDOWN|TRYAGAIN|LOADING|STALE) /;

/** One request, and where it goes: to a node, or to that of its slot. */
export interface PieceRequest {
  readonly request: Uint8Array<ArrayBuffer>;
  readonly to: number | RemoteNode;
  readonly isWrite: boolean;
}

export type Piece = PieceRequest | ReplyValue;

export interface LongReplyServices extends PortionServices {
  readonly nodes: Nodes;
}

export class LongReplies implements LongReplySource {
  readonly #services: LongReplyServices;

  constructor(services: LongReplyServices) {
    this.#services = services;
  }

  /** The reply to `request`. */
  single({ request, route, isWrite }: LongReplyRequest): PortionedReply {
    return new LongReply(this.#services, [{ request, to: route, isWrite }], null);
  }

  /** The reply of `node` to the read `request`. */
  fromNode(node: RemoteNode, request: Uint8Array<ArrayBuffer>): PortionedReply {
    return new LongReply(this.#services, [{ request, to: node, isWrite: false }], null);
  }

  /** An array of what each of `pieces` is. */
  arrayOf(pieces: readonly Piece[]): PortionedReply {
    return new LongReply(this.#services, pieces, pieces.length);
  }
}

class LongReply extends PortionedReply {
  readonly heldBytes: number;
  readonly #services: LongReplyServices;
  readonly #pieces: readonly Piece[];
  readonly #arrayCount: number | null;

  constructor(services: LongReplyServices, pieces: readonly Piece[], arrayCount: number | null) {
    super(services);
    this.#services = services;
    this.#pieces = pieces;
    this.#arrayCount = arrayCount;
    this.heldBytes = pieces.reduce((sum, piece) => sum + bytesOfPiece(piece), 0);
  }

  isAbout(slot: number): boolean {
    return this.#pieces.some((piece) => "request" in piece && isAbout(piece.request, slot));
  }

  protected async run(): Promise<void> {
    const count = this.#arrayCount;
    if (count !== null) this.say((reply) => reply.arrayStart(count));
    for (const piece of this.#pieces) {
      if ("request" in piece) await this.#fetch(piece);
      else this.say((reply) => writeReply(piece, reply));
    }
  }

  /** Hands over the reply to a request, however many tries it takes. */
  async #fetch(piece: PieceRequest): Promise<void> {
    const { clock } = this.#services;
    const endMs = clock.monotonicMs() + RETRY_DEADLINE_MS;
    for (let sends = 0;; await sleep(clock, RECONNECT_MS)) {
      const node = this.#nodeOf(piece);
      const tried = await this.#try(node, piece);
      if (tried === null) return;
      if (tried.isSent) sends++;
      if (tried.isSent && piece.isWrite) throw new ErrorReply(node.uncertainText());
      if (sends >= SEND_ATTEMPTS_MAX || clock.monotonicMs() >= endMs || this.isOver) {
        throw new ErrorReply(node.unreachableText(typeof piece.to === "number" ? piece.to : -1, tried.cause));
      }
    }
  }

  #nodeOf({ to }: PieceRequest): RemoteNode {
    return typeof to === "number" ? this.#services.nodes.ofSlot(to) : to;
  }

  /** `null` when the reply was handed over. */
  async #try(
    node: RemoteNode,
    { request }: PieceRequest,
  ): Promise<{ cause: string; isSent: boolean } | null> {
    let connection: BulkConnection | null = null;
    let isWhole = false;
    let isSent = false;
    let hasBegun = false;
    try {
      connection = await node.bulk.take(this);
      isSent = true;
      await connection.send(request);
      if (await this.kindOf(connection) === MINUS) {
        const text = await this.line(connection);
        isWhole = true;
        if (NOT_EXECUTED.test(text)) return { cause: text, isSent: false };
        // An array has no place for it: the client would take it for a value.
        throw this.#arrayCount === null ? new ErrorReply(text) : new Error(`a part of it failed: ${text}`);
      }
      hasBegun = true;
      await this.pass(connection, new ReplyPortions());
      isWhole = true;
      return null;
    } catch (error) {
      if (hasBegun || error instanceof ErrorReply || this.isOver) throw error;
      if (error instanceof TurnsFullError) throw new ErrorReply(error.message);
      return { cause: messageOf(error), isSent };
    } finally {
      if (connection !== null) node.bulk.give(connection, isWhole);
    }
  }
}

function bytesOfPiece(piece: Piece): number {
  if ("request" in piece) return piece.request.length;
  return piece.kind === "bulk" ? piece.bytes.length : 0;
}

/** Whether a key of `request` has `slot`. */
function isAbout(request: Uint8Array<ArrayBuffer>, slot: number): boolean {
  const decoder = new RequestDecoder();
  decoder.decode(request, 0, request.length);
  const { bytes, starts, ends, argumentCount } = decoder;
  const command = findCommand(bytes, starts[0]!, ends[0]!);
  const last = lastKeyOf(command, argumentCount);
  for (let i = FIRST_KEY[command]!; i > 0 && i <= last; i += KEY_STEP[command]!) {
    if (slotOfKey(bytes, starts[i]!, ends[i]!) === slot) return true;
  }
  return false;
}
