/**
 * One pool of 56-byte blocks, from which everything in a store is made. Blocks are linked to chains; any block
 * serves any chain, so what one entry leaves every other can use: no external fragmentation, exact accounting.
 *
 * All memory is reserved at once, for the cap. Pages never touched cost nothing, so the process grows only as
 * blocks are used for the first time, and nothing is ever copied to grow.
 *
 * - Block 0 is never handed out: 0 means "none". Its words serve as the sentinel of the LRU list.
 * - Blocks `1 … #highBlock` have been handed out since the last reset; those above hold leftovers or zeroes.
 * - Freed chains form a stack and stay whole: word 0 of a freed chain's first block is the first block of the chain
 *   below it. Freeing is O(1) whatever the length, and a chain that is used again keeps its order, so that values
 *   of one size stay contiguous.
 * - `live + free = #highBlock`, hence the number of free blocks needs no counter.
 *
 * Each block has a mark, a byte that its user may set; 0 in a block just allocated. The marks lie side by side, so
 * that walking storage in order costs a byte per block.
 */
import { assert } from "../core/assert.ts";
import {
  copyShort,
  copyWords,
  equalBytes,
  equalWords,
  lastSource,
  lastTarget,
  SET_BYTES_MIN,
  WORDS_BYTES_MIN,
} from "../core/bytes.ts";
import { type Random, randomBelow } from "../core/random.ts";

/**
 * A multiple of 8, so that doubles are aligned. Small blocks waste less at the end of a chain and more on links; 56
 * is the best of the multiples of 8 for entries of some 50 to 150 bytes, the common kind.
 */
export const BLOCK_BYTES = 56;
export const BLOCK_WORDS = BLOCK_BYTES / 4;
export const BLOCK_DOUBLES = BLOCK_BYTES / 8;
/** What a block costs beside its bytes: its link, its mark. */
export const BLOCK_OVERHEAD_BYTES = 4 + 1;
/** Word of a freed chain's first block: first block of the chain below it on the stack. */
const CHAIN_BELOW_WORD = 0;
/** Random blocks that are tried before the next behind one that has a mark is good enough. */
const RANDOM_TRIES = 64;

assert(BLOCK_BYTES % 8 === 0, "doubles are aligned in every block");

export class Arena {
  /** Blocks that memory is reserved for. */
  readonly blockCount: number;
  /** Every block's data, three times: as bytes, as words, as doubles. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly marks: Uint8Array;
  readonly #view: DataView;
  /** The marks, four at a time. */
  readonly #markWords: Int32Array;
  /** Next block of the chain; 0 at its end. */
  readonly #link: Int32Array;
  #liveCount = 0;
  #highBlock = 0;
  #residentCount = 0;
  #freeTop = 0;

  /** Throws `RangeError` when the system does not grant the memory. */
  constructor(blockCount: number) {
    assert(Number.isInteger(blockCount) && blockCount > 0, "an arena has blocks");
    assert(blockCount < 2 ** 31 - 4, "a block's number is an i32");
    const slots = blockCount + 1;
    // And one block behind the last, which who looks ahead may read.
    const data = new ArrayBuffer((slots + 1) * BLOCK_BYTES);
    const marks = new ArrayBuffer(Math.ceil(slots / 4) * 4);
    this.blockCount = blockCount;
    this.bytes = new Uint8Array(data);
    this.words = new Int32Array(data);
    this.doubles = new Float64Array(data);
    this.#view = new DataView(data);
    this.marks = new Uint8Array(marks);
    this.#markWords = new Int32Array(marks);
    this.#link = new Int32Array(slots);
  }

