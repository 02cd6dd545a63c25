/** Who waits for replies: a client's batch on the common path, a part of a split request elsewhere. */
export interface ReplySink {
  /**
   * The RESP 2 reply `bytes[start, end)` to the request that was sent with `tag`. The bytes are valid during the
   * call only. Comes exactly once for each request, whatever becomes of its node.
   */
  receive(tag: number, bytes: Uint8Array, start: number, end: number): void;
}
