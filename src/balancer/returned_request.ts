/** What a node's error says about a request that comes back from a link, and how such a request is answered. */
import { bytesOf, equalBytes, textOf } from "../core/bytes.ts";
import { MemoryView } from "../core/memory.ts";
import type { ReturnedRequest } from "../link/in_flight.ts";
import { LARGE_KIND } from "../protocol/roundel_exchange.ts";

const LARGE = bytesOf(`-${LARGE_KIND} `);
const NOT_EXECUTED = [...["-MOVED ", "-TRYAGAIN ", "-CLUSTERDOWN "].map(bytesOf), LARGE];
const UNCERTAIN = bytesOf("-UNCERTAIN ");

/** Whether the error reply `bytes[start, end)` says that the request was not executed. */
export function wasNotExecuted(bytes: Uint8Array, start: number, end: number): boolean {
  return NOT_EXECUTED.some((word) => startsWith(bytes, start, end, word));
}

/** Whether it says that nobody knows. */
export function isUncertain(bytes: Uint8Array, start: number, end: number): boolean {
  return startsWith(bytes, start, end, UNCERTAIN);
}

/** Length of the reply that `error` says is too long for a link; 0 when it says something else. */
export function longReplyBytes(error: Uint8Array): number {
  if (!startsWith(error, 0, error.length, LARGE)) return 0;
  return Math.max(1, Number.parseInt(textOf(error, LARGE.length, error.length), 10) || 0);
}

/** Answers `request` with an error. */
export function answer({ sink, tag }: ReturnedRequest, text: string): void {
  const error = bytesOf(`-${text.replace(/[\r\n]+/g, " ")}\r\n`);
  sink.receive(tag, new MemoryView(error), 0, error.length);
}

function startsWith(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  return end - start >= word.length && equalBytes(word, 0, word.length, bytes, start);
}
