/**
 * Large arrays that buffers have given back, for others to take. A new array costs more than the copy it is made for:
 * it is zeroed, page by page the first time, and what the engine counts as allocated makes it collect garbage. With
 * values of 64 kB that was half of all computing.
 *
 * Only lengths that are a power of two, as those of buffers that double, are kept, and only so many bytes in all.
 */
import { KIB, MIB, SPARE_BYTES_MAX } from "./limits.ts";

/** Shorter arrays are made quickly enough, longer ones are too rare. */
const LENGTH_MIN = 128 * KIB;
const LENGTH_MAX = 4 * MIB;
const EXPONENT_MIN = Math.log2(LENGTH_MIN);

export class SpareMemory {
  readonly #capBytes: number;
  /** Arrays of 2ⁱ × `LENGTH_MIN` bytes; the one given back last, which the cache still has, is taken first. */
  readonly #spares: Uint8Array<ArrayBuffer>[][];
  #heldBytes = 0;

  constructor(capBytes = SPARE_BYTES_MAX) {
    this.#capBytes = capBytes;
    this.#spares = Array.from({ length: Math.log2(LENGTH_MAX / LENGTH_MIN) + 1 }, () => []);
  }

  /** Bytes that nobody uses. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** An array of `length` bytes. What is in it is of no meaning. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const spares = this.#sparesOf(length);
    const spare = spares?.pop();
    if (spare === undefined) return new Uint8Array(length);
    this.#heldBytes -= length;
    return spare;
  }

  /** Gives `bytes`, the whole of its memory, back. Nobody may use it any more. */
  give(bytes: Uint8Array<ArrayBuffer>): void {
    const { length } = bytes;
    if (this.#heldBytes + length > this.#capBytes) return;
    const spares = this.#sparesOf(length);
    if (spares === undefined) return;
    spares.push(bytes);
    this.#heldBytes += length;
  }

  #sparesOf(length: number): Uint8Array<ArrayBuffer>[] | undefined {
    if (length < LENGTH_MIN || length > LENGTH_MAX) return undefined;
    return this.#spares[Math.log2(length) - EXPONENT_MIN];
  }
}

/** The one of this thread. */
export const spareMemory = new SpareMemory();
