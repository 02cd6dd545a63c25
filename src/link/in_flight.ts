/**
 * The unanswered requests of one link and their bytes, which are kept until the answer is there so that a request can
 * be sent again, here or elsewhere. Requests are numbered in the order in which they are sent, from 0 with each
 * connection, modulo 2³²; any of them can be answered at any time.
 *
 * Bytes gather in a chunk. A chunk is sealed when it is handed to the connection's `write`: from then on its requests
 * count as sent. A sealed chunk is recycled when the last of its requests is answered and its write is over.
 *
 *     entries (a ring of parallel arrays, indexed by number):   head ─► e . e e . e e e ◄─ tail     . = answered
 *     chunks, in the same order:                                [sealed][sealed][gathering]
 *
 * The ring spans `LINK_IN_FLIGHT_MAX` numbers at most. Where one request waits while so many later ones are answered,
 * it is set apart, so that it holds up nobody.
 *
 * Invariants: the entry at the head is unanswered; only the chunk that gathers is not sealed.
 */
import { assert } from "../core/assert.ts";
import type { Memory } from "../core/memory.ts";
import {
  LINK_BACKLOG_BYTES_HIGH,
  LINK_IN_FLIGHT_MAX,
  LINK_WRITE_BYTES_HIGH,
  LINK_WRITES_IN_FLIGHT_MAX,
  OUTPUT_BYTES_KEEP,
} from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import type { ReplySink } from "./reply_sink.ts";

const ENTRIES_MIN = 256;
const CHUNK_BYTES_MIN = 4096;
const CHUNKS_KEPT_MAX = 4;

/** `meta` of an entry: route + 1 (0 = none), whether it writes, is watched, and, from bit 17 on, how often it was sent in vain. */
const ROUTE_MASK = 0x7fff;
const WRITE_BIT = 0x8000;
const WATCHED_BIT = 0x1_0000;
const ATTEMPT_SHIFT = 17;

export class Chunk {
  readonly output = new OutputBuffer(CHUNK_BYTES_MIN, true);
  /** Requests that are not answered. */
  requestCount = 0;
  sealed = false;
  /** Its write is under way. */
  writing = false;
}

const NO_CHUNK = new Chunk();

/** A request that comes back unanswered: its bytes are `source[start, end)`. The object is used again. */
export interface ReturnedRequest {
  readonly sink: ReplySink;
  readonly tag: number;
  /** By the order in which the requests of its connection were sent, modulo 2³². */
  readonly number: number;
  /** What the sender said of its way, 0 … 2¹⁵ − 2; −1 when it has none. */
  readonly route: number;
  readonly isWrite: boolean;
  /** Sends in vain so far. */
  readonly attempts: number;
  /** Whether the far end may have it. */
  readonly isSent: boolean;
  readonly source: Memory;
  readonly start: number;
  readonly end: number;
}

type Entry = { -readonly [Field in keyof ReturnedRequest]: ReturnedRequest[Field] };

/** A request that was set apart. */
interface Apart {
  readonly sink: ReplySink;
  readonly tag: number;
  readonly meta: number;
  readonly chunk: Chunk;
  readonly begin: number;
  readonly end: number;
}

export class InFlight {
  #sinks: (ReplySink | null)[] = new Array(ENTRIES_MIN).fill(null);
  #chunks: Chunk[] = new Array(ENTRIES_MIN).fill(NO_CHUNK);
  #tags = new Int32Array(ENTRIES_MIN);
  #metas = new Int32Array(ENTRIES_MIN);
  #begins = new Int32Array(ENTRIES_MIN);
  #ends = new Int32Array(ENTRIES_MIN);
  #mask = ENTRIES_MIN - 1;
  /** Number of the oldest entry of the ring. */
  #head = 0;
  /** Numbers from the head to the next one that is given. */
  #span = 0;
  #count = 0;
  /** Of these, those that write, and their bytes. */
  #writeCount = 0;
  #writeBytes = 0;
  #apart = new Map<number, Apart>();
  #gathering = new Chunk();
  /** End of the last request that gathers. */
  #gatheredEnd = 0;
  #spare: Chunk[] = [];
  /** Bytes of sealed chunks. */
  #sealedBytes = 0;
  readonly #returned = {} as Entry;
  /** Requests under {@linkcode InFlight.watch}, and whom to tell when there is none left. */
  #watchedCount = 0;
  #watchEnded: (() => void) | null = null;

