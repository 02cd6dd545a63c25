/**
 * Writes to clients, and drops those that do not take what is written. A connection's write resolves only when
 * all of it was taken, so large output goes out in pieces, each of which has the whole time-out. There is no timer
 * per write: one watch for all writers looks at when each one's present piece began, in its own ticks.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { CLIENT_WRITE_STALL_MS, KIB } from "../core/limits.ts";
import type { Connection } from "./network.ts";

const PIECE_BYTES = 128 * KIB;
/** Looks per time-out: a stalled client is dropped at most this fraction of the time-out late. */
const TICKS_PER_STALL = 8;
const IDLE = -1;

/** The one look-out for all writers of a process. */
export class WriteWatch {
  readonly #timer: Timer;
  readonly #writers = new Set<ClientWriter>();
  #tick = 0;
  #droppedCount = 0;

  constructor(clock: Clock, stallMs = CLIENT_WRITE_STALL_MS) {
    this.#timer = clock.every(Math.max(1, Math.ceil(stallMs / TICKS_PER_STALL)), () => this.#look());
  }

  /** Counts up with each look. */
  get tick(): number {
    return this.#tick;
  }

  /** Clients dropped so far. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  add(writer: ClientWriter): void {
    this.#writers.add(writer);
  }

  remove(writer: ClientWriter): void {
    this.#writers.delete(writer);
  }

  stop(): void {
    this.#timer.cancel();
  }

  #look(): void {
    this.#tick++;
    for (const writer of this.#writers) {
      // One tick more than the time-out has, because the piece may have begun just before a tick.
      if (writer.beganAtTick === IDLE || this.#tick - writer.beganAtTick <= TICKS_PER_STALL) continue;
      this.#droppedCount++;
      writer.drop();
    }
  }
}

export class ClientWriter {
  /** Tick at which the piece under way began; −1 when nothing is being written. */
  beganAtTick: number = IDLE;
  readonly #connection: Connection;
  readonly #watch: WriteWatch;
  #stalled = false;

  constructor(connection: Connection, watch: WriteWatch) {
    this.#connection = connection;
    this.#watch = watch;
    watch.add(this);
  }

  /** Whether the client was dropped because it took nothing for too long. */
  get stalled(): boolean {
    return this.#stalled;
  }

  /** Writes all of `bytes`, or rejects: the client is gone or was dropped. One call at a time. */
  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      let from = 0;
      do {
        this.beganAtTick = this.#watch.tick;
        const to = Math.min(from + PIECE_BYTES, bytes.length);
        await this.#connection.write(to - from === bytes.length ? bytes : bytes.subarray(from, to));
        from = to;
      } while (from < bytes.length);
    } finally {
      this.beganAtTick = IDLE;
    }
  }

  /** Closes the connection; the write under way rejects. */
  drop(): void {
    this.#stalled = true;
    this.beganAtTick = IDLE;
    this.#connection.close();
  }

  /** The connection is over. */
  close(): void {
    this.#watch.remove(this);
  }
}
