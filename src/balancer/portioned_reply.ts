/**
 * A reply that is handed to its client in portions while it arrives from a node, as fast as the client takes it. It begins
 * when all earlier replies of the client are on their way, and nothing more of the client is routed until it is over.
 *
 * Once a part of it was handed on it cannot be taken back: if it breaks then, the client is dropped.
 */
import { textOf } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import type { BulkConnection } from "../link/bulk_lane.ts";
import type { LongReplyRequest } from "../link/reply_sink.ts";
import type { TurnHolder } from "../link/turns.ts";
import type { Reply } from "../protocol/reply.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import { INVALID } from "../protocol/progress.ts";
import { ReplyPortions } from "../protocol/reply_portions.ts";
import type { ReadBuffer } from "../serving/read_buffer.ts";
import type { FaultLog } from "../serving/fault_log.ts";
import { areIndependent, slotOfEffect } from "./effects.ts";
import { type Dialect, type DialectWriter, RESP2 } from "./dialect.ts";

const LF = 0x0a;

/** The client's outbox, as it is needed here. */
export interface PortionOutbox {
  readonly isClosed: boolean;
  dialectOf(tag: number): Dialect;
  /** A part of the reply to request `tag`, the oldest that is under way. */
  portion(source: OutputBuffer): void;
  /** Resolves when the client has taken what it was handed before the last portion, or is gone. */
  whenTaken(): Promise<void>;
  /** The reply to request `tag` has been handed over. */
  endPortions(tag: number): void;
  /** The reply `value` to request `tag`. */
  answer(tag: number, value: ReplyValue): void;
  /** Drops the client. */
  giveUp(): void;
}

/** Who fetches replies that are too long for a link. */
export interface LongReplySource {
  single(request: LongReplyRequest): PortionedReply;
}

export interface PortionServices {
  readonly clock: Clock;
  readonly dialects: DialectWriter;
  readonly faults: FaultLog;
}

/** The reply is this error. */
export class ErrorReply extends Error {
  override name = "ErrorReply";
}

export abstract class PortionedReply implements TurnHolder {
  readonly kind = "portioned";
  waitsSinceMs = Infinity;
  /** Bytes that it holds while it waits. */
  abstract readonly heldBytes: number;
  readonly #services: PortionServices;
  #outbox: PortionOutbox | null = null;
  #tag = 0;
  #isAborted = false;
  #hasPassed = false;
  /** Those that something is awaited from. */
  readonly #connections = new Set<BulkConnection>();

  constructor(services: PortionServices) {
    this.#services = services;
  }

  get isOver(): boolean {
    return this.#isAborted;
  }

  /** Whether its client has a part of it. */
  get hasPassed(): boolean {
    return this.#hasPassed;
  }

  /** It is the turn of request `tag` of `outbox`. */
  begin(outbox: PortionOutbox, tag: number): void {
    this.#outbox = outbox;
    this.#tag = tag;
    void this.#serve(outbox);
  }

  /** The client is gone. */
  abort(): void {
    this.#isAborted = true;
    // A node that is slow to answer is not waited for.
    for (const connection of this.#connections) connection.close();
  }

  giveUp(): void {
    this.#outbox?.giveUp();
  }

  /** Whether it shows or changes anything of `slot`. */
  abstract isAbout(slot: number): boolean;

  /** Hands all of it over, or throws: an {@linkcode ErrorReply} while nothing was handed over. */
  protected abstract run(): Promise<void>;

  /** Hands over what `say` writes. */
  protected say(say: (reply: Reply) => void): void {
    const output = this.#services.dialects.begin(this.#outbox!.dialectOf(this.#tag));
    say(this.#services.dialects.reply);
    this.#hand(output);
  }

  /** Hands over what `portions` still lacks of what arrives by `connection`. */
  protected async pass(connection: BulkConnection, portions: ReplyPortions): Promise<void> {
    const { buffer } = connection;
    const dialect = this.#outbox!.dialectOf(this.#tag);
    const { dialects } = this.#services;
    this.#connections.add(connection);
    try {
      while (true) {
        const output = dialects.begin(dialect);
        const reply = dialect === RESP2 ? null : dialects.reply;
        const next = portions.take(buffer.bytes, buffer.start, buffer.end, { output, reply });
        if (next === INVALID) throw new Error("the node sent what is no reply");
        buffer.consume(next);
        if (output.length > 0) this.#hand(output);
        if (portions.isOver) return;
        await this.#whenTaken();
        await connection.fill();
      }
    } finally {
      this.#connections.delete(connection);
    }
  }

  /** Resolves when `connection` has brought the beginning of a reply: to the byte that says its kind. */
  protected async kindOf(connection: BulkConnection): Promise<number> {
    await this.#fill(connection, ({ start, end }) => start < end ? start : -1);
    return connection.buffer.bytes[connection.buffer.start]!;
  }

  /** Takes the first line of a reply, without its kind. */
  protected async line(connection: BulkConnection): Promise<string> {
    const { buffer } = connection;
    const at = await this.#fill(connection, ({ bytes, start, end }) => {
      const found = bytes.subarray(start, end).indexOf(LF);
      return found < 0 ? -1 : start + found;
    });
    const text = textOf(buffer.bytes, buffer.start + 1, at - 1);
    buffer.consume(at + 1);
    return text;
  }

