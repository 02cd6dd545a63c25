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
import { OUTPUT_BYTES_HIGH } from "../core/limits.ts";
import { ClientWriter, type WriteWatch } from "../serving/client_writer.ts";
import { type Connection, isDisconnect } from "../io/network.ts";
import { lingeringClose } from "../serving/lingering_close.ts";
import { OneShotRule } from "../serving/one_shot.ts";
import { type ReadBudget, ReadBuffer } from "../serving/read_buffer.ts";
import { looksLikeHttp } from "../protocol/http_guard.ts";
import { INCOMPLETE, INVALID } from "../protocol/request_decoder.ts";
import type { Session } from "../serving/session.ts";
import type { Revealed } from "../store/mutation_listener.ts";
import type { Store } from "../store/store.ts";
import type { CommitBarrier } from "./commit_barrier.ts";
import type { Desk, Desks } from "./desk.ts";
import type { NodeServices } from "./executor.ts";
import type { LookAhead } from "./look_ahead.ts";

export interface ClientServices extends NodeServices {
  readonly barrier: CommitBarrier;
  readonly desks: Desks;
  readonly lookAhead: LookAhead<Store>;
  readonly revealed: Revealed;
  readonly readBudget: ReadBudget;
  readonly writeWatch: WriteWatch;
}

export class Client {
  readonly #connection: Connection;
  readonly #services: ClientServices;
  readonly #session: Session;
  readonly #buffer: ReadBuffer;
  readonly #writer: ClientWriter;
  readonly #oneShot: OneShotRule;
  /** Where the present batch runs; from one batch to the next only while a request is incomplete. */
  #desk: Desk | undefined;
  /** Requests of the present batch that have a reply. */
  #requestCount = 0;
  #waitsForBytes = false;
  #isOver = false;
  #wasRefused = false;

  constructor(connection: Connection, services: ClientServices) {
    this.#connection = connection;
    this.#services = services;
    this.#session = services.sessions.open(connection.remote, services.clock.nowMs());
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
    const writer = this.#writer;
    const { barrier, revealed } = this.#services;
    while (!this.#isOver) {
      if (!buffer.ensureRoom(this.#desk?.executor.decoder.bytesNeeded ?? 0)) {
        const desk = this.#sitDown();
        this.#refuse(desk, "ERR Too many large requests in flight; try again later");
        return await writer.writeAll(desk.end());
      }
      this.#waitsForBytes = true;
      const count = await this.#connection.read(buffer.room());
      this.#waitsForBytes = false;
      if (count === null) return;
      buffer.filled(count);
      this.#oneShot.bytesArrived();
      let requestCount = 0;
      let isText = false;
      let mayBeMore = true;
      while (mayBeMore && !this.#isOver) {
        if (barrier.isCongested()) await barrier.relief();
        const desk = this.#sitDown();
        const pending = this.#runBatch(desk);
        const { position } = revealed;
        if (pending !== undefined) await pending;
        mayBeMore = pending !== undefined || desk.replyBytes >= OUTPUT_BYTES_HIGH;
        requestCount += this.#requestCount;
        ({ isText } = desk.executor.request);
        const { room } = desk;
        let replies = desk.end();
        this.#standUp(desk);
        if (!barrier.isCommitted(position) && !await barrier.whenCommitted(position)) {
          replies = this.#refusals(isText);
        }
        if (replies.length > 0) {
          const taken = await writer.begin(replies);
          if (!writer.tookAll(replies, taken)) await writer.writeAll(replies.subarray(taken));
        }
        desk.written(room);
      }
      this.#oneShot.answered(requestCount, isText, buffer.end - buffer.start);
    }
  }

  /**
   * Runs requests until the input is used up, there are many replies, the connection is to be closed, or a command
   * takes longer than this turn: then its promise is returned.
   */
  #runBatch(desk: Desk): Promise<void> | undefined {
    const { barrier, clock, lookAhead, revealed } = this.#services;
    const { executor } = desk;
    executor.nowMs = this.#session.lastActiveMs = clock.nowMs();
    this.#requestCount = 0;
    revealed.position = 0;
    const buffer = this.#buffer;
    const { decoder } = executor;
    let lookedTo = -1;
    lookAhead.forget();
    while (buffer.start < buffer.end) {
      if (lookedTo === buffer.start) lookedTo = lookAhead.look(buffer.bytes, buffer.start, buffer.end);
      let seen = lookAhead.take(buffer.start);
      let next = seen?.end ?? 0;
      if (seen === null) {
        next = decoder.decode(buffer.bytes, buffer.start, buffer.end);
        if (next === INCOMPLETE) return undefined;
        if (next === INVALID) {
          this.#refuse(desk, decoder.error);
          return undefined;
        }
        // There are several: from now on it is worth to look at them together, and at this one with them.
        if (lookedTo < 0 && next < buffer.end) {
          lookedTo = lookAhead.look(buffer.bytes, buffer.start, buffer.end);
          seen = lookAhead.take(buffer.start);
        }
      }
      buffer.consume(next);
      if (seen === null && decoder.argumentCount === 0) continue;
      if (seen === null && decoder.isLine && looksLikeHttp(decoder)) {
        this.#refuse(desk, "ERR This port speaks RESP and text lines, not HTTP");
        return undefined;
      }
      const { replyBytes } = desk;
      const pending = seen === null ? executor.run() : executor.runSeen(seen);
      this.#requestCount++;
      barrier.seal();
      if (pending !== undefined) return pending;
      const refusal = barrier.readRefusal();
      if (refusal !== "") {
        desk.cutReplies(replyBytes);
        executor.refuse(refusal);
      }
      if (this.#session.wantsClose) {
        this.#isOver = true;
        return undefined;
      }
      if (desk.replyBytes >= OUTPUT_BYTES_HIGH) return undefined;
    }
    return undefined;
  }

  /** A batch begins: at the desk that holds the beginning of its first request, or at any. */
  #sitDown(): Desk {
    const desk = this.#desk ??= this.#services.desks.take();
    desk.begin(this.#session);
    return desk;
  }

  /** The batch has ended: others may have the desk, unless it holds the beginning of a request. */
  #standUp(desk: Desk): void {
    const { decoder } = desk.executor;
    decoder.settle();
    if (decoder.isIncomplete) return;
    this.#desk = undefined;
    this.#services.desks.give(desk);
  }

  /** Answers with an error, the last that this client gets. */
  #refuse(desk: Desk, text: string): void {
    desk.executor.refuse(text);
    this.#isOver = true;
    this.#wasRefused = true;
  }

  /** The log failed, and nothing that the batch says may be said: what is said instead. */
  #refusals(isText: boolean): Uint8Array<ArrayBuffer> {
    const desk = this.#sitDown();
    for (let i = 0; i < this.#requestCount; i++) {
      desk.executor.refuse(this.#services.barrier.failureText(), isText);
    }
    const refusals = desk.end();
    this.#standUp(desk);
    return refusals;
  }

  /** Sees to it that the error, which was the last, reaches a client that is still sending. */
  #linger(): Promise<void> {
    this.#waitsForBytes = true;
    return lingeringClose(this.#connection, this.#services.clock);
  }
}
