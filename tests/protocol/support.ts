/** What the tests of the protocol share: feeding a decoder in pieces, and reading replies back. */
import { assert } from "@std/assert";
import { latin1Of, textOf } from "../../src/core/bytes.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { INCOMPLETE, INVALID, RequestDecoder } from "../../src/protocol/request_decoder.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";
import type { Request } from "../../src/protocol/request.ts";

/** A decoder's or scanner's return, other than an offset. */
type Progress = (bytes: Uint8Array, start: number, end: number) => number;

/** The arguments of a request, a character for each byte. */
export function argumentsOf(request: Request): string[] {
  return Array.from(
    { length: request.argumentCount },
    (_, i) => latin1Of(request.bytes, request.starts[i]!, request.ends[i]!),
  );
}

/** A request of `args` in RESP. */
export function encoded(...args: (string | Uint8Array)[]): Uint8Array {
  const output = new OutputBuffer();
  encodeRequest(output, args);
  return output.view().slice();
}

/**
 * Hands `input` to `progress` as far as each of `cuts` in turn, then whole, and calls `complete` for each message.
 * The message under way lies at another place of another array each time, between bytes that must not be read.
 * Returns the last result.
 */
export function feed(
  progress: Progress,
  input: Uint8Array,
  cuts: readonly number[],
  complete: (bytes: Uint8Array, start: number, end: number) => void,
): number {
  let consumed = 0;
  let result = INCOMPLETE;
  for (const [turn, cut] of [...cuts, input.length].entries()) {
    const held = input.subarray(consumed, cut);
    const start = (turn * 7) % 5;
    const end = start + held.length;
    const bytes = new Uint8Array(end + 16).fill(turn % 2 === 0 ? 0x0a : 0x31);
    bytes.set(held, start);
    let at = start;
    while (at < end) {
      result = progress(bytes, at, end);
      if (result === INVALID) return INVALID;
      if (result === INCOMPLETE) break;
      assert(result > at && result <= end, `offset ${result} lies within ${at} … ${end}`);
      complete(bytes, at, result);
      at = result;
    }
    consumed += at - start;
  }
  return result;
}

/** The requests in `input`, cut at `cuts`: their arguments, `(text)` in front of those of text lines, then any error. */
export function decodeCut(input: Uint8Array, cuts: readonly number[] = []): (string[] | string)[] {
  const decoder = new RequestDecoder();
  const requests: (string[] | string)[] = [];
  const last = feed(
    (bytes, start, end) => decoder.decode(bytes, start, end),
    input,
    cuts,
    () => requests.push(decoder.isText ? ["(text)", ...argumentsOf(decoder)] : argumentsOf(decoder)),
  );
  if (last === INVALID) requests.push(decoder.error);
  if (last === INCOMPLETE) requests.push("incomplete");
  return requests;
}

/** The error that `input` is refused with; "" when it is not. */
export function decodeError(input: Uint8Array): string {
  const decoder = new RequestDecoder();
  return decoder.decode(input, 0, input.length) === INVALID ? decoder.error : "";
}

/** What `write` appended to a fresh output, as text. */
export function written(write: (output: OutputBuffer) => void): string {
  const output = new OutputBuffer(16);
  write(output);
  return textOf(output.view());
}

/** Every number of 0 … `count`−1. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
