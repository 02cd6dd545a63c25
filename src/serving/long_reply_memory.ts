/**
 * Memory for the long replies of all clients of a node, one array, of which each has a part for as long as it is not
 * written. Who finds no room waits, in turn; so a node makes no more long replies than fit, whoever asks and does not read.
 *
 *     0 ▓▓▓▓▓▓▓▓ a reply ▓▓▓▓│░░ free ░░│▓▓▓ another ▓▓▓│░░ free ░░╎  never used: no memory of the machine yet  │ end
 *
 * A part is taken as near to the front as it fits, so that memory is used again: the first touch of each page of a new
 * array costs more than all copying. What was never used is touched in steps, between which others are served, before
 * whoever waits for it gets it.
 */
import type { Clock } from "../core/clock.ts";
import { KIB } from "../core/limits.ts";
import { LONG_REPLIES_BYTES, LONG_REPLY_FRAMING_BYTES } from "../core/reply_limits.ts";
import { inSteps } from "../core/steps.ts";
import { ReplyBlock, type ReplyBlockOwner } from "./reply_buffer.ts";

const PAGE_BYTES = 4 * KIB;
/** Touched between two looks at the clock. */
const TOUCH_BYTES = 16 * KIB;
const NO_BYTES = new Uint8Array(0);

interface Waiting {
  readonly length: number;
  readonly resolve: (block: ReplyBlock) => void;
}

export class LongReplyMemory implements ReplyBlockOwner {
  readonly #capBytes: number;
  /** Made when the first part is taken. */
  #bytes = NO_BYTES;
  /** Parts in use, in their order. */
  readonly #blocks: ReplyBlock[] = [];
  readonly #waiting: Waiting[] = [];
  /** What lies before it was used. */
  #touchedBytes = 0;
  /** Resolves when the last step of touching is done: one at a time, since each takes a millisecond of everybody's. */
  #touched: Promise<void> = Promise.resolve();

  constructor(capBytes = LONG_REPLIES_BYTES) {
    this.#capBytes = capBytes;
  }

  /** Room for a reply whose values have `bytes`, held for the caller; `null` when he has to wait. */
  take(bytes: number): ReplyBlock | null {
    const length = this.#lengthFor(bytes);
    if (this.#waiting.length > 0) return null;
    const index = this.#indexFor(length);
    if (index < 0 || this.#endBefore(index) + length > this.#touchedBytes) return null;
    return this.#place(index, length);
  }

  /** As {@linkcode LongReplyMemory.take}, in turn. */
  async whenRoom(bytes: number, clock: Clock): Promise<ReplyBlock> {
    const length = this.#lengthFor(bytes);
    const block = await new Promise<ReplyBlock>((resolve) => {
      this.#waiting.push({ length, resolve });
      this.#passOn();
    });
    const end = block.bytes.byteOffset + block.bytes.length;
    this.#touched = this.#touched.then(() => inSteps(clock, () => this.#touch(end)));
    await this.#touched;
    return block;
  }

  released(block: ReplyBlock): void {
    this.#blocks.splice(this.#blocks.indexOf(block), 1);
    this.#passOn();
  }

  /** What is longer than all there is gets all there is. */
  #lengthFor(bytes: number): number {
    return Math.min(bytes + LONG_REPLY_FRAMING_BYTES, this.#capBytes);
  }

  #passOn(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const index = this.#indexFor(next.length);
      if (index < 0) return;
      this.#waiting.shift();
      next.resolve(this.#place(index, next.length));
    }
  }

  /** Before which block there is room for `length` bytes; −1 when there is none. */
  #indexFor(length: number): number {
    const { length: count } = this.#blocks;
    for (let index = 0; index <= count; index++) {
      const end = index < count ? this.#blocks[index]!.bytes.byteOffset : this.#capBytes;
      if (end - this.#endBefore(index) >= length) return index;
    }
    return -1;
  }

  /** Where the block before that of `index` ends. */
  #endBefore(index: number): number {
    if (index === 0) return 0;
    const { byteOffset, length } = this.#blocks[index - 1]!.bytes;
    return byteOffset + length;
  }

  #place(index: number, length: number): ReplyBlock {
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(this.#capBytes);
    const start = this.#endBefore(index);
    const block = new ReplyBlock(this);
    block.bytes = this.#bytes.subarray(start, start + length);
    block.hold();
    this.#blocks.splice(index, 0, block);
    return block;
  }

  /** Touches some of what was never used; true when all before `end` was. Nobody has got what lies behind that. */
  #touch(end: number): boolean {
    const stop = Math.min(end, this.#touchedBytes + TOUCH_BYTES);
    for (let at = this.#touchedBytes; at < stop; at += PAGE_BYTES) this.#bytes[at] = 0;
    if (stop > this.#touchedBytes) this.#touchedBytes = stop;
    return this.#touchedBytes >= end;
  }
}
