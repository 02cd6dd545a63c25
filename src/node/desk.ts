/**
 * Where a batch of requests is run: a decoder, an executor, and room for replies. A client needs them for the moment
 * in which its batch runs, not while it waits; so all clients of a node share one desk, which stays in the processor's
 * cache however many clients there are (with a thousand, each having its own cost every request a microsecond). A
 * client keeps the desk only while a command takes longer than its turn, or while a request has not all arrived;
 * who comes meanwhile sits down at another.
 *
 * A room holds the replies of several batches side by side, because they are written while the next ones run:
 *
 *     room:  ▓▓ written ▓▓│▒▒ being written ▒▒│▒▒ being written ▒▒│ the next batch …
 *
 * Once all are written it is used from its front again. When it is full before that, another room is taken, and the
 * full one comes back once all is written. A batch whose write fails is never told of: then the room is left behind,
 * when it is full, for good.
 */
import {
  DESK_COUNT_KEPT,
  DESK_ROOM_BYTES,
  DESK_ROOM_COUNT_KEPT,
  KIB,
  OUTPUT_BYTES_KEEP,
} from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { spareMemory } from "../core/spare_memory.ts";
import type { Session } from "../serving/session.ts";
import { Executor, type NodeServices } from "./executor.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** First size of a room: beyond what the engine keeps inside of its own heap, and would have to move for a write. */
const ROOM_BYTES_MIN = KIB;
const NO_BYTES = new Uint8Array(0);

/** Room for replies. When it grows, what is being written stays where it was, in bytes that are the room's no more. */
export class Room {
  bytes: Bytes = NO_BYTES;
  /** Batches whose replies are being written. */
  unwrittenCount = 0;
}

export class Desk {
  readonly executor: Executor;
  readonly #output = new OutputBuffer(ROOM_BYTES_MIN);
  /** Where the present batch's replies begin. */
  #from = 0;
  #room = new Room();
  readonly #freeRooms: Room[] = [];

  constructor(services: NodeServices) {
    this.executor = new Executor(services, this.#output);
  }

  /** Bytes of replies of the present batch. */
  get replyBytes(): number {
    return this.#output.length - this.#from;
  }

  /** Where the present batch's replies are. */
  get room(): Room {
    return this.#room;
  }

  /** A batch of `session` begins. */
  begin(session: Session): void {
    const output = this.#output;
    if (this.#room.unwrittenCount === 0) this.#empty();
    else if (output.length >= DESK_ROOM_BYTES) this.#changeRooms();
    this.#from = output.length;
    this.executor.serve(session);
  }

  /** Takes back all replies of the present batch beyond the first `replyBytes`. */
  cutReplies(replyBytes: number): void {
    this.#output.length = this.#from + replyBytes;
  }

  /** The batch is over; its replies, which stay as they are until {@linkcode Desk.written} is called for them. */
  end(): Bytes {
    const { bytes, length } = this.#output;
    const replies = bytes.subarray(this.#from, length);
    this.#from = length;
    this.#room.unwrittenCount++;
    return replies;
  }

  /** Replies of a batch that was in `room` are not needed any more. */
  written(room: Room): void {
    if (--room.unwrittenCount > 0 || room === this.#room) return;
    if (room.bytes.length > OUTPUT_BYTES_KEEP) spareMemory.give(room.bytes);
    else if (this.#freeRooms.length < DESK_ROOM_COUNT_KEPT) this.#freeRooms.push(room);
  }

  /** Begins the room from its front; a large one is for others to take. */
  #empty(): void {
    const { bytes } = this.#output;
    this.#output.clear(OUTPUT_BYTES_KEEP);
    if (bytes.length > OUTPUT_BYTES_KEEP) spareMemory.give(bytes);
  }

  #changeRooms(): void {
    this.#room.bytes = this.#output.bytes;
    this.#room = this.#freeRooms.pop() ?? new Room();
    this.#output.moveTo(this.#room.bytes);
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
