/**
 * One pipelined connection to a node, kept up for as long as the balancer runs. Requests that meet in one turn of
 * the event loop leave in one write; while a write is under way the next one gathers.
 *
 *     away ──connect, greet──► ready ──connection lost──► away
 *       └──greeting refused──► refused ──(connect, greet again)──► …
 *
 * What becomes of requests when the connection is lost:
 *
 * | request                               | its way                                        |
 * |---------------------------------------|------------------------------------------------|
 * | not sent                              | sent after reconnecting                        |
 * | a read, sent                          | sent again, `SEND_ATTEMPTS_MAX` times in all   |
 * | a write, sent                         | `UNCERTAIN`                                    |
 * | any, its node is away so long         | `CLUSTERDOWN`, once that is `RETRY_DEADLINE_MS` |
 * | its node was refused                  | `CLUSTERDOWN` at once                          |
 *
 * A reply `MOVED` or `CLUSTERDOWN` from the node itself says that it did not execute the request because it knows
 * another topology: it is given ours, and then the request again.
 */
import { bytesOf, equalBytes, textOf } from "../core/bytes.ts";
import { type Memory, MemoryView } from "../core/memory.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { messageOf, RefusalError } from "../core/errors.ts";
import {
  CONNECT_TIMEOUT_MS,
  READ_BUFFER_BYTES,
  RECONNECT_MS_MAX,
  RECONNECT_MS_MIN,
  RETRY_DEADLINE_MS,
  SEND_ATTEMPTS_MAX,
} from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import { type Address, addressText, type Connection, type Network, writeAll } from "../io/network.ts";
import { ReadBudget, ReadBuffer } from "../serving/read_buffer.ts";
import { INCOMPLETE, INVALID, ReplyScanner, type ReplyValue } from "../protocol/reply_scanner.ts";
import type { Request } from "../protocol/request.ts";
import { encodeDecoded, encodeRequest } from "../protocol/request_encoder.ts";
import { Answer, type Asker } from "./ask.ts";
import { Conversation } from "./conversation.ts";
import { type Dropped, InFlight } from "./in_flight.ts";
import type { ReplySink } from "./reply_sink.ts";

const LOOK_MS = 100;
/** A node that owes replies and has sent nothing for this long is taken for lost. */
const SILENCE_MS_MAX = 10_000;
const MINUS = 0x2d;
const MOVED = bytesOf("-MOVED ");
const CLUSTERDOWN = bytesOf("-CLUSTERDOWN ");

export type UpstreamState = "away" | "ready" | "refused";

/** The one who knows the topology, and so who may serve. */
export interface Greeter {
  /** Makes the node fit for requests, or rejects: with `RefusalError` when it must not serve. */
  greet(ask: Asker): Promise<void>;
  /** The present topology as JSON. */
  topologyText(): string;
}

export interface UpstreamOptions {
  readonly address: Address;
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly greeter: Greeter;
  /** Requests may take as long as they like, as a dump does. */
  readonly patient?: boolean;
}

export class Upstream {
  /** `host:port`. */
  readonly name: string;
  readonly #options: UpstreamOptions;
  readonly #clock: Clock;
  readonly #queue = new InFlight();
  #connection: Connection | null = null;
  #state: UpstreamState = "away";
  #cause = "it was not reached yet";
  /** Since when it is not ready. */
  #awaySinceMs: number;
  /** What the log knows. */
  #told = "";
  #flushQueued = false;
  #writing = false;
  #pushing = false;
  #stopped = false;
  #silentLooks = 0;
  #watch: Timer | null = null;
  #endPause: (() => void) | null = null;
  #running: Promise<void> = Promise.resolve();
  /** Who waits for room, and who for the node. */
  #waiting: (() => void)[] = [];
  #waitingToServe: (() => void)[] = [];
  readonly #flushGathered = () => this.#flush();

  constructor(options: UpstreamOptions) {
    this.name = addressText(options.address);
    this.#options = options;
    this.#clock = options.clock;
    this.#awaySinceMs = options.clock.monotonicMs();
  }

  get state(): UpstreamState {
    return this.#state;
  }

  /** Why it is not ready; `""` while it is. */
  get cause(): string {
    return this.#state === "ready" ? "" : this.#cause;
  }

  /** Unanswered requests. */
  get inFlightCount(): number {
    return this.#queue.count;
  }

  /** Whether requests should wait for {@linkcode Upstream.whenRoom}. */
  get isFull(): boolean {
    return this.#queue.isFull;
  }

