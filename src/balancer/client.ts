/** A client of a balancer: routes every request that has arrived; the replies go to the client's outbox, in order. */
import { MemoryView } from "../core/memory.ts";
import type { Connection } from "../io/network.ts";
import { looksLikeHttp } from "../protocol/http_guard.ts";
import { INCOMPLETE, INVALID, RequestDecoder } from "../protocol/request_decoder.ts";
import { Client, type ServingServices } from "../serving/client.ts";
import type { Caller } from "./caller.ts";
import type { Counters } from "./counters.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Gate } from "./gate.ts";
import { ReplyOutbox } from "./outbox.ts";
import type { OutboxServices } from "./outbox_services.ts";

/** Who has taken all replies before the next requests so often goes on like that. */
const PROMPT_READS_MIN = 8;
const NOT_HTTP = "ERR This port speaks RESP and text lines, not HTTP";

/** What all clients of a balancer share. */
export interface BalancerClientServices extends ServingServices, OutboxServices {
  readonly dispatcher: Dispatcher;
  readonly counters: Counters;
}

export class BalancerClient extends Client implements Caller {
  readonly outbox: ReplyOutbox;
  readonly #balancer: BalancerClientServices;
  readonly #source = new MemoryView();
  readonly #decoder = new RequestDecoder();
  /** Requests routed since the last read. */
  #requestCount = 0;
  /** Reads in a row of which each found that all replies before it were written, as far as it matters. */
  #promptReads = 0;
  /** Whether nothing was read since requests were run last, which is about to go on. */
  #isResumed = false;
  /** Whether it goes on with reading alone. */
  #isPausing = false;

  constructor(connection: Connection, services: BalancerClientServices) {
    super(connection, services);
    this.#balancer = services;
    this.outbox = new ReplyOutbox(connection, this, services);
  }

  protected get bytesNeeded(): number {
    return this.#decoder.bytesNeeded;
  }

  protected runRequests(): Promise<unknown> | undefined {
    const { outbox } = this;
    if (!this.#isResumed) this.#promptReads = outbox.isEmpty ? this.#promptReads + 1 : 0;
    const pending = this.#isPausing ? this.#pause() : this.#run();
    this.#isResumed = pending !== undefined;
    return pending;
  }

  /**
   * Who takes the replies before the next requests is read when they are written: by then more has come, mostly, and a
   * read that finds nothing is polled for, which costs as much as some requests. Whoever goes on before that, or whose
   * replies take long, is read at once.
   */
  #pause(): Promise<void> | undefined {
    const { outbox } = this;
    const isOver = outbox.isEmpty || outbox.isOverdue || this.isOver;
    this.#isPausing = !isOver && this.#promptReads >= PROMPT_READS_MIN;
    return this.#isPausing ? outbox.pause() : undefined;
  }

  #run(): Promise<unknown> | undefined {
    const { outbox } = this;
    const { clock, counters } = this.#balancer;
    this.session.lastActiveMs = clock.monotonicMs();
    outbox.hold();
    const full = this.#route();
    outbox.letGo();
    if (full !== null) return full.whenRoom();
    if (!this.isOver && outbox.isFull) return outbox.changed();
    counters.addCommands(this.#requestCount);
    this.requestsCame(this.#requestCount, this.#decoder.isText);
    this.#requestCount = 0;
    this.#decoder.settle();
    // What one large request took is given back, not held through the wait.
    if (this.#source.bytes.length > this.buffer.bytes.length) this.#source.use(this.buffer.bytes);
    outbox.beginPause();
    return this.#pause();
  }

  protected refuse(text: string): void {
    this.#balancer.dispatcher.refuse(this, this.#decoder, text);
    this.refused();
  }

  /**
   * Routes requests until the input is used up, the outbox is full, or the connection is to be closed. Returns a node
   * that must take requests again before there is more to route, or `null`.
   */
  #route(): Gate | null {
    const { outbox, buffer, session } = this;
    const { dispatcher } = this.#balancer;
    const decoder = this.#decoder;
    const source = this.#source;
    const { bytes } = buffer;
    source.use(bytes);
    while (buffer.start < buffer.end && !outbox.isFull) {
      const { start } = buffer;
      const next = decoder.decode(bytes, start, buffer.end);
      if (next === INCOMPLETE) return null;
      if (next === INVALID) {
        this.refuse(decoder.error);
        return null;
      }
      if (decoder.argumentCount > 0) {
        if (decoder.isLine && looksLikeHttp(decoder)) {
          this.refuse(NOT_HTTP);
          return null;
        }
        const full = dispatcher.dispatch(this, decoder, source, start, next);
        if (full !== null) return full;
        this.#requestCount++;
      }
      buffer.consume(next);
      if (session.wantsClose) {
        this.refused();
        return null;
      }
    }
    return null;
  }
}
