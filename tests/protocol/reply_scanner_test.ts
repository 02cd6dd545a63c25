import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { bytesOf } from "../../src/core/bytes.ts";
import { bytesOfLatin1 } from "../support/latin1.ts";
import { REPLY_DEPTH_MAX, REQUEST_BYTES_MAX, TEXT_LINE_BYTES_MAX } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import {
  INCOMPLETE,
  INVALID,
  parseReply,
  ReplyScanner,
  type ReplyValue,
  writeReply,
} from "../../src/protocol/reply_scanner.ts";
import { RespReply } from "../../src/protocol/resp_reply.ts";
import { TextReply } from "../../src/protocol/text_reply.ts";
import { feed, range, written } from "./support.ts";
import { assertProperty } from "../support/property.ts";

const bulk = (text: string): ReplyValue => ({ kind: "bulk", bytes: bytesOf(text) });
const integer = (value: number | bigint): ReplyValue => ({ kind: "integer", value });
const array = (...items: ReplyValue[]): ReplyValue => ({ kind: "array", items });
const NIL: ReplyValue = { kind: "nil" };

const CORPUS: readonly [input: string, value: ReplyValue][] = [
  ["+OK\r\n", { kind: "simple", text: "OK" }],
  ["+\r\n", { kind: "simple", text: "" }],
  ["-ERR grün\r\n", { kind: "error", text: "ERR grün" }],
  [":0\r\n", integer(0)],
  [":-42\r\n", integer(-42)],
  [":9223372036854775807\r\n", integer(2n ** 63n - 1n)],
  ["$5\r\nhello\r\n", bulk("hello")],
  ["$0\r\n\r\n", bulk("")],
  ["$6\r\n\r\n+OK\n\r\n", bulk("\r\n+OK\n")],
  ["$-1\r\n", NIL],
  ["*-1\r\n", NIL],
  ["*0\r\n", array()],
  ["*3\r\n$1\r\na\r\n$-1\r\n:7\r\n", array(bulk("a"), NIL, integer(7))],
  [
    "*3\r\n*0\r\n*2\r\n*1\r\n+x\r\n:1\r\n*0\r\n",
    array(array(), array(array({ kind: "simple", text: "x" }), integer(1)), array()),
  ],
];

/** The replies in `input`, cut at `cuts`, then the error or `incomplete` if it ends so. */
function scanCut(input: Uint8Array, cuts: readonly number[] = []): (ReplyValue | string)[] {
  const scanner = new ReplyScanner();
  const replies: (ReplyValue | string)[] = [];
  const last = feed(
    (bytes, start, end) => scanner.scan(bytes, start, end),
    input,
    cuts,
    (bytes, start, end) => replies.push(parseReply(bytes, start, end)),
  );
  if (last === INVALID) replies.push(scanner.error);
  if (last === INCOMPLETE) replies.push("incomplete");
  return replies;
}

function scanError(input: string): string {
  const scanner = new ReplyScanner();
  const bytes = bytesOf(input);
  return scanner.scan(bytes, 0, bytes.length) === INVALID ? scanner.error : "";
}

Deno.test("ReplyScanner finds each reply's end, and parseReply its value", () => {
  for (const [input, value] of CORPUS) assertEquals(scanCut(bytesOf(input)), [value], input);
});

Deno.test("ReplyScanner finds the same replies wherever the bytes are cut", () => {
  const all = bytesOf(CORPUS.map(([input]) => input).join(""));
  const values = CORPUS.map(([, value]) => value);
  for (const cut of range(all.length)) assertEquals(scanCut(all, [cut]), values, `cut at ${cut}`);
  assertEquals(scanCut(all, range(all.length)), values);
});

Deno.test("ReplyScanner resumes behind the elements that it has scanned", () => {
  const scanner = new ReplyScanner();
  const bytes = bytesOf("*2\r\n$2\r\nab\r\n+cd\r\n");
  assertEquals(scanner.scan(bytes, 0, 14), INCOMPLETE);
  bytes.fill(0x78, 0, 12);
  bytes[13] = 0x0a;
  assertEquals(scanner.scan(bytes, 0, bytes.length), bytes.length);
});

