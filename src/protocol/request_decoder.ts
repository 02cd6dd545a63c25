/**
 * Decodes requests, one after the other, from the bytes of a connection. This is the hottest code of the project:
 * a complete request is one pass over its framing, with nothing copied, nothing allocated and nothing called.
 *
 *     request  := array | line
 *     array    := "*" count CRLF argument{count}          a count of 0 or less is an empty request
 *     argument := "$" length CRLF byte{length} CRLF
 *     count, length := "0" | "-"? [1-9] [0-9]*            a length is not negative
 *     line     := anything else up to LF; see `text_line.ts`. One that ends in CRLF is answered in RESP
 *
 * An incomplete request is resumed at the argument where its bytes ended, or in a line at the byte, so that the
 * work is linear in the bytes however they are cut. Until a request is complete its offsets count from where its
 * start was when it began; should the connection have moved the bytes since, they are corrected once, at the end.
 */
import {
  ARGUMENT_COUNT_MAX,
  REQUEST_BYTES_MAX,
  RESP_LENGTH_DIGITS_MAX,
  TEXT_LINE_BYTES_MAX,
} from "../core/limits.ts";
import { grownOffsets, isTooLarge, newOffsets } from "./offsets.ts";
import { INCOMPLETE, INVALID } from "./progress.ts";
import type { Request } from "./request.ts";
import { TextLine } from "./text_line.ts";

export { INCOMPLETE, INVALID } from "./progress.ts";

const CR = 0x0d;
const LF = 0x0a;
const STAR = 0x2a;
const DOLLAR = 0x24;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;
const NO_BYTES = new Uint8Array(0);

/** Decodes requests, and is itself the `Request` that it completed last. */
export class RequestDecoder implements Request {
  bytes: Uint8Array = NO_BYTES;
  argumentCount = 0;
  starts: Int32Array = newOffsets();
  ends: Int32Array = newOffsets();
  isLine = false;
  isText = false;
  /** Why the input is invalid, as a reply to the client. */
  error = "";
  /**
   * Bytes, counted from the request's start, that an incomplete request is known to need; 0 when not known. It is
   * the client's word: no reason to allocate more than what has arrived justifies.
   */
  bytesNeeded = 0;
  /** How far an incomplete request was decoded, counted from its start; 0 when a new one begins. */
  #resumeAt = 0;
  /** Where the incomplete request began when its first bytes were decoded: what its offsets count on. */
  #base = 0;
  #announcedCount = 0;
  #arrivedCount = 0;
  /** Made when the first text line comes. */
  #line: TextLine | null = null;

  /** Whether a request was begun and its bytes ended: the next bytes have to be those that follow. */
  get isIncomplete(): boolean {
    return this.#resumeAt !== 0;
  }

  /**
   * Decodes the request that begins at `bytes[start]`, of which everything before `end` has arrived. Returns the
   * offset behind it, {@linkcode INCOMPLETE} or {@linkcode INVALID}. After `INCOMPLETE` the same request is given
   * again, with more bytes behind it, possibly at another place. An empty line and an empty array are requests
   * with an `argumentCount` of 0, to be ignored. After `INVALID` the connection is of no more use.
   */
  decode(bytes: Uint8Array, start: number, end: number): number {
    if (this.#resumeAt !== 0) {
      if (this.isLine) return this.#decodeLine(bytes, start, end);
      return this.#decodeArguments(bytes, start, end, start + this.#resumeAt);
    }
    if (start >= end) return INCOMPLETE;
    if (isTooLarge(this.starts)) this.settle();
    this.isLine = this.isText = bytes[start] !== STAR;
    if (this.isLine) return this.#decodeLine(bytes, start, end);
    const at = this.#decodeCount(bytes, start, end);
    if (at < 0) return at;
    this.#base = start;
    this.#arrivedCount = 0;
    return this.#decodeArguments(bytes, start, end, at);
  }

