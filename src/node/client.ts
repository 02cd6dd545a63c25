/** A client of a node: hands what has arrived to a batch runner, whose replies go to the client's outbox. */
import { bytesOf, equalBytes } from "../core/bytes.ts";
import type { Timer } from "../core/clock.ts";
import { LINK_HANDSHAKE_MS } from "../core/limits.ts";
import { LONG_REPLY_BYTES_MIN } from "../core/reply_limits.ts";
import type { Connection } from "../io/network.ts";
import type { RequestDecoder } from "../protocol/request_decoder.ts";
import { Client, type ServingServices } from "../serving/client.ts";
import { CommitOutbox } from "../serving/commit_outbox.ts";
import { TOO_MANY_CLIENTS } from "../serving/refuse_connection.ts";
import type { ReplyBlock } from "../serving/reply_buffer.ts";
import type { BatchClient, RunnerServices } from "./batch_client.ts";
import type { BatchRunner } from "./batch_runner.ts";
import type { BatchRunners } from "./batch_runners.ts";

/** How every request of a handshake begins, behind its first line `*2` … `*6`. */
const HANDSHAKE = bytesOf("\r\n$7\r\nROUNDEL\r\n");
const HANDSHAKE_AT = 2;

/** What a commit takes that does not leave the turn, in microtasks, with some to spare. */
const COMMIT_MICROTASKS_MAX = 16;

export interface NodeClientServices extends ServingServices, RunnerServices {
  readonly runners: BatchRunners;
}

export class NodeClient extends Client implements BatchClient {
  readonly outbox: CommitOutbox;
  decoder: RequestDecoder | undefined;
  requestNumber = 0;
  wantedBytes = 0;
  hasTurn = false;
  room: ReplyBlock | null = null;
  waitsForDisk = false;
  readonly #node: NodeClientServices;
  /** Requests run since the last read. */
  #requestCount = 0;
  /** Whether the last of them was a text line. */
  #isText = false;
  /** Whether all was run, and only the commits of this turn are waited for. */
  #isPausing = false;
  /** While it may only become a link. */
  #handshakeTimer: Timer | null = null;

  constructor(connection: Connection, services: NodeClientServices) {
    super(connection, services);
    this.#node = services;
    this.outbox = new CommitOutbox(connection, services.writeWatch, this, services.memory);
  }

  /** There are as many clients as there may be: this one is refused unless it becomes a link. */
  mustBecomeLink(): void {
    this.#handshakeTimer = this.#node.clock.after(LINK_HANDSHAKE_MS, () => {
      if (!this.#isLinkByNow()) this.drop();
    });
  }

  /** The connection is over. */
  forgetHandshake(): void {
    this.#handshakeTimer?.cancel();
  }

  protected get bytesNeeded(): number {
    return this.decoder?.bytesNeeded ?? 0;
  }

  protected runRequests(): Promise<unknown> | undefined {
    const { outbox, buffer } = this;
    const { commits, runners, memory: { budget } } = this.#node;
    if (outbox.isFull || (budget.isUsedUp && !outbox.isEmpty && !outbox.isLink)) return outbox.changed();
    if (this.#handshakeTimer !== null && !this.#isLinkByNow() && !this.#isHandshake()) {
      this.refuse(TOO_MANY_CLIENTS);
      return undefined;
    }
    if (buffer.start < buffer.end) {
      const runner = runners.take();
      const pending = runner.run(this);
      if (pending !== undefined) return this.#finish(runner, pending);
      this.#ended(runner);
      this.hasTurn = false;
      if (this.room !== null) this.#giveRoom();
      if (budget.isAwaited) budget.passOn();
      if (this.wantedBytes > 0) return this.#waitForTurn();
      if (this.waitsForDisk) {
        this.waitsForDisk = false;
        return commits.relief();
      }
      if (runner.wasCut && !outbox.isEmpty && !this.isOver) return outbox.changed();
    }
    if (outbox.isFull && !this.isOver) return outbox.changed();
    this.requestsCame(this.#requestCount, this.#isText);
    this.#requestCount = 0;
    this.#isPausing = outbox.isWaiting && !this.#isPausing;
    return this.#isPausing ? committedInTurn(outbox) : undefined;
  }

  /** The next request's reply is long: waits until there is room for it. */
  async #waitForTurn(): Promise<void> {
    const { budget, long } = this.#node.memory;
    const bytes = this.wantedBytes;
    this.wantedBytes = 0;
    if (bytes >= LONG_REPLY_BYTES_MIN) {
      this.room = await long.whenRoom(bytes, this.#node.clock);
      if (this.isOver) this.#giveRoom();
      return;
    }
    await budget.turn(bytes);
    this.hasTurn = true;
    if (this.isOver) budget.passOn();
  }

  /** Its request did not need it after all. */
  #giveRoom(): void {
    this.room?.release();
    this.room = null;
  }

  protected refuse(text: string): void {
    const runner = this.#node.runners.take();
    runner.refuse(this, text, this.decoder?.isText ?? false);
    this.#node.runners.give(runner);
  }

  /** Whether it need not become a link any more, because it is one. */
  #isLinkByNow(): boolean {
    if (!this.session.isPeer) return false;
    this.#handshakeTimer?.cancel();
    this.#handshakeTimer = null;
    return true;
  }

  #isHandshake(): boolean {
    const { bytes, start, end } = this.buffer;
    const at = start + HANDSHAKE_AT;
    return end - at >= HANDSHAKE.length && equalBytes(HANDSHAKE, 0, HANDSHAKE.length, bytes, at);
  }

  /** A command takes longer than its turn: it keeps the runner until then. */
  async #finish(runner: BatchRunner, pending: Promise<void>): Promise<void> {
    await pending;
    this.#ended(runner);
    const { budget } = this.#node.memory;
    if (budget.isAwaited) budget.passOn();
  }

  #ended(runner: BatchRunner): void {
    this.#requestCount += runner.requestCount;
    this.#isText = runner.isText;
    this.#node.runners.give(runner);
  }
}

/**
 * Resolves when no reply of `outbox` waits, or none that waits is committed within this turn of the loop: a read before the
 * replies are written would find nothing, and be polled for.
 */
async function committedInTurn(outbox: CommitOutbox): Promise<void> {
  for (let i = 0; i < COMMIT_MICROTASKS_MAX && outbox.isWaiting; i++) await null;
}
