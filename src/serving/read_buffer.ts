/**
 * The buffer that a connection reads into: `bytes[start, end)` has arrived and is not yet consumed. Its size
 * follows the traffic, so that an idle connection costs little and a busy one few reads:
 *
 * - it begins small, and grows fourfold, up to the common size, each time that a read fills it;
 * - when what fills that is large messages it doubles, up to a size that it keeps, within a bound for all connections
 *   together. (Else a message just longer than the buffer would make it grow and shrink each time.) Many small messages
 *   do not make it larger: what one read brings is run in one go, and should not take long;
 * - only a single message that is larger than that makes it grow further, by doubling, and only as its bytes arrive,
 *   whatever length the message announces; all that is taken for such ones is from one shared budget;
 * - once emptied it goes back to what it may keep, and after a run of small reads back to its first.
 */
import { assert } from "../core/assert.ts";
import { roundUp } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import {
  LARGE_MESSAGE_BYTES_MIN,
  LARGE_REQUEST_BYTES_MAX,
  MIB,
  READ_BUFFER_BYTES,
  READ_BUFFER_BYTES_KEEP,
  READ_BUFFER_BYTES_MIN,
  READ_BUFFERS_KEPT_BYTES_MAX,
  REQUEST_SILENCE_MS_MIN,
} from "../core/limits.ts";
import { spareMemory } from "../core/spare_memory.ts";
import { BufferPool } from "./buffer_pool.ts";
import type { Connection } from "../io/network.ts";

/** Reads in a row that would have fitted into the smallest buffer, before it is taken again. */
const SMALL_READS_TO_SHRINK = 64;
/** A buffer grows by this part of it at least. */
const GROWTH_DIVISOR = 4;
const NO_BYTES = new Uint8Array(0);

/** Memory that the buffers of all connections share: a budget for the large ones, a pool for the smallest. */
export class ReadBudget {
  readonly pool = new BufferPool(READ_BUFFER_BYTES_MIN);
  readonly capBytes: number;
  readonly #keptBytesMax: number;
  readonly #clock: Clock | null;
  #usedBytes = 0;
  #keptBytes = 0;
  /** Who holds a large request, and since when nothing of it came, in that order. */
  readonly #silence = new Map<BufferOwner, number>();
  #given = Promise.withResolvers<void>();

  /** Without a clock nobody is dropped to make room for another. */
  constructor(
    capBytes = LARGE_REQUEST_BYTES_MAX,
    keptBytesMax = READ_BUFFERS_KEPT_BYTES_MAX,
    clock: Clock | null = null,
  ) {
    this.capBytes = capBytes;
    this.#keptBytesMax = keptBytesMax;
    this.#clock = clock;
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
    if (bytes === 0) return;
    this.#given.resolve();
    this.#given = Promise.withResolvers();
  }

