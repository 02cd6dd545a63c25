/**
 * Writes to clients, and drops those that do not take what is written. A write goes out in as many pieces as the
 * connection makes of it, each of which has the whole time-out, and all that a client holds has a few of them: one that
 * takes a byte now and then does not keep megabytes. There is no timer per write: one watch for all
 * writers looks at when each one's present piece began, in its own ticks.
 *
 * A write is not awaited: whoever began it is told when all of it was taken, and reads on meanwhile.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { CLIENT_WRITE_STALL_MS, DRIP_BYTES_MIN, STALLS_PER_OUTBOX } from "../core/limits.ts";
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

  /** Whether the client takes nothing, or next to nothing, or does not go on with a request. */
  #isStalled(writer: ClientWriter): boolean {
    // One tick more than the time-out has, because the piece may have begun just before a tick.
    const since = this.#tick - TICKS_PER_STALL;
    if (writer.beganAtTick !== IDLE && writer.beganAtTick < since) return true;
    if (this.#tick % TICKS_PER_STALL === 0 && writer.drips()) return true;
    return writer.isSilentSince(since);
  }

  #look(): void {
    this.#tick++;
    for (const writer of this.#writers) {
      if (!this.#isStalled(writer)) continue;
      this.#droppedCount++;
      writer.drop();
    }
  }
}

/** Who is told what became of a write. */
export interface WriteOwner {
  /** Bytes that are not written, those of the write under way included. */
  readonly heldBytes: number;
  /** Whether a request began to arrive, and nothing of it came since `tick` of the watch. */
  isSilentSince(tick: number): boolean;
  /** All of it was taken; the next may begin. */
  writeTaken(): void;
  /** The client is gone, or was dropped: nothing more will be taken. */
  writeFailed(): void;
}

export class ClientWriter {
  /** Bytes taken so far … */
  #takenBytes = 0;
  /** … and when {@linkcode ClientWriter.drips} was called last, with what was held then. */
  #takenBefore = 0;
  #heldBefore = 0;
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

  /** Whether since the last call too little was taken of what was held at that time. */
  drips(): boolean {
    const taken = this.#takenBytes - this.#takenBefore;
    const held = this.#heldBefore;
    this.#takenBefore = this.#takenBytes;
    this.#heldBefore = this.beganAtTick === IDLE ? 0 : this.#owner.heldBytes;
    return held > DRIP_BYTES_MIN && this.beganAtTick !== IDLE && taken * STALLS_PER_OUTBOX < held;
  }

  /** Whether a request began to arrive, and nothing of it came since `tick`. */
  isSilentSince(tick: number): boolean {
    return this.#owner.isSilentSince(tick);
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
    this.#takenBytes += count;
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
