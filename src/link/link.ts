/**
 * A connection to another process of the cluster, kept up for as long as it is wanted. Requests that meet in one turn of
 * the event loop leave in one write; while a write is under way the next one gathers. Replies may overtake each other.
 *
 *     away ──connect, handshake──► ready ──connection lost──► away
 *       └──handshake refused──► refused ──(connect, handshake again)──► …
 *
 * A connection that is given up is closed, but the system may go on delivering what was written to it: the runtime
 * offers no reset on close and no limit on how long the system tries. So it is the far end that ignores older
 * connections, by the names that they are given in the handshake.
 *
 * What the requests are about, and what becomes of them when the connection is lost, is the owner's: whatever is
 * unanswered comes back to it.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { messageOf, RefusalError } from "../core/errors.ts";
import { CONNECT_TIMEOUT_MS, READ_BUFFER_BYTES, RECONNECT_MS } from "../core/limits.ts";
import { MemoryView } from "../core/memory.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { type Address, type Connection, type Network, writeAll } from "../io/network.ts";
import { RunReader } from "../protocol/link_run.ts";
import { INCOMPLETE, INVALID } from "../protocol/progress.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import { encodeRequest } from "../protocol/request_encoder.ts";
import { ReadBudget, ReadBuffer } from "../serving/read_buffer.ts";
import { Answer, type Asker } from "./ask.ts";
import { Handshake } from "./handshake.ts";
import { InFlight, type ReturnedRequest } from "./in_flight.ts";
import type { ReplySink } from "./reply_sink.ts";

const MINUS = 0x2d;

export type LinkState = "away" | "ready" | "refused";

/** Whose link it is. */
export interface LinkOwner {
  /** Makes the far end fit for requests, or rejects: with `RefusalError` when it must not be used. */
  shakeHands(ask: Asker): Promise<void>;
  /** The link has become ready. */
  ready(): void;
  /** The link was lost, and what was unanswered comes back next; or, if it was not ready, it could not be made. */
  lost(wasReady: boolean): void;
  /** Whether the error reply `bytes[start, end)` says that the request was not executed and may be done elsewhere. */
  wasNotExecuted(bytes: Uint8Array, start: number, end: number): boolean;
  /**
   * A request comes back unanswered: refused by `reply`, or, where that is `null`, its connection is gone. The owner
   * sends it again, here or elsewhere, or answers it.
   */
  returned(request: ReturnedRequest, reply: Uint8Array | null): void;
}

export interface LinkOptions {
  readonly address: Address;
  readonly network: Network;
  readonly clock: Clock;
  readonly owner: LinkOwner;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #clock: Clock;
  readonly #owner: LinkOwner;
  readonly #requests = new InFlight();
  #address: Address;
  #connection: Connection | null = null;
  #state: LinkState = "away";
  #cause = "it was not reached yet";
  /** Why the present connection is given up, where that was decided here. */
  #dropCause = "";
  #wasHeard = false;
  #flushQueued = false;
  #writing = false;
  #stopped = false;
  #endPause: (() => void) | null = null;
  #running: Promise<void> = Promise.resolve();
  #waitingForRoom: (() => void)[] = [];
  #waitingForWriteRoom: (() => void)[] = [];
  readonly #flushGathered = () => this.#flush();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#owner = options.owner;
    this.#address = options.address;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Why it is not ready; `""` while it is. */
  get cause(): string {
    return this.#state === "ready" ? "" : this.#cause;
  }

  /** Whether anything came from the far end since this was asked last. */
  takeHeard(): boolean {
    const wasHeard = this.#wasHeard;
    this.#wasHeard = false;
    return wasHeard;
  }

  /** Unanswered requests. */
  get inFlightCount(): number {
    return this.#requests.count;
  }

  /** Whether the far end owes replies. */
  get hasSent(): boolean {
    return this.#requests.hasSent;
  }

  /** Whether requests, or writes, should wait for {@linkcode Link.whenRoom}. */
  isFullFor(isWrite: boolean): boolean {
    return this.#requests.isFullFor(isWrite);
  }

  /** Begins to connect, and keeps at it. */
  start(): void {
    this.#running = this.#run();
  }

  /** Closes the connection; what is unanswered comes back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#endPause?.();
    this.#connection?.close();
    await this.#running;
    this.returnUnsent();
  }

  /** The far end is reached at `address` from now on. */
  moveTo(address: Address): void {
    this.#address = address;
    this.drop("it has moved to another address");
    this.#endPause?.();
  }

  /** Gives up the connection; the next one is made at once, or after a pause where that was lost soon, too. */
  drop(cause: string): void {
    this.#dropCause = cause;
    this.#connection?.close();
  }

  /** Where the bytes of the next request go, followed by {@linkcode Link.added}. */
  get outgoing(): OutputBuffer {
    return this.#requests.gathered;
  }

  /** The bytes that were just appended to {@linkcode Link.outgoing} are a request of RESP; `route` −1 = it has none. */
  added(sink: ReplySink, tag: number, route: number, isWrite: boolean): void {
    this.#requests.add(sink, tag, route, isWrite);
    this.#queueFlush();
  }

  /** Sends a request that came back, from this link or another. */
  resend(request: ReturnedRequest): void {
    this.#requests.addReturned(request);
    this.#queueFlush();
  }

