/**
 * One client's connection, at a node or a balancer: read what came, hand over every complete request, and read on. What
 * is answered goes through the outbox, whenever that may be; reading does not wait for it, unless the outbox is full:
 *
 *     read ─► run all complete requests ─┬─► read …
 *      ▲                                 └─► outbox ─► write
 *      └── not before the outbox has room again
 *
 * Whatever goes wrong here ends this connection and nothing else: any error of a read or a write says that the
 * connection is over, and any other is a bug in what was run for this client, which is logged.
 */
import type { Clock } from "../core/clock.ts";
import { READ_BUFFER_BYTES_MIN } from "../core/limits.ts";
import { abandon, type Connection } from "../io/network.ts";
import type { WriteWatch } from "./client_writer.ts";
import type { FaultLog } from "./fault_log.ts";
import { lingeringClose } from "./lingering_close.ts";
import { OneShotRule } from "./one_shot.ts";
import type { Outbox, OutboxOwner } from "./outbox.ts";
import { type ReadBudget, ReadBuffer } from "./read_buffer.ts";
import type { Session, SessionOwner, SessionRegistry } from "./session.ts";

const TOO_MANY_LARGE = "ERR Too many large requests in flight; try again later";

/** What all clients of a process share. */
export interface ServingServices {
  readonly clock: Clock;
  readonly sessions: SessionRegistry;
  readonly readBudget: ReadBudget;
  readonly writeWatch: WriteWatch;
  readonly faults: FaultLog;
}

export abstract class Client implements OutboxOwner, SessionOwner {
  readonly session: Session;
  readonly buffer: ReadBuffer;
  abstract readonly outbox: Outbox;
  readonly #connection: Connection;
  readonly #services: ServingServices;
  readonly #oneShot: OneShotRule;
  #isReading = false;
  #isOver = false;
  #wasRefused = false;
  /** Tick of the write watch at which it began to wait for the rest of a request. */
  #waitsSinceTick = 0;

  constructor(connection: Connection, services: ServingServices) {
    this.#connection = connection;
    this.#services = services;
    this.session = services.sessions.open(connection.remote, services.clock.monotonicMs(), this);
    this.buffer = new ReadBuffer(services.readBudget, READ_BUFFER_BYTES_MIN, this);
    this.#oneShot = new OneShotRule(services.clock, this);
  }

  /** Whether no further request is run. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get requestBytes(): number {
    return this.buffer.end - this.buffer.start;
  }

  get bufferBytes(): number {
    return this.buffer.bytes.length;
  }

  get replyBytes(): number {
    return this.outbox.heldBytes;
  }

  /** Length of the request that has not all arrived, as far as it is known; else 0. */
  protected abstract get bytesNeeded(): number;

  /**
   * Runs the complete requests in the buffer. Returns `undefined` once it needs more bytes; or what to wait for before
   * it is called again.
   */
  protected abstract runRequests(): Promise<unknown> | undefined;

  /** Answers with an error, behind all other replies, the last that this client gets. */
  protected abstract refuse(text: string): void;

  /** Serves until the client leaves, breaks the protocol, or is stopped. Never rejects. */
  async serve(): Promise<void> {
    try {
      await this.#readRequests();
      while (!this.outbox.isEmpty && !this.outbox.isClosed) await this.outbox.changed();
      if (this.#wasRefused) {
        this.#isReading = true;
        await lingeringClose(this.#connection, this.#services.clock);
      }
    } catch (error) {
      if (!this.#isReading) this.#services.faults.report("client dropped", error);
    } finally {
      this.#isOver = true;
      this.#oneShot.stop();
      this.outbox.close();
      this.buffer.release();
      this.#services.sessions.close(this.session);
      abandon(this.#connection);
    }
  }

  /** Ends the connection once all that was asked is answered; at once when nothing is open. */
  stop(): void {
    this.#isOver = true;
    if (this.#isReading && this.outbox.isEmpty) abandon(this.#connection);
  }

  /** Ends the connection now: no request is run any more, and nothing more is said. */
  drop(): void {
    this.#isOver = true;
    this.outbox.close();
    abandon(this.#connection);
  }

  /** The client was told the last that it gets. What it sends still is not to keep that from arriving. */
  refused(): void {
    this.#wasRefused = true;
    this.#isOver = true;
  }

  outboxDrained(): void {
    this.#oneShot.drained();
    if (this.#isOver && this.#isReading && !this.#wasRefused) abandon(this.#connection);
  }

  isSilentSince(tick: number): boolean {
    return this.#isReading && this.buffer.end > this.buffer.start && this.#waitsSinceTick < tick;
  }

  outboxFailed(): void {
    this.drop();
  }

  /** `requestCount` requests have come, the last a text line if `isText`, and nothing was left over but `bytesLeft`. */
  protected requestsCame(requestCount: number, isText: boolean): void {
    this.#oneShot.requestsCame(requestCount, isText, this.buffer.end - this.buffer.start);
  }

  /**
   * It is one function, and waits for the connection itself: each async function around a wait costs a batch a tenth of
   * a microsecond, and an idle client some 300 bytes.
   */
  async #readRequests(): Promise<void> {
    const { buffer } = this;
    while (!this.#isOver) {
      while (!buffer.ensureRoom(this.bytesNeeded)) {
        const relief = buffer.relief();
        if (relief === null) return this.refuse(TOO_MANY_LARGE);
        await relief;
      }
      this.#waitsSinceTick = this.#services.writeWatch.tick;
      this.#isReading = true;
      const count = await this.#connection.read(buffer.room());
      this.#isReading = false;
      if (count === null || this.#isOver) return;
      buffer.filled(count);
      this.#oneShot.bytesArrived();
      let pending = this.runRequests();
      while (pending !== undefined) {
        await pending;
        pending = this.#isOver ? undefined : this.runRequests();
      }
      if (this.outbox.isEmpty) this.#oneShot.drained();
    }
  }
}
