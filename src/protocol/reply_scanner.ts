/**
 * Finds where a reply ends in what a node sends, so that a balancer can hand its bytes on. Nodes are spoken to in
 * RESP 2:
 *
 *     reply  := ("+" | "-") text CRLF | ":" number CRLF | value | array
 *     value  := "$" length CRLF byte{length} CRLF | "$-1" CRLF
 *     array  := "*" count CRLF reply{count} | "*-1" CRLF
 *     text   := bytes without LF, at most TEXT_LINE_BYTES_MAX with its CR
 *     count, length, number := "0" | "-"? [1-9] [0-9]*
 *
 * An incomplete reply is resumed at the element where its bytes ended, or in a text at the byte, so that the work is
 * linear in the bytes however they are cut. Arrays are nested REPLY_DEPTH_MAX deep at most.
 *
 * Most replies are a value that has arrived whole, or `+OK`: these are seen at a glance, before the general rules.
 */
import {
  REPLY_DEPTH_MAX,
  REQUEST_BYTES_MAX,
  RESP_LENGTH_DIGITS_MAX,
  TEXT_LINE_BYTES_MAX,
} from "../core/limits.ts";
import { INCOMPLETE, INVALID } from "./progress.ts";

export { INCOMPLETE, INVALID } from "./progress.ts";
export { parseReply, type ReplyValue, writeReply } from "./reply_value.ts";

const CR = 0x0d;
const LF = 0x0a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const COLON = 0x3a;
const DOLLAR = 0x24;
const STAR = 0x2a;
const DIGIT_0 = 0x30;
const CAPITAL_O = 0x4f;
const CAPITAL_K = 0x4b;
/** Bytes of `+OK` with its CRLF. */
const OK_BYTES = 5;
/** Digits of an integer of 64 bits. */
const INTEGER_DIGITS_MAX = 19;

export class ReplyScanner {
  /** Why the input is no reply. */
  error = "";
  /** How far an incomplete reply was scanned, counted from its start; 0 when a new one begins. */
  #resumeAt = 0;
  /** Bytes of the text at `#resumeAt` that were searched for its end. */
  #searchedBytes = 0;
  /** Elements still to come of each array that is open, the outermost first. */
  readonly #remaining = new Float64Array(REPLY_DEPTH_MAX);
  #depth = 0;
  /** The number that `#numberLine` read. */
  #number = 0;

  /**
   * Scans the reply that begins at `bytes[start]`, of which everything before `end` has arrived. Returns the offset
   * behind it, {@linkcode INCOMPLETE} or {@linkcode INVALID}. After `INCOMPLETE` the same reply is given again, with
   * more bytes behind it, possibly at another place. After `INVALID` the connection is of no more use.
   */
  scan(bytes: Uint8Array, start: number, end: number): number {
    if (this.#resumeAt === 0 && this.#searchedBytes === 0) {
      const next = endOfCommonReply(bytes, start, end);
      if (next > 0) return next;
    }
    let at = start + this.#resumeAt;
    while (true) {
      const next = this.#element(bytes, at, end);
      if (next < 0) {
        this.#resumeAt = next === INCOMPLETE ? at - start : 0;
        return next;
      }
      at = next;
      if (this.#closeArrays()) {
        this.#resumeAt = 0;
        return at;
      }
    }
  }

  /** Counts an element as arrived; true when it completes the reply. */
  #closeArrays(): boolean {
    while (this.#depth > 0 && this.#remaining[this.#depth - 1] === 0) this.#depth--;
    if (this.#depth === 0) return true;
    this.#remaining[this.#depth - 1]!--;
    return false;
  }

  /** Scans one element, of an array only its head; returns the offset behind it. */
  #element(bytes: Uint8Array, at: number, end: number): number {
    if (at >= end) return INCOMPLETE;
    switch (bytes[at]) {
      case PLUS:
      case MINUS:
        return this.#textLine(bytes, at, end);
      case COLON:
        return this.#numberLine(bytes, at + 1, end, INTEGER_DIGITS_MAX);
      case DOLLAR:
        return this.#value(bytes, at, end);
      case STAR:
        return this.#arrayHead(bytes, at, end);
      default:
        return this.#fail(`byte ${bytes[at]} begins no reply`);
    }
  }

