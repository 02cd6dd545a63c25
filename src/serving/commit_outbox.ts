/**
 * A node's outbox: a queue of runs of replies, each of which may leave once what it shows is committed.
 *
 *     add ─► waiting ──committed──► ready ─► written          an ordinary client: in the order of the requests
 *                └──the log failed──► UNCERTAIN, one for one
 *
 * To an ordinary client replies go in the order of its requests: a run that could leave waits for those before it. On a
 * link, which carries the requests of many clients, a run leaves as soon as it may, whatever was asked before it, with a
 * header that says which requests it answers. All that may leave goes in one write.
 */
import {
  LINK_IN_FLIGHT_MAX,
  OUTBOX_BYTES_MAX,
  OUTBOX_RUN_COUNT_MAX,
  OUTBOX_WRITE_BYTES,
} from "../core/limits.ts";
import { NODE_REPLY_BUDGET_BYTES } from "../core/reply_limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import type { Connection } from "../io/network.ts";
import { RUN_HEADER_BYTES, type RunHeader, writeRunHeader } from "../protocol/link_run.ts";
import { RespReply } from "../protocol/resp_reply.ts";
import { TextReply } from "../protocol/text_reply.ts";
import type { WriteWatch } from "./client_writer.ts";
import { LongReplyMemory } from "./long_reply_memory.ts";
import { Outbox, type OutboxOwner } from "./outbox.ts";
import { ReplyBudget, type ReplyHolder } from "./reply_budget.ts";
import { ReplyBlock, ReplyBuffer } from "./reply_buffer.ts";
import { type ReplyRun, ReplyRunPool, ReplyRunQueue } from "./reply_run.ts";

/** What the outboxes of a process share. */
export class OutboxMemory {
  readonly runs = new ReplyRunPool();
  /** Where what leaves in one write is brought together when it does not lie side by side. */
  readonly gathered = new ReplyBuffer();
  readonly header: RunHeader = { firstRequest: 0, count: 0, byteLength: 0 };
  readonly budget = new ReplyBudget(NODE_REPLY_BUDGET_BYTES);
  readonly long = new LongReplyMemory();
}

export class CommitOutbox extends Outbox implements ReplyHolder {
  /** Whether it is in the list of those that are told of commits. */
  isWatched = false;
  readonly #memory: OutboxMemory;
  readonly #waiting = new ReplyRunQueue();
  readonly #ready = new ReplyRunQueue();
  #isLink = false;
  #runCount = 0;
  #byteLength = 0;
  /** What is being written: the block that it is a part of, how often it is held, and its length. */
  #writingBlock: ReplyBlock | null = null;
  #writingCount = 0;
  #writingBytes = 0;

  constructor(connection: Connection, watch: WriteWatch, owner: OutboxOwner, memory: OutboxMemory) {
    super(connection, watch, owner);
    this.#memory = memory;
    memory.budget.join(this);
  }

  get heldBytes(): number {
    return this.#byteLength;
  }

  /** Whether replies may overtake each other, in runs with headers. */
  get isLink(): boolean {
    return this.#isLink;
  }

  get isFull(): boolean {
    return this.#byteLength >= OUTBOX_BYTES_MAX ||
      this.#runCount >= (this.#isLink ? LINK_IN_FLIGHT_MAX : OUTBOX_RUN_COUNT_MAX);
  }

  get isEmpty(): boolean {
    return this.#byteLength === 0;
  }

  /** Whether nothing waits, nor is being written: what is added now leaves at once. */
  get isIdle(): boolean {
    return this.#byteLength === 0 && !this.isClosed;
  }

  /** Whether replies wait for a commit. */
  get isWaiting(): boolean {
    return this.#waiting.first !== null;
  }

  /** From here on the connection is a link. What was added before is in order still. */
  becomeLink(): void {
    this.#isLink = true;
    // Many clients' replies: none of them is a reason to end it.
    this.#memory.budget.leave(this);
  }

