/**
 * Costs of the wire: what each request and reply pays before and after its command. Microseconds an iteration are
 * nanoseconds an operation.
 *
 *     deno bench bench/protocol_bench.ts
 */
import { bytesOf } from "../src/core/bytes.ts";
import { OutputBuffer } from "../src/core/output_buffer.ts";
import { findCommand } from "../src/protocol/command_table.ts";
import { ReplyScanner } from "../src/protocol/reply_scanner.ts";
import { RequestDecoder } from "../src/protocol/request_decoder.ts";
import { encodeRequest } from "../src/protocol/request_encoder.ts";
import { RespReply } from "../src/protocol/resp_reply.ts";

/** Each measured call does this many rounds, so that the cost of measuring does not show. */
const ROUNDS = 1000;
const KEY = "key:000000000042";
const VALUE = "v".repeat(64);

function requestsOf(...requests: string[][]): Uint8Array {
  const output = new OutputBuffer();
  for (const request of requests) encodeRequest(output, request);
  return output.view();
}

function decodeAll(decoder: RequestDecoder, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at = decoder.decode(bytes, at, bytes.length);
}

const decoder = new RequestDecoder();
const set = requestsOf(["SET", KEY, VALUE]);
const gets = requestsOf(...Array.from({ length: 16 }, () => ["GET", KEY]));
const line = bytesOf(`SET ${KEY} hello_world\r\n`);
const quotedLine = bytesOf(`SET ${KEY} "hello \\x77orld"\r\n`);

Deno.bench(`${ROUNDS} × decode SET of 16 + 64 bytes`, () => {
  for (let i = 0; i < ROUNDS; i++) decodeAll(decoder, set);
});

Deno.bench(`${ROUNDS} × decode 16 pipelined GETs`, () => {
  for (let i = 0; i < ROUNDS; i++) decodeAll(decoder, gets);
});

Deno.bench(`${ROUNDS} × decode text line`, () => {
  for (let i = 0; i < ROUNDS; i++) decodeAll(decoder, line);
});

Deno.bench(`${ROUNDS} × decode text line with quotes`, () => {
  for (let i = 0; i < ROUNDS; i++) decodeAll(decoder, quotedLine);
});

const names = ["GET", "set", "INCRBYFLOAT", "nonsense"].map(bytesOf);

Deno.bench(`${ROUNDS} × 4 × find command`, () => {
  for (let i = 0; i < ROUNDS; i++) {
    for (let n = 0; n < names.length; n++) findCommand(names[n]!, 0, names[n]!.length);
  }
});

const output = new OutputBuffer();
const reply = new RespReply(output);
const value = bytesOf(VALUE);

Deno.bench(`${ROUNDS} × reply value of 64 bytes`, () => {
  for (let i = 0; i < ROUNDS; i++) {
    output.length = 0;
    reply.bulk(value, 0, value.length);
  }
});

Deno.bench(`${ROUNDS} × reply OK`, () => {
  for (let i = 0; i < ROUNDS; i++) {
    output.length = 0;
    reply.ok();
  }
});

const scanner = new ReplyScanner();
const scanned = bytesOf(`$64\r\n${VALUE}\r\n`);

Deno.bench(`${ROUNDS} × scan value of 64 bytes`, () => {
  for (let i = 0; i < ROUNDS; i++) scanner.scan(scanned, 0, scanned.length);
});