  #textLine(bytes: Uint8Array, at: number, end: number): number {
    const limit = Math.min(end, at + TEXT_LINE_BYTES_MAX + 2);
    let lineEnd = at + 1 + this.#searchedBytes;
    while (lineEnd < limit && bytes[lineEnd] !== LF) lineEnd++;
    if (lineEnd === limit) {
      if (limit === at + TEXT_LINE_BYTES_MAX + 2) return this.#fail("a line is too long");
      this.#searchedBytes = lineEnd - at - 1;
      return INCOMPLETE;
    }
    this.#searchedBytes = 0;
    return bytes[lineEnd - 1] === CR ? lineEnd + 1 : this.#fail("a line does not end in CRLF");
  }

  #value(bytes: Uint8Array, at: number, end: number): number {
    const valueAt = this.#numberLine(bytes, at + 1, end, RESP_LENGTH_DIGITS_MAX);
    const length = this.#number;
    if (valueAt < 0 || length === -1) return valueAt;
    if (length < 0 || length > REQUEST_BYTES_MAX) return this.#fail(`a value of ${length} bytes`);
    const valueEnd = valueAt + length;
    if (valueEnd + 2 > end) return INCOMPLETE;
    if (bytes[valueEnd] === CR && bytes[valueEnd + 1] === LF) return valueEnd + 2;
    return this.#fail("a value is not followed by CRLF");
  }

  #arrayHead(bytes: Uint8Array, at: number, end: number): number {
    const next = this.#numberLine(bytes, at + 1, end, RESP_LENGTH_DIGITS_MAX);
    const count = this.#number;
    if (next < 0 || count === -1) return next;
    if (count < 0) return this.#fail(`an array of ${count} elements`);
    if (this.#depth === REPLY_DEPTH_MAX) return this.#fail(`arrays nested more than ${REPLY_DEPTH_MAX} deep`);
    this.#remaining[this.#depth++] = count;
    return next;
  }

  /** Reads `number CRLF` at `start` into `#number`; returns the offset behind it. */
  #numberLine(bytes: Uint8Array, start: number, end: number, digitsMax: number): number {
    const isNegative = start < end && bytes[start] === MINUS;
    const digitsAt = isNegative ? start + 1 : start;
    let at = digitsAt;
    let value = 0;
    while (at < end && at - digitsAt <= digitsMax) {
      const digit = bytes[at]! - DIGIT_0;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    if (at - digitsAt > digitsMax) return this.#fail("a number has too many digits");
    if (at === end) return INCOMPLETE;
    if (at === digitsAt || bytes[at] !== CR) return this.#fail("a number is not one");
    if (bytes[digitsAt] === DIGIT_0 && (isNegative || at - digitsAt > 1)) {
      return this.#fail("a number begins with 0");
    }
    if (at + 1 === end) return INCOMPLETE;
    if (bytes[at + 1] !== LF) return this.#fail("a number is not followed by CRLF");
    this.#number = isNegative ? -value : value;
    return at + 2;
  }

  #fail(problem: string): number {
    this.error = `Protocol error: ${problem}`;
    this.#depth = 0;
    this.#searchedBytes = 0;
    return INVALID;
  }
}

/** Offset behind a value or an `+OK` that begins at `bytes[start]`; 0 when it is something else, or cut. */
function endOfCommonReply(bytes: Uint8Array, start: number, end: number): number {
  if (start + OK_BYTES > end) return 0;
  if (bytes[start] === PLUS) {
    const isOk = bytes[start + 1] === CAPITAL_O && bytes[start + 2] === CAPITAL_K &&
      bytes[start + 3] === CR && bytes[start + 4] === LF;
    return isOk ? start + OK_BYTES : 0;
  }
  if (bytes[start] !== DOLLAR) return 0;
  let at = start + 1;
  let length = bytes[at]! - DIGIT_0;
  if (length < 1 || length > 9) return 0;
  for (at++; at < end; at++) {
    const digit = bytes[at]! - DIGIT_0;
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
  }
  const valueEnd = at + 2 + length;
  const isWhole = valueEnd + 2 <= end && bytes[at] === CR && bytes[at + 1] === LF &&
    bytes[valueEnd] === CR && bytes[valueEnd + 1] === LF;
  return isWhole ? valueEnd + 2 : 0;
}
