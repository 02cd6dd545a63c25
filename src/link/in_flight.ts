/**
 * The requests of one upstream connection, in the order in which their replies will come, and their bytes, kept
 * until they are answered so that they can be sent again.
 *
 * Bytes gather in a chunk. A chunk is sealed when it is handed to the connection's `write`: from then on its
 * requests count as sent. A sealed chunk is recycled when its last request is answered and its write is over.
 *
 *     entries (a ring of parallel arrays):  head ─► e e e e e e e e e ◄─ tail
 *     chunks, in the same order:            [sealed: e e e][sealed: e e][gathering: e e e e]
 *
 * Invariants: the first chunk holds the head entry; only the last chunk is not sealed, and it always exists.
 */
import { assert } from "../core/assert.ts";
import type { Memory } from "../core/memory.ts";
import { LINK_BACKLOG_BYTES_HIGH, LINK_IN_FLIGHT_MAX, OUTPUT_BYTES_KEEP } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import type { ReplySink } from "./reply_sink.ts";

const ENTRIES_MIN = 256;
const CHUNK_BYTES_MIN = 4096;
const CHUNKS_KEPT_MAX = 4;

/** `meta` of an entry: slot + 1 (0 = none), whether it writes, and how often it was sent in vain. */
const SLOT_MASK = 0x7fff;
const WRITE_BIT = 0x8000;
const ATTEMPT = 0x1_0000;
const ATTEMPT_SHIFT = 16;

export class Chunk {
  readonly output = new OutputBuffer(CHUNK_BYTES_MIN, true);
  /** Requests that are not answered. */
  requestCount = 0;
  /** Where the first of them begins. */
  begin = 0;
  sealed = false;
  /** Its write is under way. */
  writing = false;
}

/** One request taken out of the order, to be answered with an error. */
export interface Dropped {
  readonly sink: ReplySink;
  readonly tag: number;
  readonly slot: number;
  readonly isWrite: boolean;
}

export class InFlight {
  #sinks: (ReplySink | null)[] = new Array(ENTRIES_MIN).fill(null);
  #tags = new Int32Array(ENTRIES_MIN);
  #ends = new Int32Array(ENTRIES_MIN);
  #metas = new Int32Array(ENTRIES_MIN);
  #mask = ENTRIES_MIN - 1;
  #head = 0;
  #count = 0;
  #chunks: Chunk[] = [];
  #gathering = new Chunk();
  #spare: Chunk[] = [];
  /** Bytes of sealed chunks. */
  #sealedBytes = 0;

  constructor() {
    this.#chunks.push(this.#gathering);
  }

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

  /** Whether no more should be added for now. */
  get isFull(): boolean {
    return this.#count >= LINK_IN_FLIGHT_MAX ||
      this.#sealedBytes + this.#gathering.output.length >= LINK_BACKLOG_BYTES_HIGH;
  }

  /** The bytes that were just appended to {@linkcode InFlight.gathered} are one request. `slot` −1 = of no slot. */
  add(sink: ReplySink, tag: number, slot: number, isWrite: boolean): void {
    this.#push(sink, tag, (slot + 1) | (isWrite ? WRITE_BIT : 0));
  }

  /** Takes what has gathered, to be written from `begin` on; {@linkcode InFlight.written} follows. */
  seal(): Chunk {
    const chunk = this.#gathering;
    assert(chunk.requestCount > 0, "only what holds requests is sent");
    chunk.sealed = true;
    chunk.writing = true;
    this.#sealedBytes += chunk.output.length;
    this.#gathering = this.#spare.pop() ?? new Chunk();
    this.#chunks.push(this.#gathering);
    return chunk;
  }

  /** The write of `chunk` is over. */
  written(chunk: Chunk): void {
    chunk.writing = false;
    if (chunk.requestCount === 0) this.#recycle(chunk);
  }

  /** Hands the reply to the head entry's sink and forgets the entry. */
  answerHead(source: Memory, start: number, end: number): void {
    const at = this.#head;
    const sink = this.#sinks[at]!;
    const tag = this.#tags[at]!;
    this.#dropHead();
    sink.receive(tag, source, start, end);
  }

