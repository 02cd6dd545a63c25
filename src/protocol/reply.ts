/**
 * What a command says to its client, free of wire formats. `RespReply` writes RESP 2 or 3, `TextReply` writes
 * lines for people; both append to the connection's output buffer in the order of the calls.
 */
import type { OutputBuffer } from "../core/output_buffer.ts";

/** Asked before a long reply is made. */
export interface ReplyGate {
  /** Throws when a reply of `bytes` cannot be made now. The request is run again, or never: nothing may have changed. */
  check(bytes: number): void;
  /** Resolves when a reply of about `bytes` can be made, by a request that takes longer than its turn. */
  whenRoom(bytes: number): Promise<void>;
}

export interface Reply {
  /**
   * The reply will be of about `bytes`, all its values together. Throws when it cannot be made now. A command that changes
   * something calls it before.
   */
  expect(bytes: number): void;
  /** `OK`. */
  ok(): void;
  /** A short status word such as `PONG`, without line breaks. */
  simple(text: string): void;
  /**
   * An error. `text` begins with its kind in capitals, such as `ERR` or `WRONGTYPE`. It becomes one line:
   * line breaks are blanks, and what is longer than `REPLY_LINE_BYTES_MAX` is cut.
   */
  error(text: string): void;
  integer(value: number | bigint): void;
  /** A missing value. */
  nil(): void;
  /** `bytes[start, end)` as a value. */
  bulk(bytes: Uint8Array, start: number, end: number): void;
  /** `text` as a value, in UTF-8. */
  bulkText(text: string): void;
  /**
   * Opens a value of `length` bytes and returns the output buffer with room for exactly them: the caller writes
   * them at `output.bytes[output.length …]`, adds `length` to `output.length`, and calls {@linkcode Reply.bulkEnd}.
   */
  bulkStart(length: number): OutputBuffer;
  bulkEnd(): void;
  /** Begins a value of `length` bytes, which the caller writes bit by bit; {@linkcode Reply.bulkEnd} follows. */
  bulkHead(length: number): void;
  /**
   * As {@linkcode Reply.expect}, for a command that takes longer than its turn: resolves when the reply, of which nothing
   * is said yet, can be made.
   */
  whenRoom(bytes: number): Promise<void>;
  /** Opens an array; the next `count` replies are its elements. */
  arrayStart(count: number): void;
  /** Opens a map; the next `2 × count` replies are its keys and values. A flat array in RESP 2. */
  mapStart(count: number): void;
  /** Opens a set of `count` elements. An array in RESP 2. */
  setStart(count: number): void;
}
