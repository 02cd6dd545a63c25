/**
 * Writes to clients, and drops those that do not take what is written. A write goes out in as many pieces as the
 * connection makes of it, each of which has the whole time-out. There is no timer per write: one watch for all
 * writers looks at when each one's present piece began, in its own ticks.
 *
 * The same watch drops clients that leave a request unfinished and send nothing more of it.
 *
 * A write is not awaited: whoever began it is told when all of it was taken, and reads on meanwhile.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { CLIENT_WRITE_STALL_MS, READ_BUFFER_BYTES_KEEP } from "../core/limits.ts";
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

  /** Drops the client that has been silent for the longest, a tick at least, in a large request. Whether there is one. */
  dropLongestSilent(): boolean {
    let longest: ClientWriter | null = null;
    for (const writer of this.#writers) {
      if (writer.unfinishedBytes <= READ_BUFFER_BYTES_KEEP || writer.silentSinceTick >= this.#tick) continue;
      if (longest === null || writer.silentSinceTick < longest.silentSinceTick) longest = writer;
    }
    if (longest !== null) this.#drop(longest);
    return longest !== null;
  }

  #look(): void {
    this.#tick++;
    for (const writer of this.#writers) {
      const isStalled = writer.beganAtTick !== IDLE && this.#isOver(writer.beganAtTick);
      if (isStalled || (writer.unfinishedBytes > 0 && this.#isOver(writer.silentSinceTick))) {
        this.#drop(writer);
      }
    }
  }

  /** One tick more than the time-out has, because it may have begun just before a tick. */
  #isOver(sinceTick: number): boolean {
    return this.#tick - sinceTick > TICKS_PER_STALL;
  }

  #drop(writer: ClientWriter): void {
    this.#droppedCount++;
    writer.drop();
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
  /** What the client's unfinished request takes of our memory; 0 when there is none. */
  unfinishedBytes = 0;
  /** Tick at which the last byte of it came. */
  silentSinceTick = 0;
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

  /** The client is read from; `byteCount` is what its unfinished request takes, or 0. */
  reads(byteCount: number): void {
    this.unfinishedBytes = byteCount;
    this.silentSinceTick = this.#watch.tick;
  }

  /** Closes the connection; the write under way fails. */
  drop(): void {
    this.beganAtTick = IDLE;
    this.unfinishedBytes = 0;
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
