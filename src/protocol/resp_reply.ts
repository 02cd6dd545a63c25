/**
 * Replies in RESP 2 or RESP 3, appended to a connection's output:
 *
 *     simple  "+" text CRLF              error  "-" text CRLF             integer  ":" digits CRLF
 *     value   "$" length CRLF bytes CRLF
 *     array   "*" count CRLF …
 *     missing value   "$-1" CRLF, in RESP 3 "_" CRLF
 *     map, set        "%" pairs CRLF …, "~" count CRLF …; in RESP 2 both are arrays
 */
import { bytesOf, copyBytes } from "../core/bytes.ts";
import { REPLY_BYTES_SMALL } from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { writeLineText } from "./line_text.ts";
import type { Reply, ReplyGate } from "./reply.ts";

const CR = 0x0d;
const LF = 0x0a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const COLON = 0x3a;
const DOLLAR = 0x24;
const STAR = 0x2a;
const PERCENT = 0x25;
const TILDE = 0x7e;
const DIGIT_0 = 0x30;
/** Kind, up to 20 digits and sign, CR and LF. */
const HEADER_BYTES_MAX = 24;
const OK = bytesOf("+OK\r\n");
const NIL_RESP2 = bytesOf("$-1\r\n");
const NIL_RESP3 = bytesOf("_\r\n");

export class RespReply implements Reply {
  /** May change between any two replies. */
  version: 2 | 3 = 2;
  /** Lets long replies through, or not; without one all of them. */
  gate: ReplyGate | null = null;
  readonly #output: OutputBuffer;

  constructor(output: OutputBuffer) {
    this.#output = output;
  }

  expect(bytes: number): void {
    if (bytes <= REPLY_BYTES_SMALL) return;
    this.gate?.check(bytes);
    this.#output.reserve(bytes);
  }

  ok(): void {
    this.#output.copy(OK);
  }

  simple(text: string): void {
    this.#line(PLUS, text);
  }

  error(text: string): void {
    this.#line(MINUS, text);
  }

  integer(value: number | bigint): void {
    if (typeof value === "bigint") return this.#line(COLON, String(value));
    this.#header(COLON, value, 0);
  }

  nil(): void {
    this.#output.copy(this.version === 3 ? NIL_RESP3 : NIL_RESP2);
  }

  bulk(bytes: Uint8Array, start: number, end: number): void {
    const output = this.#output;
    const length = end - start;
    this.expect(length);
    this.#header(DOLLAR, length, length + 2);
    const target = output.bytes;
    copyBytes(target, output.length, bytes, start, end);
    const behind = output.length + length;
    target[behind] = CR;
    target[behind + 1] = LF;
    output.length = behind + 2;
  }

  bulkText(text: string): void {
    const bytes = bytesOf(text);
    this.bulk(bytes, 0, bytes.length);
  }

  bulkStart(length: number): OutputBuffer {
    this.expect(length);
    this.#header(DOLLAR, length, length + 2);
    return this.#output;
  }

  bulkEnd(): void {
    this.#lineEnd();
  }

  bulkHead(length: number): void {
    this.#header(DOLLAR, length, 0);
  }

  async whenRoom(bytes: number): Promise<void> {
    await this.gate?.whenRoom(bytes);
    this.#output.reserve(bytes);
  }

  arrayStart(count: number): void {
    this.#header(STAR, count, 0);
  }

  mapStart(count: number): void {
    if (this.version === 3) this.#header(PERCENT, count, 0);
    else this.#header(STAR, count * 2, 0);
  }

  setStart(count: number): void {
    this.#header(this.version === 3 ? TILDE : STAR, count, 0);
  }

  /** Writes `kind`, `value` and a line break, and leaves room for `roomBytes` more. */
  #header(kind: number, value: number, roomBytes: number): void {
    const output = this.#output;
    output.reserve(HEADER_BYTES_MAX + roomBytes);
    const { bytes } = output;
    let at = output.length;
    bytes[at++] = kind;
    if (value >= 0 && value < 10) bytes[at++] = DIGIT_0 + value;
    else if (value >= 10 && value < 100) {
      const tens = (value * 205) >>> 11;
      bytes[at++] = DIGIT_0 + tens;
      bytes[at++] = DIGIT_0 + value - tens * 10;
    } else {
      output.length = at;
      output.decimal(value);
      at = output.length;
    }
    bytes[at] = CR;
    bytes[at + 1] = LF;
    output.length = at + 2;
  }

  #line(kind: number, text: string): void {
    this.#output.byte(kind);
    writeLineText(this.#output, text);
    this.#lineEnd();
  }

  #lineEnd(): void {
    const output = this.#output;
    output.reserve(2);
    output.bytes[output.length++] = CR;
    output.bytes[output.length++] = LF;
  }
}
