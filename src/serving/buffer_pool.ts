/**
 * Buffers of one size, side by side in a few larger arrays. A read needs its buffer for as long as it is pending, so
 * that a thousand clients hold a thousand of them; and to the engine an array is four objects, in four places, which
 * each read has to fetch from memory again once there are too many for the processor's cache. Those that share an array
 * share all but one.
 */
import { assert } from "../core/assert.ts";

/** Buffers to an array. */
const BUFFERS_PER_ARRAY = 128;

export class BufferPool {
  readonly bufferBytes: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  #array = new ArrayBuffer(0);
  /** Bytes of `#array` that were handed out at some time. */
  #usedBytes = 0;

  constructor(bufferBytes: number) {
    this.bufferBytes = bufferBytes;
  }

  /** A buffer with whatever bytes are in it. */
  take(): Uint8Array<ArrayBuffer> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#usedBytes === this.#array.byteLength) {
      this.#array = new ArrayBuffer(this.bufferBytes * BUFFERS_PER_ARRAY);
      this.#usedBytes = 0;
    }
    const buffer = new Uint8Array(this.#array, this.#usedBytes, this.bufferBytes);
    this.#usedBytes += this.bufferBytes;
    return buffer;
  }

  /** For the next who takes one; nobody may read into it any more. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    assert(buffer.length === this.bufferBytes, "a pool gets back what was taken from it");
    this.#free.push(buffer);
  }
}