  /**
   * Whether the chain at `head`, of `count` blocks, is a run: each of them lies behind the one before. Then who knows
   * it need not ask for each block where it is.
   */
  isRun(head: number, count: number): boolean {
    const last = head + count - 1;
    let block = head;
    while (block < last && this.#link[block] === block + 1) block++;
    return block === last;
  }

  /** Blocks in chains that were allocated and not freed. */
  get liveCount(): number {
    return this.#liveCount;
  }

  /** Blocks that were ever used, whose memory the system will not get back. */
  get residentCount(): number {
    return this.#residentCount;
  }

  /** Highest block handed out since the last reset; storage ends behind it. */
  get highBlock(): number {
    return this.#highBlock;
  }

  /** Makes a chain of `count` ≥ 1 blocks, freed ones first, and returns its first block. There must be as many. */
  allocate(count: number): number {
    assert(count > 0 && this.#liveCount + count <= this.blockCount, "there are enough blocks");
    const link = this.#link;
    const words = this.words;
    let top = this.#freeTop;
    let below = words[top * BLOCK_WORDS + CHAIN_BELOW_WORD]!;
    let head = 0;
    let last = 0;
    for (let i = 0; i < count; i++) {
      let block = top;
      if (block === 0) {
        block = ++this.#highBlock;
        this.marks[block] = 0;
      } else {
        top = link[block]!;
        if (top === 0) {
          top = below;
          below = words[top * BLOCK_WORDS + CHAIN_BELOW_WORD]!;
        }
      }
      if (last === 0) head = block;
      else link[last] = block;
      last = block;
    }
    link[last] = 0;
    if (top !== 0) words[top * BLOCK_WORDS + CHAIN_BELOW_WORD] = below;
    this.#freeTop = top;
    this.#liveCount += count;
    if (this.#highBlock > this.#residentCount) this.#residentCount = this.#highBlock;
    return head;
  }

  /** Frees the chain of `count` blocks that begins at `head`, all of it. O(1). */
  free(head: number, count: number): void {
    this.marks[head] = 0;
    this.words[head * BLOCK_WORDS + CHAIN_BELOW_WORD] = this.#freeTop;
    this.#freeTop = head;
    this.#liveCount -= count;
  }

  /**
   * Gives the chain at `head`, of `oldCount` blocks, a length of `newCount`. The first block stays and keeps its
   * content; the content of the others is lost.
   */
  resize(head: number, oldCount: number, newCount: number): void {
    if (oldCount > 1) this.free(this.#link[head]!, oldCount - 1);
    this.#link[head] = newCount > 1 ? this.allocate(newCount - 1) : 0;
  }

  /** Frees everything. O(1). */
  reset(): void {
    this.#liveCount = 0;
    this.#highBlock = 0;
    this.#freeTop = 0;
  }

  /** Copies `source[start, end)` into the chain at `head`, from byte `at` of the chain on. */
  copyIn(head: number, at: number, source: Uint8Array, start: number, end: number): void {
    const link = this.#link;
    let block = this.#blockAt(head, at);
    let byte = block * BLOCK_BYTES + at % BLOCK_BYTES;
    let room = BLOCK_BYTES - at % BLOCK_BYTES;
    while (start < end) {
      const wanted = end - start;
      while (room < wanted && link[block] === block + 1) {
        block++;
        room += BLOCK_BYTES;
      }
      const count = room < wanted ? room : wanted;
      this.#put(byte, source, start, start + count);
      start += count;
      block = link[block]!;
      byte = block * BLOCK_BYTES;
      room = BLOCK_BYTES;
    }
  }

  /** As {@linkcode Arena.copyIn}, for a chain that is a run. */
  copyIntoRun(head: number, at: number, source: Uint8Array, start: number, end: number): void {
    this.#put(head * BLOCK_BYTES + at, source, start, end);
  }

  /** Copies `length` bytes of the chain at `head`, from byte `at` of the chain on, to `target[targetAt, …)`. */
  copyOut(head: number, at: number, target: Uint8Array, targetAt: number, length: number): void {
    const link = this.#link;
    let block = this.#blockAt(head, at);
    let byte = block * BLOCK_BYTES + at % BLOCK_BYTES;
    let room = BLOCK_BYTES - at % BLOCK_BYTES;
    while (length > 0) {
      while (room < length && link[block] === block + 1) {
        block++;
        room += BLOCK_BYTES;
      }
      const count = room < length ? room : length;
      this.#get(byte, target, targetAt, count);
      targetAt += count;
      length -= count;
      block = link[block]!;
      byte = block * BLOCK_BYTES;
      room = BLOCK_BYTES;
    }
  }

  /** As {@linkcode Arena.copyOut}, for a chain that is a run. */
  copyOutOfRun(head: number, at: number, target: Uint8Array, targetAt: number, length: number): void {
    this.#get(head * BLOCK_BYTES + at, target, targetAt, length);
  }

  /** Whether the chain at `head`, from byte `at` on, holds the bytes `other[start, end)`. */
  equals(head: number, at: number, other: Uint8Array, start: number, end: number): boolean {
    if (end - start < WORDS_BYTES_MIN && at + end - start <= BLOCK_BYTES) {
      return equalBytes(other, start, end, this.bytes, head * BLOCK_BYTES + at);
    }
    const view = lastSource.of(other);
    if (at + end - start <= BLOCK_BYTES) {
      return equalWords(view, start, end, this.#view, head * BLOCK_BYTES + at);
    }
    let block = this.#blockAt(head, at);
    let byte = block * BLOCK_BYTES + at % BLOCK_BYTES;
    let room = BLOCK_BYTES - at % BLOCK_BYTES;
    while (start < end) {
      const stop = end - start < room ? end : start + room;
      if (!equalWords(view, start, stop, this.#view, byte)) return false;
      start = stop;
      block = this.#link[block]!;
      byte = block * BLOCK_BYTES;
      room = BLOCK_BYTES;
    }
    return true;
  }

  /** The first block behind `block` that has a mark; 0 when there is none up to `end`. */
  nextMarked(block: number, end: number): number {
    const last = Math.min(end, this.#highBlock);
    const { marks } = this;
    const markWords = this.#markWords;
    for (let next = block + 1; next <= last; next++) {
      if (marks[next] !== 0) return next;
      if ((next & 3) === 3) { while (next + 4 <= last && markWords[(next + 1) >>> 2] === 0) next += 4; }
    }
    return 0;
  }

  /** Some block that has a mark; there is one. */
  randomMarked(random: Random): number {
    for (let i = 0; i < RANDOM_TRIES; i++) {
      const block = 1 + randomBelow(random, this.#highBlock);
      if (this.marks[block] !== 0) return block;
    }
    const next = this.nextMarked(randomBelow(random, this.#highBlock), this.#highBlock);
    return next !== 0 ? next : this.nextMarked(0, this.#highBlock);
  }

  /** Length of the chain at `head`, by walking it. */
  chainLength(head: number): number {
    let length = 0;
    for (let block = head; block !== 0; block = this.#link[block]!) length++;
    return length;
  }

  /** Blocks on the stack of freed chains, by walking them. */
  countFree(): number {
    let count = 0;
    for (let head = this.#freeTop; head !== 0; head = this.words[head * BLOCK_WORDS + CHAIN_BELOW_WORD]!) {
      count += this.chainLength(head);
    }
    return count;
  }

  #put(byte: number, source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (count >= SET_BYTES_MIN) this.bytes.set(source.subarray(start, end), byte);
    else if (count >= WORDS_BYTES_MIN) copyWords(this.#view, byte, lastSource.of(source), start, end);
    else copyShort(this.bytes, byte, source, start, end);
  }

  #get(byte: number, target: Uint8Array, targetAt: number, count: number): void {
    if (count >= SET_BYTES_MIN) target.set(this.bytes.subarray(byte, byte + count), targetAt);
    else if (count >= WORDS_BYTES_MIN) {
      copyWords(lastTarget.of(target), targetAt, this.#view, byte, byte + count);
    } else copyShort(target, targetAt, this.bytes, byte, byte + count);
  }

  /** The block that holds byte `at` of the chain at `head`. */
  #blockAt(head: number, at: number): number {
    let block = head;
    for (let steps = (at / BLOCK_BYTES) | 0; steps > 0; steps--) block = this.#link[block]!;
    return block;
  }
}