  /** Lets more arrive until `find` finds what it looks for; resolves to where that is. */
  async #fill(connection: BulkConnection, find: (buffer: ReadBuffer) => number): Promise<number> {
    this.#connections.add(connection);
    try {
      let at: number;
      while ((at = find(connection.buffer)) < 0) await connection.fill();
      if (this.#isAborted) throw new Error("the client is gone");
      return at;
    } finally {
      this.#connections.delete(connection);
    }
  }

  #hand(output: OutputBuffer): void {
    this.#hasPassed = true;
    this.#outbox!.portion(output);
  }

  async #whenTaken(): Promise<void> {
    this.waitsSinceMs = this.#services.clock.monotonicMs();
    await this.#outbox!.whenTaken();
    this.waitsSinceMs = Infinity;
    if (this.#isAborted) throw new Error("the client is gone");
  }

  async #serve(outbox: PortionOutbox): Promise<void> {
    try {
      await this.run();
      outbox.endPortions(this.#tag);
    } catch (error) {
      if (this.#isAborted || outbox.isClosed) return;
      if (error instanceof ErrorReply && !this.#hasPassed) {
        {
          return outbox.answer(this.#tag, { kind: "error", text: error.message });
        }
      }
      this.#services.faults.report("client dropped in the middle of a long reply", error);
      outbox.giveUp();
    }
  }
}

/** Those of a client that are not over, by the tags of their requests. */
export class PortionedReplies {
  heldBytes = 0;
  readonly #replies = new Map<number, PortionedReply>();
  #wake: (() => void) | null = null;

  get isEmpty(): boolean {
    return this.#replies.size === 0;
  }

  get(tag: number): PortionedReply | undefined {
    return this.#replies.get(tag);
  }

  /** Resolves when the client has taken something, or is gone. One at a time. */
  taken(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  put(tag: number, reply: PortionedReply): void {
    this.#replies.set(tag, reply);
    this.heldBytes += reply.heldBytes;
  }

  /** The reply to request `tag` is there, whether it is one of them or not. Returns what it held. */
  forget(tag: number): number {
    const heldBytes = this.#replies.get(tag)?.heldBytes ?? 0;
    this.#replies.delete(tag);
    this.heldBytes -= heldBytes;
    return heldBytes;
  }

  /** The client is gone. */
  abort(): void {
    for (const reply of this.#replies.values()) reply.abort();
    this.#replies.clear();
    this.heldBytes = 0;
    this.wake();
  }
}

/** Requests of a client that are under way: what each is about, in a ring by tag. */
export interface EffectsUnderWay {
  readonly effects: Int16Array;
  readonly tag: number;
  /** Behind the last one. */
  readonly next: number;
  readonly tagMask: number;
}

/** Whether a request behind `tag` was executed before `reply`, that to `tag`, and one of them changes what the other is about. */
export function isOvertaken(
  reply: PortionedReply,
  portioned: PortionedReplies | null,
  { effects, tag, next, tagMask }: EffectsUnderWay,
): boolean {
  const mask = effects.length - 1;
  for (let behind = (tag + 1) & tagMask; behind !== next; behind = (behind + 1) & tagMask) {
    const other = effects[behind & mask]!;
    if (areIndependent(effects[tag & mask]!, other) || portioned?.get(behind) !== undefined) continue;
    const slot = slotOfEffect(other);
    if (slot < 0 || reply.isAbout(slot)) return true;
  }
  return false;
}

/** The error for a request that would be executed behind one that came after it. */
export function overtakenText(byteLength: number): string {
  return `ERR The reply of ${byteLength} bytes is too long to be asked for in front of a command of the same pipeline ` +
    "that changes what it shows; wait for it first";
}