  /** Unanswered requests. */
  get count(): number {
    return this.#count;
  }

  /** Where the bytes of the next request go, followed by {@linkcode InFlight.add}. */
  get gathered(): OutputBuffer {
    return this.#gathering.output;
  }

  /** Whether requests wait to be sent. */
  get hasUnsent(): boolean {
    return this.#gathering.requestCount > 0;
  }

  /** Whether the far end owes replies. */
  get hasSent(): boolean {
    return this.#count > this.#gathering.requestCount;
  }

  /** Whether no more, or no more writes, should be added for now: these may have to wait for a disk that is behind. */
  isFullFor(isWrite: boolean): boolean {
    if (
      isWrite &&
      (this.#writeCount >= LINK_WRITES_IN_FLIGHT_MAX || this.#writeBytes >= LINK_WRITE_BYTES_HIGH)
    ) return true;
    return this.#count >= LINK_IN_FLIGHT_MAX ||
      this.#sealedBytes + this.#gathering.output.length >= LINK_BACKLOG_BYTES_HIGH;
  }

  /** The bytes that were just appended to {@linkcode InFlight.gathered} are one request; `route` −1 = none. */
  add(sink: ReplySink, tag: number, route: number, isWrite: boolean): void {
    this.#push(sink, tag, (route + 1) | (isWrite ? WRITE_BIT : 0));
  }

  /** As {@linkcode InFlight.add}, for a request that came back, here or from another link. */
  addReturned(request: ReturnedRequest): void {
    const { sink, tag, route, isWrite, attempts, source, start, end } = request;
    this.#gathering.output.append(source, start, end);
    this.#push(sink, tag, (route + 1) | (isWrite ? WRITE_BIT : 0) | attempts << ATTEMPT_SHIFT);
  }

  /** Takes what has gathered, to be written whole; {@linkcode InFlight.written} follows. */
  seal(): Chunk {
    const chunk = this.#gathering;
    assert(chunk.requestCount > 0, "only what holds requests is sent");
    chunk.sealed = true;
    chunk.writing = true;
    this.#sealedBytes += chunk.output.length;
    this.#gathering = this.#spare.pop() ?? new Chunk();
    return chunk;
  }

  /** The write of `chunk` is over. */
  written(chunk: Chunk): void {
    chunk.writing = false;
    if (chunk.requestCount === 0) this.#recycle(chunk);
  }

  /** Hands the reply to the sink of request `number` and forgets it. False when no such request was sent. */
  answer(number: number, source: Memory, start: number, end: number): boolean {
    const at = this.#indexOf(number);
    if (at < 0) return this.#answerApart(number, source, start, end);
    if (!this.#chunks[at]!.sealed) return false;
    const sink = this.#sinks[at]!;
    const tag = this.#tags[at]!;
    this.#forget(at);
    sink.receive(tag, source, start, end);
    return true;
  }

  /**
   * Request `number` was not executed: it is given to `take`, which may add it again, and forgotten. False when no such
   * request was sent.
   */
  giveBack(number: number, take: (request: ReturnedRequest) => void): boolean {
    const at = this.#indexOf(number);
    const apart = at < 0 ? this.#apart.get(number) : this.#entryAt(at);
    if (apart === undefined || !apart.chunk.sealed) return false;
    // Set apart for as long as it is looked at: what is added meanwhile may move the ring.
    if (at >= 0) {
      this.#apart.set(number, apart);
      this.#sinks[at] = null;
      this.#skipAnswered();
    }
    take(fill(this.#returned, apart, { number, attempts: 1 }));
    // It may have come under watch just now.
    const { chunk, meta } = this.#apart.get(number)!;
    this.#apart.delete(number);
    this.#count--;
    this.#released(chunk, meta, apart.end - apart.begin);
    return true;
  }

  /**
   * The connection is gone, and numbers begin anew. Each request is given to `take`, the oldest first, which may add it
   * again: those that were sent with one more attempt in vain.
   */
  lose(take: (request: ReturnedRequest) => void): void {
    const lost = [...this.#apart];
    for (let i = 0; i < this.#span; i++) {
      const at = (this.#head + i) & this.#mask;
      if (this.#sinks[at] !== null) lost.push([(this.#head + i) >>> 0, this.#entryAt(at)]);
    }
    this.#sinks.fill(null);
    this.#apart.clear();
    this.#head =
      this.#span =
      this.#count =
      this.#writeCount =
      this.#writeBytes =
      this.#sealedBytes =
        0;
    this.#gathering = new Chunk();
    this.#watchedCount = 0;
    const ended = this.#watchEnded;
    this.#watchEnded = null;
    for (const [number, entry] of lost) {
      take(fill(this.#returned, entry, { number, attempts: entry.chunk.sealed ? 1 : 0 }));
    }
    ended?.();
  }

  /** Calls `ended` once every present request whose route `isWatched` is answered or has come back. */
  watch(isWatched: (route: number) => boolean, ended: () => void): void {
    for (const [number, apart] of this.#apart) {
      const meta = this.#watched(apart.meta, isWatched);
      if (meta !== apart.meta) this.#apart.set(number, { ...apart, meta });
    }
    for (let i = 0; i < this.#span; i++) {
      const at = (this.#head + i) & this.#mask;
      if (this.#sinks[at] !== null) this.#metas[at] = this.#watched(this.#metas[at]!, isWatched);
    }
    const former = this.#watchEnded;
    this.#watchEnded = () => {
      former?.();
      ended();
    };
    if (this.#watchedCount === 0) this.#endWatch();
  }

  #watched(meta: number, isWatched: (route: number) => boolean): number {
    if ((meta & WATCHED_BIT) !== 0 || !isWatched((meta & ROUTE_MASK) - 1)) return meta;
    this.#watchedCount++;
    return meta | WATCHED_BIT;
  }

  #endWatch(): void {
    const ended = this.#watchEnded;
    this.#watchEnded = null;
    ended?.();
  }

  #push(sink: ReplySink, tag: number, meta: number): void {
    if (this.#span > this.#mask) this.#makeRoom();
    const at = (this.#head + this.#span) & this.#mask;
    const chunk = this.#gathering;
    const { length } = chunk.output;
    this.#sinks[at] = sink;
    this.#chunks[at] = chunk;
    this.#tags[at] = tag;
    this.#metas[at] = meta;
    const begin = this.#begins[at] = chunk.requestCount === 0 ? 0 : this.#gatheredEnd;
    this.#ends[at] = this.#gatheredEnd = length;
    this.#span++;
    this.#count++;
    chunk.requestCount++;
    if ((meta & WRITE_BIT) === 0) return;
    this.#writeCount++;
    this.#writeBytes += length - begin;
  }

  /** Index of the unanswered request `number` in the ring, or −1. */
  #indexOf(number: number): number {
    if (((number - this.#head) >>> 0) >= this.#span) return -1;
    const at = number & this.#mask;
    return this.#sinks[at] === null ? -1 : at;
  }

  #entryAt(at: number): Apart {
    return {
      sink: this.#sinks[at]!,
      tag: this.#tags[at]!,
      meta: this.#metas[at]!,
      chunk: this.#chunks[at]!,
      begin: this.#begins[at]!,
      end: this.#ends[at]!,
    };
  }

  #answerApart(number: number, source: Memory, start: number, end: number): boolean {
    const apart = this.#apart.get(number);
    if (apart === undefined) return false;
    this.#apart.delete(number);
    this.#count--;
    this.#released(apart.chunk, apart.meta, apart.end - apart.begin);
    apart.sink.receive(apart.tag, source, start, end);
    return true;
  }

  #forget(at: number): void {
    this.#sinks[at] = null;
    this.#count--;
    this.#skipAnswered();
    this.#released(this.#chunks[at]!, this.#metas[at]!, this.#ends[at]! - this.#begins[at]!);
  }

  /** The head moves on to the oldest entry that is unanswered. */
  #skipAnswered(): void {
    while (this.#span > 0 && this.#sinks[this.#head & this.#mask] === null) {
      this.#head = (this.#head + 1) >>> 0;
      this.#span--;
    }
  }

  /** One request of `chunk` is over. */
  #released(chunk: Chunk, meta: number, byteLength: number): void {
    if ((meta & WRITE_BIT) !== 0) {
      this.#writeCount--;
      this.#writeBytes -= byteLength;
    }
    if (--chunk.requestCount === 0) {
      this.#sealedBytes -= chunk.output.length;
      if (!chunk.writing) this.#recycle(chunk);
    }
    if ((meta & WATCHED_BIT) !== 0 && --this.#watchedCount === 0) this.#endWatch();
  }

  #recycle(chunk: Chunk): void {
    chunk.output.clear(OUTPUT_BYTES_KEEP);
    if (this.#spare.length >= CHUNKS_KEPT_MAX) return;
    chunk.sealed = false;
    this.#spare.push(chunk);
  }

  /** Room for one more number: a larger ring, or, when it is as large as it gets, its head set apart. */
  #makeRoom(): void {
    if (this.#mask + 1 < LINK_IN_FLIGHT_MAX) return this.#grow();
    const at = this.#head & this.#mask;
    this.#apart.set(this.#head, this.#entryAt(at));
    this.#sinks[at] = null;
    this.#skipAnswered();
  }

  #grow(): void {
    const size = (this.#mask + 1) * 2;
    const old = {
      sinks: this.#sinks,
      chunks: this.#chunks,
      tags: this.#tags,
      metas: this.#metas,
      begins: this.#begins,
      ends: this.#ends,
      mask: this.#mask,
    };
    this.#sinks = new Array(size).fill(null);
    this.#chunks = new Array(size).fill(NO_CHUNK);
    this.#tags = new Int32Array(size);
    this.#metas = new Int32Array(size);
    this.#begins = new Int32Array(size);
    this.#ends = new Int32Array(size);
    this.#mask = size - 1;
    for (let i = 0; i < this.#span; i++) {
      const from = (this.#head + i) & old.mask;
      const to = (this.#head + i) & this.#mask;
      this.#sinks[to] = old.sinks[from]!;
      this.#chunks[to] = old.chunks[from]!;
      this.#tags[to] = old.tags[from]!;
      this.#metas[to] = old.metas[from]!;
      this.#begins[to] = old.begins[from]!;
      this.#ends[to] = old.ends[from]!;
    }
  }
}

function fill(
  returned: Entry,
  { sink, tag, meta, chunk, begin, end }: Apart,
  { number, attempts }: { readonly number: number; readonly attempts: number },
): ReturnedRequest {
  returned.sink = sink;
  returned.tag = tag;
  returned.number = number;
  returned.route = (meta & ROUTE_MASK) - 1;
  returned.isWrite = (meta & WRITE_BIT) !== 0;
  returned.attempts = (meta >>> ATTEMPT_SHIFT) + attempts;
  returned.isSent = chunk.sealed;
  returned.source = chunk.output;
  returned.start = begin;
  returned.end = end;
  return returned;
}
