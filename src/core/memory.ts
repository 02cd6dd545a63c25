/**
 * Memory that is seen both ways: as bytes, to be read, and as words, to be copied. For copies that are short and
 * many, from one of a few arrays to one of a few others, which keep their views, so that none is made for a copy.
 */
import { copyWords, SET_BYTES_MIN, viewOf } from "./bytes.ts";

export interface Memory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Over the very bytes of `bytes`. */
  readonly words: DataView;
}

const NO_BYTES = new Uint8Array(0);
const NO_WORDS = viewOf(NO_BYTES);

/** Bytes of somebody else, such as a read buffer, as {@linkcode Memory}. */
export class MemoryView implements Memory {
  bytes = NO_BYTES;
  words = NO_WORDS;

  /** Sees nothing until {@linkcode MemoryView.use}, where that is left to be. */
  constructor(bytes = NO_BYTES) {
    this.use(bytes);
  }

  /** Sees `bytes` from now on; costs nothing when they are the same as before. */
  use(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.words = viewOf(bytes);
  }
}

/** Copies `source[start, end)` to `target` from `at` on. The two may not overlap. */
export function copyMemory(target: Memory, at: number, source: Memory, start: number, end: number): void {
  if (end - start < SET_BYTES_MIN) copyWords(target.words, at, source.words, start, end);
  else target.bytes.set(source.bytes.subarray(start, end), at);
}
