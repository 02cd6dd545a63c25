/**
 * One request as a decoder leaves it: where its arguments lie in the bytes that came from the socket.
 * The same object is filled again for each request; nothing is copied and nothing is allocated.
 */

/** Argument `i` is `bytes[starts[i], ends[i])`; argument 0 is the command's name. */
export interface Request {
  /** The connection's read buffer. Valid until the next read. */
  readonly bytes: Uint8Array;
  /** At least 1. */
  readonly argumentCount: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Whether it came as a line of text rather than as RESP. */
  readonly isLine: boolean;
  /**
   * Whether it is to be answered in text: it came as a line that ends in LF alone, as people's do. A line that ends in
   * CRLF is a program's (Redis' "inline command") and is answered in RESP.
   */
  readonly isText: boolean;
}
