import type { Memory } from "../core/memory.ts";

/** Who waits for replies: a client's batch on the common path, a part of a split request elsewhere. */
export interface ReplySink {
  /**
   * The RESP 2 reply `source[start, end)` to the request that was sent with `tag`. The bytes are valid during the
   * call only. Comes exactly once for each request, whatever becomes of its node.
   */
  receive(tag: number, source: Memory, start: number, end: number): void;
  /** Comes instead, where the reply would be too long for a link: the request was not executed. */
  tooLong?(tag: number, request: LongReplyRequest): void;
}

/** A request whose reply is too long for a link. */
export interface LongReplyRequest {
  /** In RESP. */
  readonly request: Uint8Array<ArrayBuffer>;
  /** What its sender said of its way. */
  readonly route: number;
  readonly isWrite: boolean;
  /** Of the reply, about. */
  readonly byteLength: number;
}