  /** Adds `run`, whose block is held for it. It leaves with the next {@linkcode Outbox.flush} that finds it committed. */
  add(run: ReplyRun): void {
    if (this.isClosed) return this.#give(run);
    this.#runCount++;
    this.#byteLength += run.byteLength;
    const { byteLength } = run;
    if (run.isCommitted && (this.#isLink || this.#waiting.first === null)) this.#ready.push(run);
    else this.#waiting.push(run);
    this.#memory.budget.take(byteLength);
  }

  /** Adds a message that answers no request, behind the replies that are there; the next flush finds it. */
  addPush(message: Uint8Array<ArrayBuffer>): void {
    const run = this.#memory.runs.take();
    run.bytes = message;
    if (this.#isLink) {
      run.bytes = new Uint8Array(RUN_HEADER_BYTES + message.length);
      run.bytes.set(message, RUN_HEADER_BYTES);
      this.#writeHeader(run.bytes, 0, run, message.length);
    }
    run.start = 0;
    run.end = run.bytes.length;
    run.block.hold();
    this.add(run);
  }

  /**
   * Something was committed, or, with `failure`, what waits never will be: then it is replaced by that error, one for
   * each reply; so is what waits for a shard that was lost. A flush follows.
   */
  advance(failure: string): void {
    const waiting = this.#waiting;
    if (this.#isLink) return this.#advanceAny(failure);
    for (let run = waiting.first; run !== null; run = waiting.first) {
      if (!run.isCommitted) {
        const text = failure === "" ? run.lossText : failure;
        if (text === "") return;
        this.#fail(run, text);
      }
      this.#ready.push(waiting.shift()!);
    }
  }

  /** Writes `run`, a committed one that is a part of `block`. Only while the outbox is idle; the run stays the caller's. */
  write({ bytes, start, end }: ReplyRun, block: ReplyBlock): void {
    block.hold();
    this.#writingBlock = block;
    this.#writingCount = 1;
    this.#byteLength = this.#writingBytes = end - start;
    this.begin(bytes.subarray(start, end));
    this.#memory.budget.take(end - start);
  }

  protected take(): Uint8Array<ArrayBuffer> | null {
    const first = this.#ready.shift();
    if (first === null) return null;
    const { bytes, start, block } = first;
    let { end } = first;
    let count = 1;
    this.#memory.runs.give(first);
    for (let next = this.#ready.first; next !== null; next = this.#ready.first) {
      if (next.bytes !== bytes || next.start !== end) break;
      end = next.end;
      count++;
      this.#memory.runs.give(this.#ready.shift()!);
    }
    this.#runCount -= count;
    this.#writingBlock = block;
    this.#writingCount = count;
    this.#writingBytes = end - start;
    if (this.#ready.first !== null && end - start < OUTBOX_WRITE_BYTES) {
      return this.#gather(bytes, start, end);
    }
    return bytes.subarray(start, end);
  }

  protected written(): void {
    const bytes = this.#writingBytes;
    this.#byteLength -= bytes;
    this.#writingBytes = 0;
    this.#writingBlock!.release(this.#writingCount);
    this.#writingBlock = null;
    this.#memory.budget.give(bytes);
  }

  protected discard(): void {
    for (let run = this.#waiting.shift(); run !== null; run = this.#waiting.shift()) this.#give(run);
    for (let run = this.#ready.shift(); run !== null; run = this.#ready.shift()) this.#give(run);
    this.#runCount = 0;
    const bytes = this.#byteLength - this.#writingBytes;
    this.#byteLength = this.#writingBytes;
    this.#memory.budget.leave(this);
    this.#memory.budget.give(bytes);
  }

  /** Brings `bytes[start, end)`, which was taken, together with what is ready behind it. */
  #gather(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
    const { gathered, runs } = this.#memory;
    const { output } = gathered;
    gathered.begin();
    const from = output.length;
    output.copy(bytes, start, end);
    this.#writingBlock!.release(this.#writingCount);
    for (let run = this.#ready.first; run !== null; run = this.#ready.first) {
      if (output.length - from + run.byteLength > OUTBOX_WRITE_BYTES) break;
      output.copy(run.bytes, run.start, run.end);
      run.block.release();
      this.#runCount--;
      runs.give(this.#ready.shift()!);
    }
    gathered.block.hold();
    this.#writingBlock = gathered.block;
    this.#writingCount = 1;
    this.#writingBytes = output.length - from;
    return output.bytes.subarray(from, output.length);
  }

  /** On a link: all that may leave gets ready, in whatever order. */
  #advanceAny(failure: string): void {
    const waiting = this.#waiting;
    let run = waiting.first;
    waiting.clear();
    while (run !== null) {
      const { next } = run;
      if (!run.isCommitted) {
        const text = failure === "" ? run.lossText : failure;
        if (text !== "") this.#fail(run, text);
      }
      if (run.isCommitted) this.#ready.push(run);
      else waiting.push(run);
      run = next;
    }
  }

  /** Replaces the replies of `run` by as many errors. */
  #fail(run: ReplyRun, failure: string): void {
    const output = this.#memory.gathered.output;
    this.#memory.gathered.begin();
    const from = output.length;
    if (this.#isLink) {
      output.reserve(RUN_HEADER_BYTES);
      output.length += RUN_HEADER_BYTES;
    }
    writeErrors(output, failure, run);
    const lengthBefore = run.byteLength;
    run.block.release();
    run.block = this.#memory.gathered.block;
    run.block.hold();
    run.bytes = output.bytes;
    run.start = from;
    run.end = output.length;
    run.position = 0;
    if (this.#isLink) this.#writeHeader(run.bytes, from, run, run.byteLength - RUN_HEADER_BYTES);
    this.#byteLength += run.byteLength - lengthBefore;
    this.#memory.budget.take(run.byteLength - lengthBefore);
  }

  #writeHeader(bytes: Uint8Array, at: number, { firstRequest, count }: ReplyRun, byteLength: number): void {
    const { header } = this.#memory;
    header.firstRequest = firstRequest;
    header.count = count;
    header.byteLength = byteLength;
    writeRunHeader(bytes, at, header);
  }

  #give(run: ReplyRun): void {
    run.block.release();
    this.#memory.runs.give(run);
  }
}

function writeErrors(output: OutputBuffer, text: string, { count, isText }: ReplyRun): void {
  const reply = isText ? new TextReply(output) : new RespReply(output);
  for (let i = 0; i < count; i++) reply.error(text);
}
