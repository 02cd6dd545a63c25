/**
 * The buffer that a connection reads into: `bytes[start, end)` has arrived and is not yet consumed. Its size
 * follows the traffic, so that an idle connection costs little and a busy one few reads:
 *
 * - it begins small, and grows fourfold, up to the common size, each time that a read fills it;
 * - only a single message that is larger than the common size makes it grow further, by doubling, and only as
 *   its bytes arrive, whatever length the message announces;
 * - all that buffers hold above the common size is taken from one shared budget;
 * - once emptied it goes back to the common size, and after a run of small reads back to its first.
 */
import { assert } from "../core/assert.ts";
import { LARGE_REQUEST_BYTES_MAX, READ_BUFFER_BYTES, READ_BUFFER_BYTES_MIN } from "../core/limits.ts";
import { BufferShelf } from "./buffer_shelf.ts";
import type { Connection } from "./network.ts";

/** Reads in a row that would have fitted into the smallest buffer, before it is taken again. */
const SMALL_READS_TO_SHRINK = 64;
const NO_BYTES = new Uint8Array(0);

/** Memory that the buffers of all connections share: a budget for the large ones, a shelf for the smallest. */
export class ReadBudget {
  readonly shelf = new BufferShelf(READ_BUFFER_BYTES_MIN);
  readonly capBytes: number;
  #usedBytes = 0;

  constructor(capBytes = LARGE_REQUEST_BYTES_MAX) {
    this.capBytes = capBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Takes `bytes` of it, or nothing and `false` when there is too little left. */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.capBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    assert(bytes <= this.#usedBytes, "a budget gets back what was taken");
    this.#usedBytes -= bytes;
  }
}

export class ReadBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  start = 0;
  end = 0;
  readonly #budget: ReadBudget;
  readonly #bytesMin: number;
  /** What of `bytes.length` is from the budget. */
  #borrowedBytes = 0;
  #smallReads = 0;
  #lastReadFilled = false;

  /** `bytesMin` is the size it begins with, at most the common size. */
  constructor(budget: ReadBudget, bytesMin: number = READ_BUFFER_BYTES_MIN) {
    this.#budget = budget;
    this.#bytesMin = bytesMin;
    this.bytes = this.#allocate(bytesMin);
  }

  /**
   * Makes room for more bytes of the message that begins at `start` and is not yet complete; `bytesNeeded` is its
   * length as far as it is known, or 0. Returns `false` when the budget is used up. The bytes may move to another
   * place and to another array.
   */
  ensureRoom(bytesNeeded: number): boolean {
    const held = this.end - this.start;
    const { length } = this.bytes;
    if (held === length) return this.#grow(bytesNeeded);
    if (held === 0) this.#settle();
    else if (this.#lastReadFilled && length < READ_BUFFER_BYTES) this.#resize(nextLength(length));
    else if (this.end === length || this.start + bytesNeeded > length) this.#moveToFront();
    return true;
  }

  /** Where the next bytes go, for a read; {@linkcode ReadBuffer.ensureRoom} comes before. */
  room(): Uint8Array<ArrayBuffer> {
    assert(this.end < this.bytes.length, "a read needs room");
    return this.end === 0 ? this.bytes : this.bytes.subarray(this.end);
  }

  /** A read has put `count` bytes into {@linkcode ReadBuffer.room}. */
  filled(count: number): void {
    this.end += count;
    this.#lastReadFilled = this.end === this.bytes.length;
    this.#smallReads = count > this.#bytesMin >>> 1 ? 0 : this.#smallReads + 1;
  }

  /**
   * Reads once from `connection`; resolves to the count of new bytes, or `null` when the far end has sent all.
   * {@linkcode ReadBuffer.ensureRoom} comes before.
   */
  async fill(connection: Connection): Promise<number | null> {
    const count = await connection.read(this.room());
    if (count !== null) this.filled(count);
    return count;
  }

  /** What lies before `offset` is done with. */
  consume(offset: number): void {
    if (offset === this.end) {
      this.start = 0;
      this.end = 0;
    } else this.start = offset;
  }

  /** Gives back what is shared. The buffer is not used any more, nor is a read into it under way. */
  release(): void {
    this.#repay();
    this.#giveBack(this.bytes);
    this.bytes = NO_BYTES;
    this.start = this.end = 0;
  }

  /** Chooses the size of an empty buffer. */
  #settle(): void {
    const { length } = this.bytes;
    if (length > READ_BUFFER_BYTES) this.#resize(READ_BUFFER_BYTES);
    else if (this.#lastReadFilled && length < READ_BUFFER_BYTES) this.#resize(nextLength(length));
    else if (this.#smallReads >= SMALL_READS_TO_SHRINK && length > this.#bytesMin) {
      this.#resize(this.#bytesMin);
    } else this.#moveToFront();
  }

  /** The message fills the buffer: doubles it, or takes just what the message still needs if that is less. */
  #grow(bytesNeeded: number): boolean {
    const { length } = this.bytes;
    let larger = length < READ_BUFFER_BYTES ? nextLength(length) : length * 2;
    if (larger > READ_BUFFER_BYTES) {
      if (bytesNeeded > length && bytesNeeded < larger) larger = bytesNeeded;
      const borrowed = larger - READ_BUFFER_BYTES;
      if (!this.#budget.take(borrowed - this.#borrowedBytes)) return false;
      this.#borrowedBytes = borrowed;
    }
    this.#resize(larger);
    return true;
  }

  #resize(length: number): void {
    if (length <= READ_BUFFER_BYTES) this.#repay();
    const old = this.bytes;
    this.bytes = this.#allocate(length);
    this.bytes.set(old.subarray(this.start, this.end));
    this.end -= this.start;
    this.start = 0;
    this.#giveBack(old);
  }

  #repay(): void {
    this.#budget.give(this.#borrowedBytes);
    this.#borrowedBytes = 0;
  }

  #allocate(length: number): Uint8Array<ArrayBuffer> {
    const { shelf } = this.#budget;
    return length === shelf.bufferBytes ? shelf.take() : new Uint8Array(length);
  }

  #giveBack(bytes: Uint8Array<ArrayBuffer>): void {
    const { shelf } = this.#budget;
    if (bytes.length === shelf.bufferBytes) shelf.give(bytes);
  }

  #moveToFront(): void {
    if (this.start === 0) return;
    this.bytes.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
  }
}

/** The size of a buffer of `length` bytes that a read has filled. */
function nextLength(length: number): number {
  return Math.min(length * 4, READ_BUFFER_BYTES);
}
