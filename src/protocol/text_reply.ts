/**
 * Replies for people: lines that end in LF. An array is its elements, one a line, whatever is nested in it; an
 * empty one is `(empty)`. A map is its keys and values in turn. So each call here is one line, or none, and no
 * state is kept between them.
 */
import { bytesOf } from "../core/bytes.ts";
import { REPLY_BYTES_SMALL } from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { writeLineText } from "./line_text.ts";
import type { Reply, ReplyGate } from "./reply.ts";

const LF = 0x0a;
/** The kind of error that says nothing but that it is one. */
const COMMON_ERROR = "ERR ";

export class TextReply implements Reply {
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
    this.#line("OK");
  }

  simple(text: string): void {
    this.#line(text);
  }

  error(text: string): void {
    this.#output.ascii("ERROR ");
    this.#line(text.startsWith(COMMON_ERROR) ? text.slice(COMMON_ERROR.length) : text);
  }

  integer(value: number | bigint): void {
    this.#line(String(value));
  }

  nil(): void {
    this.#line("(nil)");
  }

  bulk(bytes: Uint8Array, start: number, end: number): void {
    this.expect(end - start);
    this.#output.copy(bytes, start, end);
    this.bulkEnd();
  }

  bulkText(text: string): void {
    this.#output.copy(bytesOf(text));
    this.bulkEnd();
  }

  bulkStart(length: number): OutputBuffer {
    this.expect(length);
    this.#output.reserve(length + 1);
    return this.#output;
  }

  bulkEnd(): void {
    this.#output.byte(LF);
  }

  bulkHead(): void {}

  async whenRoom(bytes: number): Promise<void> {
    await this.gate?.whenRoom(bytes);
    this.#output.reserve(bytes);
  }

  arrayStart(count: number): void {
    if (count === 0) this.#line("(empty)");
  }

  mapStart(count: number): void {
    this.arrayStart(count);
  }

  setStart(count: number): void {
    this.arrayStart(count);
  }

  #line(text: string): void {
    writeLineText(this.#output, text);
    this.#output.byte(LF);
  }
}
