/**
 * What waits to be written to one client. Whoever answers adds to it, at any time, and reading goes on meanwhile:
 *
 *     replies ─► waiting for what they depend on ─► ready ─► being written, in one piece ─► gone
 *
 * This is the half that writes, alike for node and balancer; what replies wait for, and how they get into order, is
 * left to those who extend it. One write is under way at a time; all that gets ready meanwhile is the next one.
 */
import type { Connection } from "../io/network.ts";
import { ClientWriter, type WriteOwner, type WriteWatch } from "./client_writer.ts";

/** Who is told that everything was written, or that nothing more can be. */
export interface OutboxOwner {
  /** Whether a request of it began to arrive, and nothing of it came since `tick` of the write watch. */
  isSilentSince(tick: number): boolean;
  outboxDrained(): void;
  outboxFailed(): void;
}

export abstract class Outbox implements WriteOwner {
  readonly #writer: ClientWriter;
  readonly #owner: OutboxOwner;
  #isWriting = false;
  #isClosed = false;
  #wake: (() => void) | null = null;

  constructor(connection: Connection, watch: WriteWatch, owner: OutboxOwner) {
    this.#owner = owner;
    this.#writer = new ClientWriter(connection, watch, this);
  }

  /** Whether so much waits that no more requests should be run for now. */
  abstract get isFull(): boolean;
  /** Bytes of replies that are not written. */
  abstract get heldBytes(): number;
  /** Whether no request is without a reply that was written. */
  abstract get isEmpty(): boolean;
  /** The next bytes to write, as they stay until {@linkcode Outbox.written}; `null` when nothing is ready. */
  protected abstract take(): Uint8Array<ArrayBuffer> | null;
  /** What was taken last was written, or never will be: nobody looks at it any more. */
  protected abstract written(): void;
  /** Nothing more will be taken: what is not being written can go. */
  protected abstract discard(): void;

  /** Whether nothing can be written any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether a write is under way. */
  protected get isWriting(): boolean {
    return this.#isWriting;
  }

  /** Begins to write what is ready, if nothing is being written. */
  flush(): void {
    if (this.#isWriting || this.#isClosed) return;
    const bytes = this.take();
    if (bytes !== null) this.begin(bytes);
  }

  /** Begins to write `bytes`; nothing is being written. */
  protected begin(bytes: Uint8Array<ArrayBuffer>): void {
    this.#isWriting = true;
    this.#writer.write(bytes);
  }

  /** Resolves once more was written, or nothing can be any more. One at a time. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** Gives up what is held, with the client: there is too much of it. */
  giveUp(): void {
    this.#owner.outboxFailed();
  }

  /** The connection is over. Harmless when closed already. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#writer.close();
    this.discard();
    this.wake();
  }

  isSilentSince(tick: number): boolean {
    return this.#owner.isSilentSince(tick);
  }

  writeTaken(): void {
    this.#isWriting = false;
    this.written();
    if (this.#isClosed) return;
    this.flush();
    this.wake();
    if (!this.#isWriting && this.isEmpty) this.#owner.outboxDrained();
  }

  writeFailed(): void {
    this.#isWriting = false;
    this.written();
    this.close();
    this.#owner.outboxFailed();
  }

  /** Lets those who wait for a change look again. */
  protected wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
