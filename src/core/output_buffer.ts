/**
 * A byte buffer that grows by doubling: replies on their way to a socket, records on their way to the log.
 * Writers call {@linkcode OutputBuffer.reserve} first and then write into `bytes` themselves, or use the
 * small methods here, which do both.
 */
import {
  copyBytes,
  copyWords,
  lastSource,
  roundUp,
  SET_BYTES_MIN,
  viewOf,
  WORDS_BYTES_MIN,
} from "./bytes.ts";
import { MIB } from "./limits.ts";
import { copyMemory, type Memory } from "./memory.ts";
import { spareMemory } from "./spare_memory.ts";

/** Room for one thing that is longer than this is not doubled for, but taken in whole units of it. */
const DOUBLED_BYTES_MAX = MIB;
const DIGITS_MAX = 20;
const digits = new Uint8Array(DIGITS_MAX);
const float64 = new Float64Array(1);
const float64Bytes = new Uint8Array(float64.buffer);
const NO_BYTES = new Uint8Array(0);

export class OutputBuffer implements Memory {
  /** The room; only `[0, length)` is written. Changes identity when it grows: never keep it over a reserve. */
  bytes: Uint8Array<ArrayBuffer> = NO_BYTES;
  length = 0;
  readonly #initialBytes: number;
  readonly #givesBack: boolean;
  /** What was written when the buffer was emptied last: as much is expected when it has no room and needs some. */
  #expectedBytes = 0;
  #words: DataView | null = null;

  /**
   * The first `initialBytes` are allocated when the first is written. With `givesBack`, room that is not needed any
   * more is for others to take: then nobody may use what was written once the buffer has grown or was emptied.
   */
  constructor(initialBytes = 256, givesBack = false) {
    this.#initialBytes = initialBytes;
    this.#givesBack = givesBack;
  }

  /** The room as words. */
  get words(): DataView {
    return this.#words ??= viewOf(this.bytes);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed > this.bytes.length) this.#grow(needed);
  }

  /** Empties the buffer, and lets its room go when that is more than `keepBytes`. */
  clear(keepBytes = Infinity): void {
    this.#expectedBytes = this.length;
    this.length = 0;
    if (this.bytes.length > keepBytes) this.#use(NO_BYTES);
  }

  /** Goes on, empty, in the room `bytes`; what is written in the present one is left to whoever views it. */
  moveTo(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.length = 0;
    this.#words = null;
  }

  /** What is written, as a view that is valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Appends `source[start, end)`. */
  copy(source: Uint8Array, start = 0, end = source.length): void {
    const count = end - start;
    this.reserve(count);
    if (count < WORDS_BYTES_MIN || count >= SET_BYTES_MIN) {
      copyBytes(this.bytes, this.length, source, start, end);
    } else copyWords(this.words, this.length, lastSource.of(source), start, end);
    this.length += count;
  }

  /** Appends `source[start, end)`, by words: for what is short and many. */
  append(source: Memory, start: number, end: number): void {
    this.reserve(end - start);
    copyMemory(this, this.length, source, start, end);
    this.length += end - start;
  }

  /** Appends `text`, whose characters are all below 128. */
  ascii(text: string): void {
    this.reserve(text.length);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Appends the decimal digits of an integer with |value| ≤ 2⁵³. */
  decimal(value: number): void {
    this.reserve(DIGITS_MAX);
    const { bytes } = this;
    if (value < 0) {
      bytes[this.length++] = 0x2d;
      value = -value;
    }
    if (value < 10) {
      bytes[this.length++] = 0x30 + value;
      return;
    }
    let count = 0;
    while (value > 0) {
      const rest = Math.floor(value / 10);
      digits[count++] = 0x30 + (value - rest * 10);
      value = rest;
    }
    let at = this.length;
    while (count > 0) bytes[at++] = digits[--count]!;
    this.length = at;
  }

  u16(value: number): void {
    this.reserve(2);
    this.bytes[this.length++] = value;
    this.bytes[this.length++] = value >>> 8;
  }

  u32(value: number): void {
    this.reserve(4);
    const { bytes } = this;
    const at = this.length;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
    this.length = at + 4;
  }

  /** Appends an integer of 0 … 2⁵³ as u64. */
  u64(value: number): void {
    this.u32(value % 0x1_0000_0000);
    this.u32(Math.floor(value / 0x1_0000_0000));
  }

  f64(value: number): void {
    float64[0] = value;
    this.copy(float64Bytes);
  }

  /** Doubles the room until it is at least `needed`. */
  #grow(needed: number): void {
    const isFirst = this.bytes.length === 0;
    const least = isFirst ? Math.max(needed, this.#expectedBytes) : needed;
    let capacity = isFirst ? this.#initialBytes : this.bytes.length * 2;
    while (capacity < least && capacity < DOUBLED_BYTES_MAX) capacity *= 2;
    this.#use(spareMemory.take(capacity < least ? roundUp(least, DOUBLED_BYTES_MAX) : capacity));
  }

  /** Moves what is written to `room`. */
  #use(room: Uint8Array<ArrayBuffer>): void {
    const former = this.bytes;
    if (this.length > 0) room.set(former.subarray(0, this.length));
    this.bytes = room;
    this.#words = null;
    if (this.#givesBack) spareMemory.give(former);
  }
}
