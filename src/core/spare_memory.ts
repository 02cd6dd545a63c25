/**
 * Large arrays that buffers have given back, for others to take. A new array costs more than the copy it is made for:
 * it is zeroed, page by page the first time, and what the engine counts as allocated makes it collect garbage. With
 * values of 64 kB that was half of all computing.
 *
 * Only arrays of whole units are kept, and only so many bytes in all: what is given back last counts most, so when there
 * is no room for it all others are let go.
 */
import { KIB, MIB, SPARE_BYTES_MAX } from "./limits.ts";

/** Shorter arrays are made quickly enough, longer ones are too rare. */
const UNIT_BYTES = 128 * KIB;
const LENGTH_MAX = 9 * MIB;

export class SpareMemory {
  readonly #capBytes: number;
  /** By their lengths in units; of those that are alike the one given back last, which the cache still has, is taken first. */
  readonly #spares: Uint8Array<ArrayBuffer>[][] = [];
  #heldBytes = 0;

  constructor(capBytes = SPARE_BYTES_MAX) {
    this.#capBytes = capBytes;
  }

  /** Bytes that nobody uses. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** An array of `length` bytes. What is in it is of no meaning. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const spare = isKept(length) ? this.#spares[length / UNIT_BYTES]?.pop() : undefined;
    if (spare === undefined) return new Uint8Array(length);
    this.#heldBytes -= length;
    return spare;
  }

  /** Gives `bytes`, the whole of its memory, back. Nobody may use it any more. */
  give(bytes: Uint8Array<ArrayBuffer>): void {
    const { length } = bytes;
    if (!isKept(length) || length > this.#capBytes) return;
    if (this.#heldBytes + length > this.#capBytes) this.#letGo();
    (this.#spares[length / UNIT_BYTES] ??= []).push(bytes);
    this.#heldBytes += length;
  }

  #letGo(): void {
    this.#spares.length = 0;
    this.#heldBytes = 0;
  }
}

function isKept(length: number): boolean {
  return length >= UNIT_BYTES && length <= LENGTH_MAX && length % UNIT_BYTES === 0;
}

/** The one of this thread. */
export const spareMemory = new SpareMemory();
