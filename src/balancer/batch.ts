/**
 * The replies to the requests of one client that are under way, put into the order of the requests. Each request
 * has a tag, counted from 0. A reply that is next in order goes straight to the output; one that came too early
 * is held in a scratch buffer until those before it are there. When all are there the output is written to the
 * client, and the batch begins anew.
 *
 * Nodes answer in RESP 2. To a client of RESP 2 the bytes go as they are; for RESP 3 only what differs there
 * (missing values, and arrays, which may contain some) is rewritten; for text everything is.
 */
import { assert } from "../core/assert.ts";
import type { Memory } from "../core/memory.ts";
import { OUTPUT_BYTES_KEEP } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { parseReply, type ReplyValue, writeReply } from "../protocol/reply_scanner.ts";
import { type Dialect, DialectWriter, RESP2, RESP3 } from "./dialect.ts";
import type { ReplySink } from "../link/reply_sink.ts";

/** Room for tags at the first request; before that a batch, as that of an idle client, has none of its own. */
const TAGS_MIN = 4;
const NO_DIALECTS = new Uint8Array(0);
const NO_OFFSETS = new Int32Array(0);
const STAR = 0x2a;
const DOLLAR = 0x24;
const MINUS = 0x2d;
/** `starts` of a request whose reply is not held. */
const NOT_HELD = -1;

export class Batch implements ReplySink {
  readonly output = new OutputBuffer(64, true);
  readonly #scratch = new OutputBuffer(16, true);
  readonly #writer: DialectWriter;
  #dialects = NO_DIALECTS;
  #starts = NO_OFFSETS;
  #ends = NO_OFFSETS;
  #count = 0;
  /** The first tag whose reply is not in the output. */
  #next = 0;
  #heldCount = 0;
  #replyBytesMax = 0;
  #resolve: (() => void) | null = null;

  /** `writer` may be shared by all batches of a process. */
  constructor(writer: DialectWriter) {
    this.#writer = writer;
  }

  /** Requests so far. */
  get count(): number {
    return this.#count;
  }

  /** Whether every request has its reply. */
  get isComplete(): boolean {
    return this.#next === this.#count;
  }

  /** Length of the longest reply of this batch. */
  get replyBytesMax(): number {
    return this.#replyBytesMax;
  }

  /** The tag of one more request, whose reply is to be in `dialect`. */
  open(dialect: Dialect): number {
    const tag = this.#count++;
    if (tag === this.#dialects.length) this.#grow();
    this.#dialects[tag] = dialect;
    return tag;
  }

  /** The dialect that request `tag` was opened with. */
  dialectOf(tag: number): Dialect {
    return this.#dialects[tag] as Dialect;
  }

  /** The RESP 2 reply `source[start, end)` to request `tag`, from a node. */
  receive(tag: number, source: Memory, start: number, end: number): void {
    const dialect = this.#dialects[tag]!;
    if (dialect === RESP2 || (dialect === RESP3 && !differsInResp3(source.bytes, start))) {
      this.put(tag, source, start, end);
      return;
    }
    this.answer(tag, parseReply(source.bytes, start, end));
  }

  /** The reply `value` to request `tag`. */
  answer(tag: number, value: ReplyValue): void {
    const output = this.#writer.begin(this.dialectOf(tag));
    writeReply(value, this.#writer.reply);
    this.put(tag, output, 0, output.length);
  }

  /** The reply to request `tag`, as the client gets it. */
  put(tag: number, source: Memory, start: number, end: number): void {
    if (end - start > this.#replyBytesMax) this.#replyBytesMax = end - start;
    if (tag !== this.#next) {
      assert(
        tag > this.#next && tag < this.#count && this.#starts[tag] === NOT_HELD,
        "one reply for a request",
      );
      this.#starts[tag] = this.#scratch.length;
      this.#scratch.append(source, start, end);
      this.#ends[tag] = this.#scratch.length;
      this.#heldCount++;
      return;
    }
    assert(tag < this.#count, "a reply belongs to a request");
    this.output.append(source, start, end);
    this.#next++;
    if (this.#heldCount > 0) this.#release();
    if (this.#next === this.#count && this.#resolve !== null) {
      const resolve = this.#resolve;
      this.#resolve = null;
      resolve();
    }
  }

  /** Resolves when every request has its reply. */
  whenComplete(): Promise<void> {
    if (this.isComplete) return Promise.resolve();
    return new Promise((resolve) => this.#resolve = resolve);
  }

  /** Begins anew; the output was written. */
  clear(): void {
    assert(this.isComplete, "only a complete batch ends");
    this.output.clear(OUTPUT_BYTES_KEEP);
    this.#count = 0;
    this.#next = 0;
    this.#replyBytesMax = 0;
  }

  /** Moves held replies whose turn has come to the output. */
  #release(): void {
    while (this.#next < this.#count && this.#starts[this.#next] !== NOT_HELD) {
      this.output.append(this.#scratch, this.#starts[this.#next]!, this.#ends[this.#next]!);
      this.#starts[this.#next++] = NOT_HELD;
      this.#heldCount--;
    }
    if (this.#heldCount === 0) this.#scratch.clear(OUTPUT_BYTES_KEEP);
  }

  #grow(): void {
    const size = Math.max(TAGS_MIN, this.#dialects.length * 2);
    const dialects = new Uint8Array(size);
    dialects.set(this.#dialects);
    this.#dialects = dialects;
    const starts = new Int32Array(size).fill(NOT_HELD);
    starts.set(this.#starts);
    this.#starts = starts;
    const ends = new Int32Array(size);
    ends.set(this.#ends);
    this.#ends = ends;
  }
}

function differsInResp3(bytes: Uint8Array, start: number): boolean {
  const kind = bytes[start];
  return kind === STAR || (kind === DOLLAR && bytes[start + 1] === MINUS);
}
