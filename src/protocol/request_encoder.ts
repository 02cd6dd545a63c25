/** Requests as RESP, the way a balancer sends them to a node. */
import { bytesOf } from "../core/bytes.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import type { Request } from "./request.ts";

const STAR = 0x2a;
const DOLLAR = 0x24;
const CR = 0x0d;
const LF = 0x0a;

/** Appends the request of `args`, strings in UTF-8. */
export function encodeRequest(output: OutputBuffer, args: readonly (string | Uint8Array)[]): void {
  writeHead(output, STAR, args.length);
  for (const arg of args) {
    const bytes = typeof arg === "string" ? bytesOf(arg) : arg;
    writeArgument(output, bytes, 0, bytes.length);
  }
}

/** Appends a request that was decoded, perhaps from a text line. */
export function encodeDecoded(output: OutputBuffer, request: Request): void {
  const { bytes, argumentCount, starts, ends } = request;
  writeHead(output, STAR, argumentCount);
  for (let i = 0; i < argumentCount; i++) writeArgument(output, bytes, starts[i]!, ends[i]!);
}

function writeArgument(output: OutputBuffer, bytes: Uint8Array, start: number, end: number): void {
  writeHead(output, DOLLAR, end - start);
  output.copy(bytes, start, end);
  writeLineEnd(output);
}

function writeHead(output: OutputBuffer, kind: number, value: number): void {
  output.byte(kind);
  output.decimal(value);
  writeLineEnd(output);
}

function writeLineEnd(output: OutputBuffer): void {
  output.reserve(2);
  output.bytes[output.length++] = CR;
  output.bytes[output.length++] = LF;
}