  /** Begins to connect, and keeps at it. */
  start(): void {
    this.#watch = this.#clock.every(LOOK_MS, () => this.#look());
    this.#running = this.#run();
  }

  /** Closes the connection; what is unanswered gets an error. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watch?.cancel();
    this.#endPause?.();
    this.#connection?.close();
    await this.#running;
    this.#expire();
    for (const resolve of this.#waitingToServe.splice(0)) resolve();
  }

  /** Resolves when the node can serve, or when the upstream was stopped. */
  whenReady(): Promise<void> {
    if (this.#state === "ready" || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => this.#waitingToServe.push(resolve));
  }

  /** Resolves when {@linkcode Upstream.isFull} may have become false. */
  whenRoom(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends the RESP request `source[start, end)`. `slot` is −1 when it has none. */
  sendRaw(
    sink: ReplySink,
    tag: number,
    slot: number,
    isWrite: boolean,
    source: Memory,
    start: number,
    end: number,
  ): void {
    this.#queue.gathered.append(source, start, end);
    this.#added(sink, tag, slot, isWrite);
  }

  /** Sends a decoded request, encoded as RESP. */
  sendDecoded(sink: ReplySink, tag: number, slot: number, isWrite: boolean, request: Request): void {
    encodeDecoded(this.#queue.gathered, request);
    this.#added(sink, tag, slot, isWrite);
  }

  /** Sends a request and resolves to its reply, which may be an error. */
  ask(args: readonly (string | Uint8Array)[], isWrite: boolean, slot = -1): Promise<ReplyValue> {
    const answer = new Answer();
    encodeRequest(this.#queue.gathered, args);
    this.#added(answer, 0, slot, isWrite);
    return answer.value;
  }

  /** Gives the node the present topology; a node that does not take it is greeted anew. */
  async pushTopology(): Promise<void> {
    if (this.#state !== "ready" || this.#pushing) return;
    this.#pushing = true;
    const connection = this.#connection;
    const reply = await this.ask(["ROUNDEL", "TOPOLOGY", this.#options.greeter.topologyText()], false);
    this.#pushing = false;
    if (reply.kind === "error") connection?.close();
  }

  /** Drops the connection, so that the node is greeted anew. */
  reconnect(): void {
    this.#connection?.close();
  }

  #added(sink: ReplySink, tag: number, slot: number, isWrite: boolean): void {
    this.#queue.add(sink, tag, slot, isWrite);
    if (this.#state !== "ready" && !this.#isAwaited()) this.#expire();
    else if (!this.#flushQueued) {
      this.#flushQueued = true;
      queueMicrotask(this.#flushGathered);
    }
  }

  #flush(): void {
    this.#flushQueued = false;
    if (this.#state === "ready" && !this.#writing && this.#queue.hasUnsent) this.#write(this.#connection!);
  }

  /** Writes until nothing is left to be written. */
  async #write(connection: Connection): Promise<void> {
    this.#writing = true;
    const queue = this.#queue;
    while (this.#connection === connection && queue.hasUnsent) {
      const chunk = queue.seal();
      const { output, begin } = chunk;
      const requests = output.bytes.subarray(begin, output.length);
      try {
        const taken = await connection.write(requests);
        if (taken < requests.length) await writeAll(connection, requests.subarray(taken));
      } catch {
        // The reader of the connection hears of it too, and tells the cause.
        connection.close();
        return;
      }
      queue.written(chunk);
    }
    if (this.#connection === connection) this.#writing = false;
  }

  async #run(): Promise<void> {
    const { network, address, greeter } = this.#options;
    let pauseMs = RECONNECT_MS_MIN;
    while (!this.#stopped) {
      try {
        const connection = await network.connect(address, CONNECT_TIMEOUT_MS);
        this.#connection = connection;
        if (!this.#stopped) {
          const conversation = new Conversation(connection, this.#clock);
          await greeter.greet((args) => conversation.ask(args));
          pauseMs = RECONNECT_MS_MIN;
          this.#becomeReady();
          await this.#readReplies(connection);
        }
        this.#lose("it closed the connection", "away");
      } catch (error) {
        this.#lose(messageOf(error), error instanceof RefusalError ? "refused" : "away");
      }
      if (this.#stopped) return;
      await this.#pause(pauseMs);
      pauseMs = Math.min(pauseMs * 2, RECONNECT_MS_MAX);
    }
  }

  #becomeReady(): void {
    this.#options.logger.info("node is ready", { node: this.name });
    this.#state = "ready";
    this.#told = "ready";
    this.#cause = "";
    this.#silentLooks = 0;
    this.#writing = false;
    for (const resolve of this.#waitingToServe.splice(0)) resolve();
    this.#flush();
  }

  async #readReplies(connection: Connection): Promise<void> {
    const buffer = new ReadBuffer(new ReadBudget(Infinity), READ_BUFFER_BYTES);
    const source = new MemoryView();
    const scanner = new ReplyScanner();
    while (buffer.ensureRoom(0)) {
      source.use(buffer.bytes);
      const count = await connection.read(buffer.room());
      if (count === null) return;
      buffer.filled(count);
      this.#silentLooks = 0;
      let at = buffer.start;
      while (at < buffer.end) {
        const next = scanner.scan(buffer.bytes, at, buffer.end);
        if (next === INCOMPLETE) break;
        if (next === INVALID) throw new Error(`it sent what is no reply: ${scanner.error}`);
        if (this.#queue.count === 0) throw new Error("it sent a reply to no request");
        this.#answer(source, at, next);
        at = next;
      }
      buffer.consume(at);
      if (this.#waiting.length > 0 && !this.isFull) this.#wake();
    }
  }

  #answer(source: Memory, start: number, end: number): void {
    const queue = this.#queue;
    const { bytes } = source;
    if (bytes[start] === MINUS && queue.headSlot >= 0 && wasNotExecuted(bytes, start, end)) {
      if (queue.headAttempts + 1 < SEND_ATTEMPTS_MAX) {
        this.pushTopology();
        queue.resendHead();
        this.#flush();
        return;
      }
      const text = `CLUSTERDOWN The node ${this.name} does not serve slot ${queue.headSlot}: ` +
        textOf(bytes, start + 1, end - 2);
      const error = bytesOf(`-${text}\r\n`);
      queue.answerHead(new MemoryView(error), 0, error.length);
      return;
    }
    queue.answerHead(source, start, end);
  }

  #lose(cause: string, state: UpstreamState): void {
    const { logger } = this.#options;
    this.#connection?.close();
    this.#connection = null;
    // Once for a change: how it cannot be reached may differ from try to try, why it is refused matters.
    const told = state === "refused" ? cause : state;
    if (!this.#stopped && this.#told !== told) {
      this.#told = told;
      const fields = { node: this.name, cause };
      if (state === "refused") logger.error("node is refused", fields);
      else logger.warn("node cannot be reached", fields);
    }
    if (this.#state === "ready") this.#awaySinceMs = this.#clock.monotonicMs();
    this.#state = state;
    this.#cause = cause;
    for (const dropped of this.#queue.lose(SEND_ATTEMPTS_MAX)) {
      reject(dropped, dropped.isWrite ? this.#uncertain() : this.#unreachable(dropped.slot));
    }
    if (state === "refused") this.#expire();
    this.#wake();
  }

  /** Whether requests may hope for the node, which is not ready. */
  #isAwaited(): boolean {
    return this.#state === "away" && !this.#stopped &&
      this.#clock.monotonicMs() - this.#awaySinceMs < RETRY_DEADLINE_MS;
  }

  /** Answers with an error what waits for the node. */
  #expire(): void {
    for (const dropped of this.#queue.expire()) reject(dropped, this.#unreachable(dropped.slot));
    this.#wake();
  }

  #uncertain(): string {
    return `UNCERTAIN The node ${this.name} went away before it answered; ` +
      "the write may or may not have been applied";
  }

  #unreachable(slot: number): string {
    const keeps = slot < 0 ? "" : ` that keeps slot ${slot}`;
    return `CLUSTERDOWN The node ${this.name}${keeps} cannot be reached: ${this.#cause}`;
  }

  /** The regular look for requests that wait too long and for nodes that owe replies. */
  #look(): void {
    if (this.#state !== "ready") {
      if (this.#queue.count > 0 && !this.#isAwaited()) this.#expire();
      return;
    }
    if (this.#queue.count === 0 || this.#options.patient === true) this.#silentLooks = 0;
    else if (++this.#silentLooks > SILENCE_MS_MAX / LOOK_MS) this.reconnect();
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(delayMs, resolve);
      this.#endPause = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function wasNotExecuted(bytes: Uint8Array, start: number, end: number): boolean {
  return startsWith(bytes, start, end, MOVED) || startsWith(bytes, start, end, CLUSTERDOWN);
}

function startsWith(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  return end - start >= word.length && equalBytes(word, 0, word.length, bytes, start);
}

function reject(dropped: Dropped, text: string): void {
  const error = bytesOf(`-${text.replace(/[\r\n]+/g, " ")}\r\n`);
  dropped.sink.receive(dropped.tag, new MemoryView(error), 0, error.length);
}
