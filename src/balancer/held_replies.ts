/**
 * Replies of one client that came before it was their turn, each at the place of its request in a ring: `tag` & mask. They
 * lie one behind the other, in the order of their coming; those that have left are closed up now and then.
 */
import { assert } from "../core/assert.ts";
import { OUTPUT_BYTES_KEEP } from "../core/limits.ts";
import type { Memory } from "../core/memory.ts";
import { OutputBuffer } from "../core/output_buffer.ts";

/** Start of a request whose reply is not held. */
const NOT_HELD = -1;
/** Room is tidied up when it is longer than this, and less than half of it is held. */
const TIDIED_BYTES_MIN = 4096;
const NO_OFFSETS = new Int32Array(0);

export class HeldReplies {
  /** How many there are. */
  count = 0;
  /** Their bytes. */
  byteLength = 0;
  readonly #room = new OutputBuffer(16, true);
  #starts = NO_OFFSETS;
  #ends = NO_OFFSETS;

  /** Keeps the reply `source[start, end)` for the request at place `at`. */
  hold(at: number, source: Memory, start: number, end: number): void {
    assert(this.#starts[at] === NOT_HELD, "one reply for a request");
    this.#starts[at] = this.#room.length;
    this.#room.append(source, start, end);
    this.#ends[at] = this.#room.length;
    this.count++;
    this.byteLength += end - start;
  }

  /** Moves the reply at place `at` to `output`; false when none is held there. */
  release(at: number, output: OutputBuffer): boolean {
    const start = this.#starts[at]!;
    if (start === NOT_HELD) return false;
    output.append(this.#room, start, this.#ends[at]!);
    this.byteLength -= this.#ends[at]! - start;
    this.#starts[at] = NOT_HELD;
    this.count--;
    return true;
  }

  /** Gives back room that is not needed. */
  tidyUp(): void {
    const { length } = this.#room;
    if (this.count === 0) this.#room.clear(OUTPUT_BYTES_KEEP);
    else if (length > TIDIED_BYTES_MIN && length > 2 * this.byteLength) this.#moveTogether();
  }

  /** A larger ring, of `size` places, for the `count` tags from `first` on. */
  resize(size: number, first: number, count: number): void {
    const [starts, ends, mask] = [this.#starts, this.#ends, this.#starts.length - 1];
    this.#starts = new Int32Array(size).fill(NOT_HELD);
    this.#ends = new Int32Array(size);
    for (let i = 0; i < count; i++) {
      this.#starts[(first + i) & (size - 1)] = starts[(first + i) & mask]!;
      this.#ends[(first + i) & (size - 1)] = ends[(first + i) & mask]!;
    }
  }

  /** Forgets what they say; there are as many as before. */
  empty(): void {
    this.#room.clear(0);
    this.byteLength = 0;
    for (let at = 0; at < this.#starts.length; at++) {
      if (this.#starts[at] !== NOT_HELD) this.#starts[at] = this.#ends[at] = 0;
    }
  }

  /** Closes the gaps. */
  #moveTogether(): void {
    const places: number[] = [];
    for (let at = 0; at < this.#starts.length; at++) if (this.#starts[at] !== NOT_HELD) places.push(at);
    // In the order in which they lie, nothing is overwritten that is still to be moved.
    places.sort((one, other) => this.#starts[one]! - this.#starts[other]!);
    let length = 0;
    for (const at of places) {
      const [start, end] = [this.#starts[at]!, this.#ends[at]!];
      this.#room.bytes.copyWithin(length, start, end);
      this.#starts[at] = length;
      length += end - start;
      this.#ends[at] = length;
    }
    this.#room.length = length;
  }
}
