/**
 * One client's connection, in lock step: read what came, route every complete request of it, wait until all have
 * their replies, write these in one piece, read again.
 *
 *     read ─► route all complete requests ─► replies are there ─► write ─┐
 *      ▲            │ the batch is full: the rest later                   │
 *      └────────────┴─────────────────────────────────────────────────────┘
 *
 * So a client holds one batch of replies at most, and one that does not read is not read from either. How many
 * requests make a batch follows from the size of the replies seen so far, so that many requests for large values
 * do not gather more than one client should hold.
 */
import { MemoryView } from "../core/memory.ts";
import type { Clock } from "../core/clock.ts";
import { OUTPUT_BYTES_HIGH } from "../core/limits.ts";
import { ClientWriter, type WriteWatch } from "../serving/client_writer.ts";
import { type Connection, isDisconnect } from "../io/network.ts";
import { lingeringClose } from "../serving/lingering_close.ts";
import { OneShotRule } from "../serving/one_shot.ts";
import { type ReadBudget, ReadBuffer } from "../serving/read_buffer.ts";
import { looksLikeHttp } from "../protocol/http_guard.ts";
import { INCOMPLETE, INVALID, RequestDecoder } from "../protocol/request_decoder.ts";
import type { Session, SessionRegistry } from "../serving/session.ts";
import { Batch } from "./batch.ts";
import type { Caller } from "./caller.ts";
import type { DialectWriter } from "./dialect.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Counters } from "./counters.ts";
import type { Upstream } from "../link/upstream.ts";

/** Requests of the first batch, and of the largest. */
const BATCH_COUNT_MIN = 16;
const BATCH_COUNT_MAX = 1_024;

/** What all clients of a balancer share. */
export interface ClientServices {
  readonly clock: Clock;
  readonly sessions: SessionRegistry;
  readonly dispatcher: Dispatcher;
  readonly dialects: DialectWriter;
  readonly readBudget: ReadBudget;
  readonly writeWatch: WriteWatch;
  readonly counters: Counters;
  /** Called when a client's connection is over. */
  readonly left: (client: Client) => void;
}

export class Client implements Caller {
  readonly session: Session;
  readonly batch: Batch;
  readonly #connection: Connection;
  readonly #services: ClientServices;
  readonly #buffer: ReadBuffer;
  readonly #source = new MemoryView();
  readonly #decoder = new RequestDecoder();
  readonly #writer: ClientWriter;
  readonly #oneShot: OneShotRule;
  #batchCountMax = BATCH_COUNT_MIN;
  #waitsForBytes = false;
  #mayBeMore = false;
  #isOver = false;
  #wasRefused = false;

  constructor(connection: Connection, services: ClientServices) {
    this.#connection = connection;
    this.#services = services;
    this.session = services.sessions.open(connection.remote, services.clock.nowMs());
    this.batch = new Batch(services.dialects);
    this.#buffer = new ReadBuffer(services.readBudget);
    this.#writer = new ClientWriter(connection, services.writeWatch);
    this.#oneShot = new OneShotRule(services.clock, () => connection.close());
  }

