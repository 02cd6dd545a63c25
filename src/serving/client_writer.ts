/**
 * Writes to clients, and drops those that do not take what is written. A write goes out in as many pieces as the
 * connection makes of it, each of which has the whole time-out. There is no timer per write: one watch for all
 * writers looks at when each one's present piece began, in its own ticks.
 *
 * A write is not awaited: whoever began it is told when all of it was taken, and reads on meanwhile.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { CLIENT_WRITE_STALL_MS } from "../core/limits.ts";
import { abandon, type Connection } from "../io/network.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Looks per time-out: a stalled client is dropped at most this fraction of the time-out late. */
const TICKS_PER_STALL = 8;
const IDLE = -1;
const NO_BYTES: Bytes = new Uint8Array(0);

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

/** Who is told what became of a write. */
export interface WriteOwner {
  /** All of it was taken; the next may begin. */
  writeTaken(): void;
  /** The client is gone, or was dropped: nothing more will be taken. */
  writeFailed(): void;
}

export class ClientWriter {
  /** Tick at which the piece under way began; −1 when nothing is being written. */
  beganAtTick: number = IDLE;
  readonly #connection: Connection;
  readonly #watch: WriteWatch;
  readonly #owner: WriteOwner;
  /** What of the write under way was not taken yet. */
  #rest: Bytes = NO_BYTES;

  constructor(connection: Connection, watch: WriteWatch, owner: WriteOwner) {
    this.#connection = connection;
    this.#watch = watch;
    this.#owner = owner;
    watch.add(this);
  }

  /** Begins to write `bytes`, which stay as they are until the owner is told. One write at a time. */
  write(bytes: Bytes): void {
    this.#rest = bytes;
    this.beganAtTick = this.#watch.tick;
    try {
      this.#connection.write(bytes).then(this.#taken, this.#failed);
    } catch {
      this.#failed();
    }
  }

  /** Closes the connection; the write under way fails. */
  drop(): void {
    this.beganAtTick = IDLE;
    abandon(this.#connection);
  }

  /** The connection is over. */
  close(): void {
    this.beganAtTick = IDLE;
    this.#watch.remove(this);
  }

  readonly #taken = (count: number): void => {
    if (count < this.#rest.length) return this.write(this.#rest.subarray(count));
    this.beganAtTick = IDLE;
    this.#rest = NO_BYTES;
    this.#owner.writeTaken();
  };

  /** Whatever the error is, it is this connection's. */
  readonly #failed = (): void => {
    this.beganAtTick = IDLE;
    this.#rest = NO_BYTES;
    this.#owner.writeFailed();
  };
}
