/**
 * Where a batch of requests is run: a decoder, an executor, and room for replies. A client needs them for the moment
 * in which its batch runs, not while it waits; so all clients of a node share one desk, which stays in the processor's
 * cache however many clients there are (with a thousand, each having its own cost every request a microsecond). A
 * client keeps the desk only while a command takes longer than its turn, or while a request has not all arrived;
 * who comes meanwhile sits down at another.
 *
 * The room holds the replies of several batches side by side, because they are written while the next ones run:
 *
 *     room:  ▓▓ written ▓▓│▒▒ being written ▒▒│▒▒ being written ▒▒│ the next batch …
 *
 * Once all are written it is used from its front again. When it is full before that, a new room is taken; the old one
 * lives as long as what is written from it. So a batch whose write fails need not be told of.
 */
import { DESK_COUNT_KEPT, DESK_ROOM_BYTES, KIB, OUTPUT_BYTES_KEEP } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import type { Session } from "../protocol/session.ts";
import { Executor, type NodeServices } from "./executor.ts";

/** Replies, and the room they lie in. */
type Bytes = Uint8Array<ArrayBuffer>;

/** First room: beyond what the engine keeps inside of its own heap, and would have to move for a write. */
const ROOM_BYTES_MIN = KIB;
const NO_ROOM = new Uint8Array(0);

export class Desk {
  readonly executor: Executor;
  readonly #output = new OutputBuffer(ROOM_BYTES_MIN);
  /** Where the present batch's replies begin. */
  #from = 0;
  /** The room in which batches are being written, and how many. */
  #room: Bytes = NO_ROOM;
  #unwrittenCount = 0;

  constructor(services: NodeServices) {
    this.executor = new Executor(services, this.#output);
  }

  /** Bytes of replies of the present batch. */
  get replyBytes(): number {
    return this.#output.length - this.#from;
  }

  /** The room that the present batch's replies are in, as far as there are any. */
  get room(): Bytes {
    return this.#output.bytes;
  }

  /** A batch of `session` begins. */
  begin(session: Session): void {
    const output = this.#output;
    if (this.#unwrittenCount === 0) output.clear(OUTPUT_BYTES_KEEP);
    else if (output.length >= DESK_ROOM_BYTES) output.clear(0);
    this.#from = output.length;
    this.executor.serve(session);
  }

  /** Takes back all replies of the present batch beyond the first `replyBytes`. */
  cutReplies(replyBytes: number): void {
    this.#output.length = this.#from + replyBytes;
  }

  /** The batch is over; its replies, which stay as they are until {@linkcode Desk.written} was called for them. */
  end(): Bytes {
    const { bytes, length } = this.#output;
    if (bytes !== this.#room) {
      this.#room = bytes;
      this.#unwrittenCount = 0;
    }
    const replies = bytes.subarray(this.#from, length);
    this.#from = length;
    this.#unwrittenCount++;
    return replies;
  }

  /** A batch's replies, which were in `room` at its end, are not needed any more. */
  written(room: Bytes): void {
    if (room === this.#room) this.#unwrittenCount--;
  }
}

/** The desks of a node. */
export class Desks {
  readonly #services: NodeServices;
  readonly #free: Desk[] = [];

  constructor(services: NodeServices) {
    this.#services = services;
  }

  /** A desk at which nobody sits. It need not be given back. */
  take(): Desk {
    return this.#free.pop() ?? new Desk(this.#services);
  }

  /** Nobody sits at `desk` any more: its batch has ended, and no request is incomplete. */
  give(desk: Desk): void {
    if (this.#free.length < DESK_COUNT_KEPT) this.#free.push(desk);
  }
}