  /**
   * Forgets the last request: its bytes, and what room an unusually large one took. For a connection that is about
   * to wait for more bytes; an incomplete request is kept.
   */
  settle(): void {
    this.argumentCount = 0;
    this.bytes = NO_BYTES;
    if (this.#line?.isLarge === true) this.#line = null;
    if (this.#resumeAt !== 0 || !isTooLarge(this.starts)) return;
    this.starts = newOffsets();
    this.ends = newOffsets();
  }

  /** Forgets an incomplete request: the next one that is given is another. */
  forget(): void {
    this.#resumeAt = 0;
  }

  /** Reads the line `*<count>`; returns the offset behind it and leaves the count in `#announcedCount`. */
  #decodeCount(bytes: Uint8Array, start: number, end: number): number {
    const numberAt = start + 1;
    const isNegative = numberAt < end && bytes[numberAt] === MINUS;
    const digitsAt = isNegative ? numberAt + 1 : numberAt;
    let at = digitsAt;
    let count = 0;
    while (at < end && count <= ARGUMENT_COUNT_MAX) {
      const digit = bytes[at]! - DIGIT_0;
      if (digit < 0 || digit > 9) break;
      count = count * 10 + digit;
      at++;
    }
    const isWhole = at + 1 < end && bytes[at] === CR && bytes[at + 1] === LF;
    if (!isWhole || count > ARGUMENT_COUNT_MAX || isNotCanonical(bytes, digitsAt, at, isNegative)) {
      return this.#numberProblem(bytes, numberAt, end, "mbulk count", "multibulk length");
    }
    this.#announcedCount = isNegative ? 0 : count;
    return at + 2;
  }

  /** Decodes from argument `#arrivedCount` on, whose `$` is at `at`, until the last one or the end of the bytes. */
  #decodeArguments(bytes: Uint8Array, start: number, end: number, at: number): number {
    const shift = this.#base - start;
    const announcedCount = this.#announcedCount;
    let { starts, ends } = this;
    let count = this.#arrivedCount;
    while (count < announcedCount) {
      if (at >= end) return this.#suspend(start, at, count, 0);
      if (bytes[at] !== DOLLAR) return this.#expectedDollar(bytes[at]!);
      const digitsAt = at + 1;
      let behind = digitsAt;
      let length = 0;
      while (behind < end && length <= REQUEST_BYTES_MAX) {
        const digit = bytes[behind]! - DIGIT_0;
        if (digit < 0 || digit > 9) break;
        length = length * 10 + digit;
        behind++;
      }
      const isWhole = behind + 1 < end && bytes[behind] === CR && bytes[behind + 1] === LF;
      if (!isWhole || length > REQUEST_BYTES_MAX || isNotCanonical(bytes, digitsAt, behind, false)) {
        const problem = this.#numberProblem(bytes, digitsAt, end, "bulk count", "bulk length");
        return problem === INCOMPLETE ? this.#suspend(start, at, count, 0) : problem;
      }
      const argumentAt = behind + 2;
      const argumentEnd = argumentAt + length;
      if (argumentEnd + 2 - start > REQUEST_BYTES_MAX) return this.#fail("request too large");
      if (argumentEnd + 2 > end) return this.#suspend(start, at, count, argumentEnd + 2 - start);
      if (bytes[argumentEnd] !== CR || bytes[argumentEnd + 1] !== LF) {
        return this.#fail("expected CRLF behind a bulk");
      }
      if (count === starts.length) {
        starts = this.starts = grownOffsets(starts);
        ends = this.ends = grownOffsets(ends);
      }
      starts[count] = argumentAt + shift;
      ends[count] = argumentEnd + shift;
      count++;
      at = argumentEnd + 2;
    }
    if (shift !== 0) shiftBack(starts, ends, count, shift);
    this.bytes = bytes;
    this.argumentCount = count;
    this.bytesNeeded = 0;
    this.#resumeAt = 0;
    return at;
  }

  #decodeLine(bytes: Uint8Array, start: number, end: number): number {
    const limit = Math.min(end, start + TEXT_LINE_BYTES_MAX + 1);
    let at = start + this.#resumeAt;
    while (at < limit && bytes[at] !== LF) at++;
    if (at === limit) {
      return limit - start > TEXT_LINE_BYTES_MAX
        ? this.#fail("too big inline request")
        : this.#suspend(start, at, 0, 0);
    }
    this.isText = at === start || bytes[at - 1] !== CR;
    const line = this.#line ??= new TextLine();
    if (!line.split(bytes, start, at)) return this.#fail("unbalanced quotes in request");
    this.bytes = line.bytes;
    this.starts = line.starts;
    this.ends = line.ends;
    this.argumentCount = line.wordCount;
    this.bytesNeeded = 0;
    this.#resumeAt = 0;
    return at + 1;
  }

  #suspend(start: number, at: number, arrivedCount: number, bytesNeeded: number): number {
    this.argumentCount = 0;
    this.#resumeAt = at - start;
    this.#arrivedCount = arrivedCount;
    this.bytesNeeded = bytesNeeded;
    return INCOMPLETE;
  }

  #fail(problem: string): number {
    this.error = `ERR Protocol error: ${problem}`;
    this.argumentCount = 0;
    this.bytesNeeded = 0;
    this.#resumeAt = 0;
    return INVALID;
  }

  #expectedDollar(byte: number): number {
    return this.#fail(`expected '$', got '${String.fromCharCode(byte)}'`);
  }

  /** The number line that begins at `bytes[from]` was not accepted: it has not all arrived, or is none. */
  #numberProblem(bytes: Uint8Array, from: number, end: number, line: string, value: string): number {
    const digitsEnd = from + RESP_LENGTH_DIGITS_MAX;
    let at = from < end && bytes[from] === MINUS ? from + 1 : from;
    while (at < end && at <= digitsEnd && isDigit(bytes[at]!)) at++;
    if (at > digitsEnd) return this.#fail(`too big ${line} string`);
    if (at === end || (bytes[at] === CR && at + 1 === end)) return INCOMPLETE;
    return this.#fail(`invalid ${value}`);
  }
}

function isDigit(byte: number): boolean {
  return byte >= DIGIT_0 && byte <= DIGIT_0 + 9;
}

/** Whether the digits `bytes[start, end)` are none, or not the one form in which a number is written. */
function isNotCanonical(bytes: Uint8Array, start: number, end: number, isNegative: boolean): boolean {
  return end === start || (bytes[start] === DIGIT_0 && (isNegative || end - start > 1));
}

function shiftBack(starts: Int32Array, ends: Int32Array, count: number, shift: number): void {
  for (let i = 0; i < count; i++) {
    starts[i]! -= shift;
    ends[i]! -= shift;
  }
}
