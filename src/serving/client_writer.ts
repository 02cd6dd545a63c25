/**
 * Writes to clients, and drops those that do not take what is written. A write goes out in as many pieces as the
 * connection makes of it, each of which has the whole time-out. There is no timer per write: one watch for all
 * writers looks at when each one's present piece began, in its own ticks.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { CLIENT_WRITE_STALL_MS } from "../core/limits.ts";
import type { Connection } from "../io/network.ts";

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
  async writeAll(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    let taken = 0;
    while (taken < bytes.length) taken += await this.begin(taken === 0 ? bytes : bytes.subarray(taken));
    this.beganAtTick = IDLE;
  }

  /**
   * The first step of {@linkcode ClientWriter.writeAll} alone, which nearly always takes everything: for where an
   * async function more would count. Resolves to how many bytes were taken; {@linkcode ClientWriter.tookAll} follows.
   */
  begin(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    this.beganAtTick = this.#watch.tick;
    return this.#connection.write(bytes);
  }

  /** Whether `taken` is all of `bytes`; else the rest is to be given to {@linkcode ClientWriter.writeAll}. */
  tookAll(bytes: Uint8Array<ArrayBuffer>, taken: number): boolean {
    if (taken < bytes.length) return false;
    this.beganAtTick = IDLE;
    return true;
  }

  /** Closes the connection; the write under way rejects. */
  drop(): void {
    this.#stalled = true;
    this.beganAtTick = IDLE;
    this.#connection.close();
  }

  /** The connection is over. */
  close(): void {
    this.beganAtTick = IDLE;
    this.#watch.remove(this);
  }
}
