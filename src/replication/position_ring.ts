/**
 * Where in the node's log the newest mutations of a shard lie, by their sequence: those that not every counted member has
 * acknowledged yet. It grows with what is kept, which `UNACKNOWLEDGED_MAX` and `UNACKNOWLEDGED_BYTES_MAX` bound but for
 * one batch of requests.
 */
import { assert } from "../core/assert.ts";
import type { Position } from "../core/mutation.ts";

/** A power of two. */
const FIRST_LENGTH = 1_024;

export class PositionRing {
  #positions = new Float64Array(FIRST_LENGTH);
  /** Index of the oldest one that is kept, and its sequence. */
  #head = 0;
  #first: number;
  #count = 0;

  /** Nothing is kept, and what comes next follows `sequence`. */
  constructor(sequence: number) {
    this.#first = sequence + 1;
  }

  get count(): number {
    return this.#count;
  }

  /** Sequence of the newest mutation, kept or not. */
  get last(): number {
    return this.#first + this.#count - 1;
  }

  /** Position of the oldest one that is kept; `Infinity` when none is. */
  get firstPosition(): Position {
    return this.#count === 0 ? Infinity : this.#positions[this.#head]!;
  }

  /** Bytes of the log from the oldest one that is kept to the newest, whatever shards they are of. */
  get spanBytes(): number {
    if (this.#count === 0) return 0;
    return this.#positions[(this.#head + this.#count - 1) & (this.#positions.length - 1)]! -
      this.firstPosition;
  }

  /** The next mutation lies before `position`. */
  push(position: Position): void {
    if (this.#count === this.#positions.length) this.#grow();
    this.#positions[(this.#head + this.#count++) & (this.#positions.length - 1)] = position;
  }

  /** The next mutation need not be kept. Only while none is. */
  skip(): void {
    assert(this.#count === 0, "nothing is kept behind a gap");
    this.#first++;
  }

  /** Those up to `sequence` are kept no more. */
  dropThrough(sequence: number): void {
    const dropped = Math.min(sequence - this.#first + 1, this.#count);
    if (dropped <= 0) return;
    this.#head = (this.#head + dropped) & (this.#positions.length - 1);
    this.#first += dropped;
    this.#count -= dropped;
  }

  #grow(): void {
    const { length } = this.#positions;
    const positions = new Float64Array(2 * length);
    for (let i = 0; i < length; i++) positions[i] = this.#positions[(this.#head + i) & (length - 1)]!;
    this.#positions = positions;
    this.#head = 0;
  }
}