  /** Whether the next reply is one for a request that belongs to a slot. */
  get headSlot(): number {
    return (this.#metas[this.#head]! & SLOT_MASK) - 1;
  }

  /** How often the head entry was sent in vain before. */
  get headAttempts(): number {
    return this.#metas[this.#head]! >>> ATTEMPT_SHIFT;
  }

  /** The head entry was not executed: moves it to the end of what gathers, to be sent again. */
  resendHead(): void {
    const at = this.#head;
    const sink = this.#sinks[at]!;
    const chunk = this.#chunks[0]!;
    this.#gathering.output.append(chunk.output, chunk.begin, this.#ends[at]!);
    this.#push(sink, this.#tags[at]!, this.#metas[at]! + ATTEMPT);
    this.#dropHead();
  }

  /**
   * The connection is gone. What was not sent, and what was sent and may be sent again (reads that were sent fewer
   * than `attemptsMax` times), gathers anew in the same order; everything else is returned.
   */
  lose(attemptsMax: number): Dropped[] {
    const dropped: Dropped[] = [];
    const chunks = this.#chunks;
    const count = this.#count;
    this.#gathering = new Chunk();
    this.#chunks = [this.#gathering];
    this.#count = 0;
    this.#sealedBytes = 0;
    let index = 0;
    for (const chunk of chunks) {
      let begin = chunk.begin;
      for (let left = chunk.requestCount; left > 0; left--, index++) {
        const at = (this.#head + index) & this.#mask;
        const sink = this.#sinks[at]!;
        const tag = this.#tags[at]!;
        const end = this.#ends[at]!;
        let meta = this.#metas[at]!;
        if (chunk.sealed) meta += ATTEMPT;
        if (chunk.sealed && ((meta & WRITE_BIT) !== 0 || meta >>> ATTEMPT_SHIFT >= attemptsMax)) {
          dropped.push(droppedOf(sink, tag, meta));
        } else {
          this.#gathering.output.append(chunk.output, begin, end);
          // What is kept moves towards the head, over entries that were looked at already.
          this.#push(sink, tag, meta);
        }
        begin = end;
      }
    }
    assert(index === count, "every request lies in a chunk");
    return dropped;
  }

  /** Takes out all requests. Only while none is sent. */
  expire(): Dropped[] {
    const dropped: Dropped[] = [];
    while (this.#count > 0) {
      assert(!this.#chunks[0]!.sealed, "only requests that were not sent expire");
      const at = this.#head;
      dropped.push(droppedOf(this.#sinks[at]!, this.#tags[at]!, this.#metas[at]!));
      this.#dropHead();
    }
    return dropped;
  }

  #push(sink: ReplySink, tag: number, meta: number): void {
    if (this.#count > this.#mask) this.#grow();
    const at = (this.#head + this.#count) & this.#mask;
    this.#sinks[at] = sink;
    this.#tags[at] = tag;
    this.#metas[at] = meta;
    this.#ends[at] = this.#gathering.output.length;
    this.#count++;
    this.#gathering.requestCount++;
  }

  #dropHead(): void {
    assert(this.#count > 0, "there is a head");
    const at = this.#head;
    const chunk = this.#chunks[0]!;
    this.#sinks[at] = null;
    chunk.begin = this.#ends[at]!;
    this.#head = (at + 1) & this.#mask;
    this.#count--;
    if (--chunk.requestCount > 0) return;
    if (chunk.sealed) {
      this.#chunks.shift();
      this.#sealedBytes -= chunk.output.length;
      if (!chunk.writing) this.#recycle(chunk);
    } else {
      chunk.output.clear(OUTPUT_BYTES_KEEP);
      chunk.begin = 0;
    }
  }

  #recycle(chunk: Chunk): void {
    chunk.output.clear(OUTPUT_BYTES_KEEP);
    if (this.#spare.length >= CHUNKS_KEPT_MAX) return;
    chunk.begin = 0;
    chunk.sealed = false;
    this.#spare.push(chunk);
  }

  #grow(): void {
    const size = this.#mask + 1;
    const sinks: (ReplySink | null)[] = new Array(size * 2).fill(null);
    for (let i = 0; i < size; i++) sinks[i] = this.#sinks[(this.#head + i) & this.#mask]!;
    this.#sinks = sinks;
    this.#tags = this.#unrolled(this.#tags, new Int32Array(size * 2));
    this.#ends = this.#unrolled(this.#ends, new Int32Array(size * 2));
    this.#metas = this.#unrolled(this.#metas, new Int32Array(size * 2));
    this.#head = 0;
    this.#mask = size * 2 - 1;
  }

  #unrolled(from: Int32Array<ArrayBuffer>, to: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
    to.set(from.subarray(this.#head));
    to.set(from.subarray(0, this.#head), from.length - this.#head);
    return to;
  }
}

function droppedOf(sink: ReplySink, tag: number, meta: number): Dropped {
  return { sink, tag, slot: (meta & SLOT_MASK) - 1, isWrite: (meta & WRITE_BIT) !== 0 };
}
