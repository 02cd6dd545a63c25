/**
 * One client's connection, in lock step: read what came, run every complete request of it, wait until the log has
 * committed what the replies reveal, write the replies in one piece, read again.
 *
 *     read ─► run all complete requests ─► commit ─► write ─┐
 *      ▲            │ the output is full: the rest later    │
 *      └────────────┴───────────────────────────────────────┘
 *
 * So a client holds one batch of replies at most, and one that does not read is not read from either.
 */
import { OUTPUT_BYTES_HIGH, OUTPUT_BYTES_KEEP } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import type { Clock } from "../core/clock.ts";
import { ClientWriter, type WriteWatch } from "../io/client_writer.ts";
import { type Connection, isDisconnect } from "../io/network.ts";
import { lingeringClose } from "../io/lingering_close.ts";
import { OneShotRule } from "../io/one_shot.ts";
import { type ReadBudget, ReadBuffer } from "../io/read_buffer.ts";
import { looksLikeHttp } from "../protocol/http_guard.ts";
import { INCOMPLETE, INVALID } from "../protocol/request_decoder.ts";
import type { Session } from "../protocol/session.ts";
import type { Revealed } from "../store/mutation_listener.ts";
import type { CommitBarrier } from "./commit_barrier.ts";
import { Executor, type NodeServices } from "./executor.ts";
import type { LookAhead } from "./look_ahead.ts";

/** First room for replies: enough for one short one. */
const OUTPUT_BYTES_MIN = 64;

export interface ClientServices extends NodeServices {
  readonly clock: Clock;
  readonly barrier: CommitBarrier;
  readonly lookAhead: LookAhead;
  readonly revealed: Revealed;
  readonly readBudget: ReadBudget;
  readonly writeWatch: WriteWatch;
}

export class Client {
  readonly #connection: Connection;
  readonly #services: ClientServices;
  readonly #session: Session;
  readonly #buffer: ReadBuffer;
  readonly #output = new OutputBuffer(OUTPUT_BYTES_MIN);
  readonly #executor: Executor;
  readonly #writer: ClientWriter;
  readonly #oneShot: OneShotRule;
  /** Requests of the present batch that have a reply in the output. */
  #requestCount = 0;
  #waitsForBytes = false;
  #isOver = false;
  #wasRefused = false;

  constructor(connection: Connection, services: ClientServices) {
    this.#connection = connection;
    this.#services = services;
    this.#session = services.sessions.open(connection.remote, services.clock.nowMs());
    this.#buffer = new ReadBuffer(services.readBudget);
    this.#executor = new Executor(services, this.#session, this.#output);
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
      this.#services.sessions.close(this.#session);
      this.#connection.close();
    }
  }

  /** Ends the connection once what is in flight is answered; at once when nothing is. */
  stop(): void {
    this.#isOver = true;
    if (this.#waitsForBytes) this.#connection.close();
  }

  /**
   * The lock step. It is one function, and waits for the connection itself: each async function around a wait costs
   * a batch a tenth of a microsecond, and an idle client some 300 bytes.
   */
  async #serveRequests(): Promise<void> {
    const buffer = this.#buffer;
    const output = this.#output;
    const writer = this.#writer;
    const { request } = this.#executor;
    const { barrier, revealed } = this.#services;
    while (!this.#isOver) {
      request.settle();
      if (!buffer.ensureRoom(request.bytesNeeded)) {
        this.#refuse("ERR Too many large requests in flight; try again later");
        return await writer.writeAll(output.view());
      }
      this.#waitsForBytes = true;
      const count = await this.#connection.read(buffer.room());
      this.#waitsForBytes = false;
      if (count === null) return;
      buffer.filled(count);
      this.#oneShot.bytesArrived();
      let requestCount = 0;
      let mayBeMore = true;
      while (mayBeMore && !this.#isOver) {
        if (barrier.isCongested()) await barrier.relief();
        const pending = this.#runBatch();
        const { stamp } = revealed;
        if (pending !== undefined) await pending;
        mayBeMore = pending !== undefined || output.length >= OUTPUT_BYTES_HIGH;
        requestCount += this.#requestCount;
        if (!barrier.isCommitted(stamp) && !await barrier.whenCommitted(stamp)) this.#refuseBatch();
        if (output.length > 0) {
          const replies = output.view();
          const taken = await writer.begin(replies);
          if (!writer.tookAll(replies, taken)) await writer.writeAll(replies.subarray(taken));
          output.clear(OUTPUT_BYTES_KEEP);
        }
      }
      this.#oneShot.answered(requestCount, request.isText, buffer.end - buffer.start);
    }
  }

  /**
   * Runs requests until the input is used up, the output is full, the connection is to be closed, or a command
   * takes longer than this turn: then its promise is returned.
   */
  #runBatch(): Promise<void> | undefined {
    const { barrier, clock, lookAhead, revealed } = this.#services;
    const executor = this.#executor;
    executor.nowMs = this.#session.lastActiveMs = clock.nowMs();
    this.#requestCount = 0;
    revealed.stamp = 0;
    const buffer = this.#buffer;
    const { request } = executor;
    let lookedTo = buffer.start;
    while (buffer.start < buffer.end) {
      const next = request.decode(buffer.bytes, buffer.start, buffer.end);
      if (lookedTo <= buffer.start && next > 0 && next < buffer.end) {
        lookedTo = lookAhead.fetch(buffer.bytes, buffer.start, buffer.end);
      }
      if (next === INCOMPLETE) return undefined;
      if (next === INVALID) {
        this.#refuse(request.error);
        return undefined;
      }
      buffer.consume(next);
      if (request.argumentCount === 0) continue;
      if (request.isText && looksLikeHttp(request)) {
        this.#refuse("ERR This port speaks RESP and text lines, not HTTP");
        return undefined;
      }
      this.#requestCount++;
      const replyAt = this.#output.length;
      const pending = executor.run();
      barrier.seal();
      if (pending !== undefined) return pending;
      const refusal = barrier.readRefusal();
      if (refusal !== "") {
        this.#output.length = replyAt;
        executor.refuse(refusal);
      }
      if (this.#session.wantsClose) {
        this.#isOver = true;
        return undefined;
      }
      if (this.#output.length >= OUTPUT_BYTES_HIGH) return undefined;
    }
    return undefined;
  }

  /** Answers with an error, the last that this client gets. */
  #refuse(text: string): void {
    this.#executor.refuse(text);
    this.#isOver = true;
    this.#wasRefused = true;
  }

  /** Sees to it that the error, which was the last, reaches a client that is still sending. */
  #linger(): Promise<void> {
    this.#waitsForBytes = true;
    return lingeringClose(this.#connection, this.#services.clock);
  }

  /** The log failed: nothing that this batch says may be said. */
  #refuseBatch(): void {
    this.#output.clear();
    for (let i = 0; i < this.#requestCount; i++) this.#executor.refuse(this.#services.barrier.failureText());
  }
}
