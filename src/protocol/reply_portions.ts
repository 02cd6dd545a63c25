/**
 * A long reply of a node, said to a client while it arrives, cut anywhere: nothing is held but the head of an element
 * that is not whole. To a client of RESP 2 the bytes go as they are; to others each element is said in their dialect.
 */
import { textOf } from "../core/bytes.ts";
import { TEXT_LINE_BYTES_MAX } from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { parseInteger } from "./arguments.ts";
import { INCOMPLETE, INVALID } from "./progress.ts";
import type { Reply } from "./reply.ts";

const CR = 0x0d;
const LF = 0x0a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const COLON = 0x3a;
const DOLLAR = 0x24;
const STAR = 0x2a;
const LINE_END_BYTES = 2;

/** Where portions go. */
export interface PortionTarget {
  readonly output: OutputBuffer;
  /** Writes to `output` in the client's dialect; `null` when that is RESP 2. */
  readonly reply: Reply | null;
}

export class ReplyPortions {
  /** Elements still to come, those of open arrays included. */
  #elementsLeft: number;
  /** Of a value that has begun: its bytes still to come, and those of its line end. */
  #bytesLeft = 0;
  #endBytesLeft = 0;

  /** `elementCount` elements come one behind the other, by default the one that is a reply. */
  constructor(elementCount = 1) {
    this.#elementsLeft = elementCount;
  }

  /** Whether all of it was said. */
  get isOver(): boolean {
    return this.#elementsLeft === 0;
  }

  /**
   * Says what there is of `bytes[start, end)`. Returns the offset behind what was taken, what is left being given
   * again with more behind it; or {@linkcode INVALID}.
   */
  take(bytes: Uint8Array, start: number, end: number, { output, reply }: PortionTarget): number {
    let at = start;
    while (at < end && this.#elementsLeft > 0) {
      const next = this.#step(bytes, at, end, { output, reply });
      if (next === INVALID) return INVALID;
      if (next === INCOMPLETE) break;
      at = next;
    }
    if (reply === null) output.copy(bytes, start, at);
    return at;
  }

  #step(bytes: Uint8Array, at: number, end: number, target: PortionTarget): number {
    if (this.#bytesLeft > 0) {
      const next = Math.min(end, at + this.#bytesLeft);
      this.#bytesLeft -= next - at;
      if (target.reply !== null) target.output.copy(bytes, at, next);
      return next;
    }
    if (this.#endBytesLeft === 0) return this.#head(bytes, at, end, target.reply);
    if (bytes[at] !== (this.#endBytesLeft === LINE_END_BYTES ? CR : LF)) return INVALID;
    if (--this.#endBytesLeft === 0) {
      this.#elementsLeft--;
      target.reply?.bulkEnd();
    }
    return at + 1;
  }

  /** Takes an element, of a value or an array only its head. */
  #head(bytes: Uint8Array, start: number, end: number, reply: Reply | null): number {
    let at = start + 1;
    while (at < end && bytes[at] !== LF) at++;
    if (at === end) return end - start > TEXT_LINE_BYTES_MAX ? INVALID : INCOMPLETE;
    const lineEnd = at - 1;
    if (bytes[lineEnd] !== CR) return INVALID;
    const kind = bytes[start];
    if (kind === PLUS || kind === MINUS) {
      this.#elementsLeft--;
      if (reply === null) return at + 1;
      const text = textOf(bytes, start + 1, lineEnd);
      if (kind === PLUS) reply.simple(text);
      else reply.error(text);
      return at + 1;
    }
    const number = parseInteger(bytes, start + 1, lineEnd);
    if (Number.isNaN(number)) return INVALID;
    if (kind === COLON) {
      this.#elementsLeft--;
      reply?.integer(number);
    } else if (number === -1 && (kind === DOLLAR || kind === STAR)) {
      this.#elementsLeft--;
      reply?.nil();
    } else if (kind === DOLLAR && number >= 0) {
      this.#bytesLeft = number;
      this.#endBytesLeft = LINE_END_BYTES;
      reply?.bulkHead(number);
    } else if (kind === STAR && number >= 0) {
      this.#elementsLeft += number - 1;
      reply?.arrayStart(number);
    } else return INVALID;
    return at + 1;
  }
}