  /** Bytes of a large request of `owner` came. */
  arrived(owner: BufferOwner): void {
    this.#silence.delete(owner);
    if (this.#clock !== null) this.#silence.set(owner, this.#clock.monotonicMs());
  }

  /** `owner` holds no large request any more. */
  ended(owner: BufferOwner): void {
    this.#silence.delete(owner);
  }

  /**
   * It is used up: drops the one of whose request nothing came for the longest time, if that is a while. Resolves when
   * something was given back; `null` when nobody was dropped.
   */
  relief(): Promise<void> | null {
    for (const [owner, sinceMs] of this.#silence) {
      if (this.#clock!.monotonicMs() - sinceMs < REQUEST_SILENCE_MS_MIN) return null;
      this.#silence.delete(owner);
      const { promise } = this.#given;
      owner.drop();
      return promise;
    }
    return null;
  }

  /** As {@linkcode ReadBudget.take}, for a buffer that does not give them back so soon. */
  keep(bytes: number): boolean {
    if (this.#keptBytes + bytes > this.#keptBytesMax) return false;
    this.#keptBytes += bytes;
    return true;
  }

  giveKept(bytes: number): void {
    assert(bytes <= this.#keptBytes, "a budget gets back what was kept");
    this.#keptBytes -= bytes;
  }
}

/** Whose messages a buffer holds. */
export interface BufferOwner {
  /** Ends the connection now. */
  drop(): void;
}

/** Never in anybody's way. */
const NOBODY: BufferOwner = { drop() {} };

export class ReadBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  start = 0;
  end = 0;
  readonly #budget: ReadBudget;
  readonly #owner: BufferOwner;
  readonly #bytesMin: number;
  /** What of `bytes.length` is kept beyond the common size. */
  #keptBytes = 0;
  /** And what, beyond that, is from the budget for single large messages. */
  #borrowedBytes = 0;
  #smallReads = 0;
  #lastReadFilled = false;

  /** `bytesMin` is the size it begins with, at most the common size. `owner` is dropped when others need the room. */
  constructor(budget: ReadBudget, bytesMin: number = READ_BUFFER_BYTES_MIN, owner: BufferOwner = NOBODY) {
    this.#budget = budget;
    this.#owner = owner;
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
    if (held === 0) this.#settle();
    else if (this.#lastReadFilled && this.#enlarge(Math.max(held, bytesNeeded))) return true;
    else if (held === length) return this.#borrow(bytesNeeded);
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
    if (this.#borrowedBytes > 0) this.#budget.arrived(this.#owner);
    this.#lastReadFilled = this.end === this.bytes.length;
    const smallerBytes = this.#keptBytes > 0 ? READ_BUFFER_BYTES : this.#bytesMin;
    this.#smallReads = count > smallerBytes >>> 1 ? 0 : this.#smallReads + 1;
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

  /** There was no room: whether there may be some soon, see {@linkcode ReadBudget.relief}. */
  relief(): Promise<void> | null {
    return this.#budget.relief();
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
    this.#giveBorrowed();
    this.#giveKept();
    this.#giveBack(this.bytes);
    this.bytes = NO_BYTES;
    this.start = this.end = 0;
  }

  /** Chooses the size of an empty buffer. */
  #settle(): void {
    const { length } = this.bytes;
    if (this.#borrowedBytes > 0) {
      this.#giveBorrowed();
      this.#resize(READ_BUFFER_BYTES + this.#keptBytes);
    } else if (this.#smallReads >= SMALL_READS_TO_SHRINK && length > this.#bytesMin) {
      this.#smallReads = 0;
      this.#resize(this.#keptBytes > 0 ? READ_BUFFER_BYTES : this.#bytesMin);
      this.#giveKept();
    } else if (!this.#lastReadFilled || !this.#enlarge(0)) this.#moveToFront();
  }

  /**
   * A read has filled the buffer, and of that a message that has not all arrived takes `messageBytes`, as far as is
   * known. Whether the buffer is larger from now on.
   */
  #enlarge(messageBytes: number): boolean {
    const { length } = this.bytes;
    if (length < READ_BUFFER_BYTES) {
      this.#resize(Math.min(length * 4, READ_BUFFER_BYTES));
      return true;
    }
    if (messageBytes < LARGE_MESSAGE_BYTES_MIN || messageBytes > READ_BUFFER_BYTES_KEEP) return false;
    if (this.#borrowedBytes > 0 || length * 2 > READ_BUFFER_BYTES_KEEP) return false;
    if (!this.#budget.keep(length)) return false;
    this.#keptBytes += length;
    this.#resize(length * 2);
    return true;
  }

  /** A message fills the buffer: doubles it, or takes about what the message still needs if that is less. */
  #borrow(bytesNeeded: number): boolean {
    const { length } = this.bytes;
    const isKnown = bytesNeeded > length && bytesNeeded < length * 2;
    // What is known may be the next of many arguments: a little more for each of them would be copied over and over.
    const least = isKnown ? Math.max(bytesNeeded, length + length / GROWTH_DIVISOR) : length * 2;
    const larger = roundUp(least, least < MIB ? 1 : READ_BUFFER_BYTES_KEEP);
    if (!this.#budget.take(larger - length)) return false;
    this.#borrowedBytes += larger - length;
    this.#budget.arrived(this.#owner);
    this.#resize(larger);
    return true;
  }

  #giveBorrowed(): void {
    if (this.#borrowedBytes === 0) return;
    const bytes = this.#borrowedBytes;
    this.#borrowedBytes = 0;
    this.#budget.ended(this.#owner);
    this.#budget.give(bytes);
  }

  #giveKept(): void {
    this.#budget.giveKept(this.#keptBytes);
    this.#keptBytes = 0;
  }

  #resize(length: number): void {
    const old = this.bytes;
    this.bytes = this.#allocate(length);
    this.bytes.set(old.subarray(this.start, this.end));
    this.end -= this.start;
    this.start = 0;
    this.#giveBack(old);
  }

  #allocate(length: number): Uint8Array<ArrayBuffer> {
    const { pool } = this.#budget;
    return length === pool.bufferBytes ? pool.take() : spareMemory.take(length);
  }

  #giveBack(bytes: Uint8Array<ArrayBuffer>): void {
    const { pool } = this.#budget;
    if (bytes.length === pool.bufferBytes) pool.give(bytes);
    else spareMemory.give(bytes);
  }

  #moveToFront(): void {
    if (this.start === 0) return;
    this.bytes.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
  }
}