  /** Serves until the client leaves, breaks the protocol, or is stopped. Never rejects for what a client does. */
  async serve(): Promise<void> {
    try {
      await this.#serveRequests();
      if (this.#wasRefused) await this.#linger();
    } catch (error) {
      if (!isDisconnect(error)) throw error;
    } finally {
      this.#oneShot.stop();
      this.#writer.close();
      this.#buffer.release();
      this.#services.sessions.close(this.session);
      this.#connection.close();
      this.#services.left(this);
    }
  }

  /** Ends the connection once what is in flight is answered; at once when nothing is. */
  stop(): void {
    this.#isOver = true;
    if (this.#waitsForBytes) this.#connection.close();
  }

  /** Ends the connection now. */
  drop(): void {
    this.#isOver = true;
    this.#connection.close();
  }

  /** The lock step. It is one function, and waits itself: each async function around a wait would cost every batch. */
  async #serveRequests(): Promise<void> {
    const { batch } = this;
    const { output } = batch;
    const buffer = this.#buffer;
    const source = this.#source;
    const decoder = this.#decoder;
    const writer = this.#writer;
    while (!this.#isOver) {
      decoder.settle();
      if (!buffer.ensureRoom(decoder.bytesNeeded)) {
        this.#refuse("ERR Too many large requests in flight; try again later");
        return await writer.writeAll(output.view());
      }
      // What one large request took is given back, not held through the wait.
      if (source.bytes.length > buffer.bytes.length) source.use(buffer.bytes);
      this.#waitsForBytes = true;
      const count = await this.#connection.read(buffer.room());
      this.#waitsForBytes = false;
      if (count === null) return;
      buffer.filled(count);
      this.#oneShot.bytesArrived();
      let requestCount = 0;
      do {
        const full = this.#routeBatch();
        requestCount += batch.count;
        if (!batch.isComplete) await batch.whenComplete();
        if (output.length > 0) {
          const replies = output.view();
          const taken = await writer.begin(replies);
          if (!writer.tookAll(replies, taken)) await writer.writeAll(replies.subarray(taken));
        }
        this.#endBatch();
        if (full !== null) await full.whenRoom();
      } while (this.#mayBeMore && !this.#isOver);
      this.#services.counters.addCommands(requestCount);
      this.#oneShot.answered(requestCount, decoder.isText, buffer.end - buffer.start);
    }
  }

  /**
   * Routes requests until the input is used up, the batch is full, or the connection is to be closed. Returns a node
   * that must take requests again before there is more to route, or `null`.
   */
  #routeBatch(): Upstream | null {
    const { batch, session } = this;
    const { clock, dispatcher } = this.#services;
    session.lastActiveMs = clock.nowMs();
    const buffer = this.#buffer;
    const decoder = this.#decoder;
    const source = this.#source;
    const { bytes } = buffer;
    source.use(bytes);
    this.#mayBeMore = false;
    while (buffer.start < buffer.end) {
      const { start } = buffer;
      const next = decoder.decode(bytes, start, buffer.end);
      if (next === INCOMPLETE) return null;
      if (next === INVALID) {
        this.#refuse(decoder.error);
        return null;
      }
      if (decoder.argumentCount > 0) {
        if (decoder.isLine && looksLikeHttp(decoder)) {
          this.#refuse("ERR This port speaks RESP and text lines, not HTTP");
          return null;
        }
        const full = dispatcher.dispatch(this, decoder, source, start, next);
        if (full !== null) {
          this.#mayBeMore = true;
          return full;
        }
      }
      buffer.consume(next);
      if (session.wantsClose) {
        this.#isOver = true;
        return null;
      }
      if (batch.count >= this.#batchCountMax) {
        this.#mayBeMore = true;
        return null;
      }
    }
    return null;
  }

  /** Sees to it that the error, which was the last, reaches a client that is still sending. */
  #linger(): Promise<void> {
    this.#waitsForBytes = true;
    return lingeringClose(this.#connection, this.#services.clock);
  }

  /** Answers with an error, the last that this client gets. */
  #refuse(text: string): void {
    this.#wasRefused = true;
    this.#services.dispatcher.refuse(this, this.#decoder, text);
    this.#isOver = true;
  }

  /** The batch is written. How large the next one may be follows from the replies to this one. */
  #endBatch(): void {
    const { batch } = this;
    const fitting = Math.floor(OUTPUT_BYTES_HIGH / Math.max(1, batch.replyBytesMax));
    if (fitting < this.#batchCountMax) this.#batchCountMax = Math.max(1, fitting);
    else if (batch.count === this.#batchCountMax) {
      this.#batchCountMax = Math.min(this.#batchCountMax * 2, fitting, BATCH_COUNT_MAX);
    }
    batch.clear();
  }
}
