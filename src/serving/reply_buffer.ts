/**
 * Where replies are written to before they leave. All clients of a node share one buffer, which stays in the
 * processor's cache however many clients there are (with a thousand, each having its own cost every request a
 * microsecond). A block of it holds the replies of several batches side by side, because they wait for their commit
 * and are written while the next ones run:
 *
 *     block:  ▓▓ written ▓▓│▒▒ being written ▒▒│▒▒ waits for a sync ▒▒│ the next batch …
 *
 * Once nobody holds a part of it, it is used from its front again. When it is full before that, another block is
 * taken, and the full one comes back once nobody holds a part of it.
 */
import { KIB, OUTPUT_BYTES_KEEP, REPLY_BLOCK_BYTES, REPLY_BLOCK_COUNT_KEPT } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { spareMemory } from "../core/spare_memory.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** First size of a block: beyond what the engine keeps inside of its own heap, and would have to move for a write. */
const BLOCK_BYTES_MIN = KIB;
const NO_BYTES = new Uint8Array(0);

/** Who is told that a block may be used again. */
export interface ReplyBlockOwner {
  /** Nobody holds a part of `block` any more. */
  released(block: ReplyBlock): void;
}

/** When a block grows, what is held of it stays where it was, in bytes that are the block's no more. */
export class ReplyBlock {
  bytes: Bytes = NO_BYTES;
  readonly #owner: ReplyBlockOwner | null;
  #holdCount = 0;

  /** Without an owner it is a block that is never used again. */
  constructor(owner: ReplyBlockOwner | null) {
    this.#owner = owner;
  }

  get isHeld(): boolean {
    return this.#holdCount > 0;
  }

  /** A part of it has to stay as it is … */
  hold(): void {
    this.#holdCount++;
  }

  /** … and `count` parts do not any more. */
  release(count = 1): void {
    this.#holdCount -= count;
    if (this.#holdCount === 0) this.#owner?.released(this);
  }
}

export class ReplyBuffer implements ReplyBlockOwner {
  /** Replies are appended here. */
  readonly output = new OutputBuffer(BLOCK_BYTES_MIN);
  #block = new ReplyBlock(this);
  readonly #free: ReplyBlock[] = [];
  /** While a long reply is made in another's block: the own one, and how much of it is written. */
  #ownBlock: ReplyBlock | null = null;
  #ownLength = 0;

  /** Where what is appended lies. */
  get block(): ReplyBlock {
    return this.#block;
  }

  /** A batch begins: finds room for it. */
  begin(): void {
    if (!this.#block.isHeld) this.#empty();
    else if (this.output.length >= REPLY_BLOCK_BYTES) this.#changeBlocks();
  }

  /** Goes on in `block`, of somebody else, which is held for it, with what was appended from `start` on. */
  borrow(block: ReplyBlock, start: number): void {
    const { output } = this;
    const { bytes } = output;
    const end = output.length;
    if (this.#ownBlock === null) {
      this.#ownBlock = this.#block;
      this.#ownBlock.bytes = bytes;
      this.#ownLength = start;
    } else this.#block.release();
    this.#block = block;
    output.moveTo(block.bytes);
    output.copy(bytes, start, end);
  }

  /** Goes on in the own block, if it does not. */
  giveBack(): void {
    const own = this.#ownBlock;
    if (own === null) return;
    this.#block.release();
    this.#block = own;
    this.#ownBlock = null;
    this.output.moveTo(own.bytes);
    this.output.length = this.#ownLength;
  }

  released(block: ReplyBlock): void {
    if (block === this.#block || block === this.#ownBlock) return;
    if (block.bytes.length > OUTPUT_BYTES_KEEP) spareMemory.give(block.bytes);
    else if (this.#free.length < REPLY_BLOCK_COUNT_KEPT) this.#free.push(block);
  }

  /** Begins the block from its front; a large one is for others to take. */
  #empty(): void {
    const { bytes } = this.output;
    this.output.clear(OUTPUT_BYTES_KEEP);
    if (bytes.length > OUTPUT_BYTES_KEEP) spareMemory.give(bytes);
  }

  #changeBlocks(): void {
    this.#block.bytes = this.output.bytes;
    this.#block = this.#free.pop() ?? new ReplyBlock(this);
    this.output.moveTo(this.#block.bytes);
  }
}