Deno.test("ReplyScanner refuses what is no reply", () => {
  for (
    const [input, problem] of [
      ["hello\r\n", "byte 104 begins no reply"],
      ["_\r\n", "byte 95 begins no reply"],
      ["+OK\n", "a line does not end in CRLF"],
      [":x\r\n", "a number is not one"],
      [":\r\n", "a number is not one"],
      [":1\rx", "a number is not followed by CRLF"],
      ["$01\r\n", "a number begins with 0"],
      ["$-0\r\n", "a number begins with 0"],
      [":12345678901234567890\r\n", "a number has too many digits"],
      ["$-2\r\n", "a value of -2 bytes"],
      [`$${REQUEST_BYTES_MAX + 1}\r\n`, `a value of ${REQUEST_BYTES_MAX + 1} bytes`],
      ["*-2\r\n", "an array of -2 elements"],
      ["$1\r\nabc", "a value is not followed by CRLF"],
      ["*1\r\n*1\r\n?", "byte 63 begins no reply"],
    ] as const
  ) assertEquals(scanError(input), `Protocol error: ${problem}`, input);
});

Deno.test("ReplyScanner bounds the nesting of arrays", () => {
  assertEquals(scanError("*1\r\n".repeat(REPLY_DEPTH_MAX) + ":1\r\n"), "");
  assertStringIncludes(scanError("*1\r\n".repeat(REPLY_DEPTH_MAX + 1)), `more than ${REPLY_DEPTH_MAX} deep`);
});

Deno.test("ReplyScanner bounds a line", () => {
  assertEquals(scanError(`+${"x".repeat(TEXT_LINE_BYTES_MAX - 1)}\r\n`), "");
  assertStringIncludes(scanError(`+${"x".repeat(TEXT_LINE_BYTES_MAX)}\r\n`), "a line is too long");
  assertStringIncludes(scanError(`+${"x".repeat(TEXT_LINE_BYTES_MAX + 2)}`), "a line is too long");
});

Deno.test("ReplyScanner takes any bytes without throwing, looping or reading beyond them", () => {
  const piece = fc.constantFrom(
    "*",
    "$",
    ":",
    "+",
    "-",
    "\r\n",
    "\n",
    "\r",
    "0",
    "1",
    "2",
    "*2\r\n",
    "$1\r\nx\r\n",
    ":1\r\n",
    "+a\r\n",
    "\xff",
  );
  assertProperty(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 6 }), (pieces, cuts) => {
      const input = bytesOfLatin1(pieces.join(""));
      const sorted = cuts.map((cut) => input.length === 0 ? 0 : cut % input.length).sort((a, b) => a - b);
      assertEquals(scanCut(input, sorted), scanCut(input));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("writeReply says again what parseReply has read", () => {
  for (const [input] of CORPUS) {
    const bytes = bytesOf(input);
    const value = parseReply(bytes, 0, bytes.length);
    const expected = input === "*-1\r\n" ? "$-1\r\n" : input;
    assertEquals(written((output) => writeReply(value, new RespReply(output))), expected);
  }
});

Deno.test("writeReply says a reply in the client's own dialect", () => {
  const value = array(bulk("a"), NIL);
  const inResp3 = (output: OutputBuffer) => {
    const reply = new RespReply(output);
    reply.version = 3;
    writeReply(value, reply);
  };
  assertEquals(written(inResp3), "*2\r\n$1\r\na\r\n_\r\n");
  assertEquals(written((output) => writeReply(value, new TextReply(output))), "a\n(nil)\n");
});

Deno.test("parseReply copies values, so that the buffer may change", () => {
  const bytes = bytesOf("$2\r\nab\r\n");
  const value = parseReply(bytes, 0, bytes.length);
  bytes.fill(0);
  assertEquals(value, bulk("ab"));
});