  /** Sends a request and resolves to its reply, which may be an error. */
  ask(args: readonly (string | Uint8Array)[], isWrite: boolean, route = -1): Promise<ReplyValue> {
    const answer = new Answer();
    encodeRequest(this.outgoing, args);
    this.added(answer, 0, route, isWrite);
    return answer.value;
  }

  /** Resolves when {@linkcode Link.isFullFor} may have become false. */
  whenRoom(isWrite: boolean): Promise<void> {
    if (!this.isFullFor(isWrite)) return Promise.resolve();
    const waiting = isWrite ? this.#waitingForWriteRoom : this.#waitingForRoom;
    return new Promise((resolve) => waiting.push(resolve));
  }

  /** What waits for a link that is not ready comes back; while it is ready, nothing waits for long. */
  returnUnsent(): void {
    if (this.#state === "ready") return;
    this.#requests.lose((request) => this.#owner.returned(request, null));
    this.#wake();
  }

  /** Calls `ended` once every present request whose route `isWatched` is answered or has come back. */
  watch(isWatched: (route: number) => boolean, ended: () => void): void {
    this.#requests.watch(isWatched, ended);
  }

  #queueFlush(): void {
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    queueMicrotask(this.#flushGathered);
  }

  #flush(): void {
    this.#flushQueued = false;
    if (this.#state === "ready" && !this.#writing && this.#requests.hasUnsent) this.#write(this.#connection!);
  }

  /** Writes until nothing is left to be written. */
  async #write(connection: Connection): Promise<void> {
    this.#writing = true;
    const requests = this.#requests;
    while (this.#connection === connection && requests.hasUnsent) {
      const chunk = requests.seal();
      const bytes = chunk.output.view();
      try {
        const taken = await connection.write(bytes);
        if (taken < bytes.length) await writeAll(connection, bytes.subarray(taken));
      } catch {
        // The reader of the connection hears of it too, and tells the cause.
        connection.close();
        return;
      }
      requests.written(chunk);
    }
    if (this.#connection === connection) this.#writing = false;
  }

  async #run(): Promise<void> {
    const { network } = this.#options;
    while (!this.#stopped) {
      try {
        this.#dropCause = "";
        const connection = await network.connect(this.#address, CONNECT_TIMEOUT_MS);
        this.#connection = connection;
        if (!this.#stopped && this.#dropCause === "") {
          const handshake = new Handshake(connection, this.#clock);
          await this.#owner.shakeHands((args) => handshake.ask(args));
          handshake.end();
          this.#becomeReady();
          await this.#readReplies(connection);
        }
        this.#lose("it closed the connection", "away");
      } catch (error) {
        this.#lose(messageOf(error), error instanceof RefusalError ? "refused" : "away");
      }
      if (this.#stopped) return;
      await this.#pause(RECONNECT_MS);
    }
  }

  #becomeReady(): void {
    this.#state = "ready";
    this.#cause = "";
    this.#writing = false;
    this.#wasHeard = true;
    this.#owner.ready();
    this.#flush();
  }

  async #readReplies(connection: Connection): Promise<void> {
    const buffer = new ReadBuffer(new ReadBudget(Infinity), READ_BUFFER_BYTES);
    const source = new MemoryView();
    const reader = new RunReader();
    while (buffer.ensureRoom(0)) {
      source.use(buffer.bytes);
      const count = await connection.read(buffer.room());
      if (count === null) return;
      buffer.filled(count);
      this.#wasHeard = true;
      let at = buffer.start;
      while (at < buffer.end) {
        const next = reader.step(buffer.bytes, at, buffer.end);
        if (next === INCOMPLETE) break;
        if (next === INVALID) throw new Error(`it sent what is no reply: ${reader.error}`);
        if (reader.isReply) this.#answer(reader.request, source, at, next);
        at = next;
      }
      buffer.consume(at);
      this.#wakeWhoHasRoom();
    }
  }

  #answer(number: number, source: MemoryView, start: number, end: number): void {
    const { bytes } = source;
    const isReturned = bytes[start] === MINUS && this.#owner.wasNotExecuted(bytes, start, end);
    const isKnown = isReturned
      ? this.#requests.giveBack(
        number,
        (request) => this.#owner.returned(request, bytes.subarray(start, end)),
      )
      : this.#requests.answer(number, source, start, end);
    if (!isKnown) throw new Error(`it answered request ${number}, which it was not asked`);
  }

  #lose(cause: string, state: LinkState): void {
    this.#connection?.close();
    this.#connection = null;
    const wasReady = this.#state === "ready";
    this.#state = state;
    this.#cause = this.#dropCause === "" ? cause : this.#dropCause;
    this.#owner.lost(wasReady);
    if (!wasReady) return;
    this.#requests.lose((request) => this.#owner.returned(request, null));
    this.#wake();
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer: Timer = this.#clock.after(delayMs, resolve);
      this.#endPause = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #wakeWhoHasRoom(): void {
    if (this.#waitingForRoom.length > 0 && !this.isFullFor(false)) wake(this.#waitingForRoom);
    if (this.#waitingForWriteRoom.length > 0 && !this.isFullFor(true)) wake(this.#waitingForWriteRoom);
  }

  #wake(): void {
    wake(this.#waitingForRoom);
    wake(this.#waitingForWriteRoom);
  }
}

function wake(waiting: (() => void)[]): void {
  for (const resolve of waiting.splice(0)) resolve();
}
