/**
 * Replies on a link, where they may overtake each other. A link begins as a plain connection of RESP 2: one request,
 * one reply. Once the node has answered `ROUNDEL LINK …` with `+OK`, requests go on as plain RESP, executed in the
 * order of their arrival, and what comes back is a sequence of runs:
 *
 *     run := firstRequest u32 · count u32 · byteLength u32 · reply{count}      numbers are little-endian
 *
 * Requests are numbered from 0 by their order behind `LINK`, modulo 2³². A run answers the requests `firstRequest` to
 * `firstRequest + count − 1`, one RESP 2 reply for each, `byteLength` bytes together. A run with count 0 answers
 * nothing: its bytes are a push. Each request is answered exactly once; the order of the runs is the sender's choice.
 *
 *     00 00 00 00 | 02 00 00 00 | 0a 00 00 00 | "+OK\r\n" "+OK\r\n"     requests 0 and 1 are answered with OK
 *     ff ff ff ff | 02 00 00 00 | …                                     requests 2³² − 1 and 0
 */
import { assert } from "../core/assert.ts";
import { readU32 } from "../core/bytes.ts";
import { LINK_IN_FLIGHT_MAX } from "../core/limits.ts";
import { INCOMPLETE, INVALID } from "./progress.ts";
import { ReplyScanner } from "./reply_scanner.ts";

/** Bytes of a run before its replies. */
const RUN_HEADER_BYTES = 12;
/** The shortest reply: `+` and CRLF. */
const REPLY_BYTES_MIN = 3;
const U32_VALUES = 0x1_0000_0000;

/** What the header of a run says; one object may be used for all of them. */
interface RunHeader {
  firstRequest: number;
  /** At most `LINK_IN_FLIGHT_MAX`; 0 for a push. */
  count: number;
  /** Of the replies together. */
  byteLength: number;
}

/** Writes `header` to `bytes[at, at + RUN_HEADER_BYTES)`. */
function writeRunHeader(bytes: Uint8Array, at: number, { firstRequest, count, byteLength }: RunHeader): void {
  assert(count >= 0 && count <= LINK_IN_FLIGHT_MAX, "a run answers requests that may be in flight");
  assert(byteLength >= count * REPLY_BYTES_MIN && byteLength < U32_VALUES, "the length of a run is a u32");
  assert(at + RUN_HEADER_BYTES <= bytes.length, "there is room for the header");
  writeU32(bytes, at, firstRequest);
  writeU32(bytes, at + 4, count);
  writeU32(bytes, at + 8, byteLength);
}

/**
 * Reads runs as they arrive, cut anywhere. Each step takes the header of a run, or one reply, or as much of a push as
 * is there. What is not whole is given again, so that one reply is the most that has to be held.
 */
class RunReader {
  /** Why the input is no run. */
  error = "";
  /** Whether the last step took a reply. */
  isReply = false;
  /** The number of the request that it answers. */
  request = 0;
  readonly #scanner = new ReplyScanner();
  /** Replies of the present run that are still to come. */
  #replyCount = 0;
  /** And their bytes. */
  #byteCount = 0;
  /** Number of the request that the next reply answers. */
  #nextRequest = 0;

  /**
   * Takes the next step at `bytes[start]`; everything before `end` has arrived. Returns the offset behind it,
   * {@linkcode INCOMPLETE} (the same bytes are given again with more behind them, possibly at another place) or
   * {@linkcode INVALID} (the link is of no more use).
   */
  step(bytes: Uint8Array, start: number, end: number): number {
    this.isReply = false;
    if (this.#replyCount > 0) return this.#reply(bytes, start, end);
    if (this.#byteCount > 0) return this.#push(start, end);
    return this.#header(bytes, start, end);
  }

  #header(bytes: Uint8Array, start: number, end: number): number {
    if (end - start < RUN_HEADER_BYTES) return INCOMPLETE;
    const count = readU32(bytes, start + 4);
    const byteCount = readU32(bytes, start + 8);
    if (count > LINK_IN_FLIGHT_MAX) return this.#fail(`a run of ${count} replies`);
    if (byteCount < count * REPLY_BYTES_MIN) return this.#fail(`${count} replies in ${byteCount} bytes`);
    this.#nextRequest = readU32(bytes, start);
    this.#replyCount = count;
    this.#byteCount = byteCount;
    return start + RUN_HEADER_BYTES;
  }

  #reply(bytes: Uint8Array, start: number, end: number): number {
    const isWhole = end - start >= this.#byteCount;
    const next = this.#scanner.scan(bytes, start, isWhole ? start + this.#byteCount : end);
    if (next === INVALID) return this.#fail(this.#scanner.error);
    if (next === INCOMPLETE) return isWhole ? this.#fail("a reply exceeds its run") : INCOMPLETE;
    this.#byteCount -= next - start;
    if (--this.#replyCount === 0 && this.#byteCount > 0) {
      return this.#fail("bytes behind the replies of a run");
    }
    this.isReply = true;
    this.request = this.#nextRequest;
    this.#nextRequest = (this.#nextRequest + 1) >>> 0;
    return next;
  }

  /** Pushes are not for this reader: they are passed over. */
  #push(start: number, end: number): number {
    const taken = Math.min(end - start, this.#byteCount);
    if (taken === 0) return INCOMPLETE;
    this.#byteCount -= taken;
    return start + taken;
  }

  #fail(problem: string): number {
    this.error = problem.startsWith("Protocol error: ") ? problem : `Protocol error: ${problem}`;
    return INVALID;
  }
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export { RUN_HEADER_BYTES, type RunHeader, RunReader, writeRunHeader };
