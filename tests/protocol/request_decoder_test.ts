import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { bytesOf, latin1Of } from "../../src/core/bytes.ts";
import { bytesOfLatin1 } from "../support/latin1.ts";
import { ARGUMENT_COUNT_MAX, MIB, REQUEST_BYTES_MAX, TEXT_LINE_BYTES_MAX } from "../../src/core/limits.ts";
import { INCOMPLETE, INVALID, RequestDecoder } from "../../src/protocol/request_decoder.ts";
import { argumentsOf, decodeCut, decodeError, encoded, feed, range } from "./support.ts";
import { assertProperty } from "../support/property.ts";

const SET = "*3\r\n$3\r\nSET\r\n$2\r\nab\r\n$3\r\nxyz\r\n";

/** Inputs and what they are decoded to. */
const CORPUS: readonly [input: string, requests: (string[] | string)[]][] = [
  [SET, [["SET", "ab", "xyz"]]],
  ["*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n" + SET, [["PING"], ["GET", ""], ["SET", "ab", "xyz"]]],
  ["*2\r\n$3\r\nGET\r\n$6\r\n\r\n$1\r\n\r\n", [["GET", "\r\n$1\r\n"]]],
  ["*2\r\n$3\r\nGET\r\n$12\r\n\x00\xff\x80\r\n*\n$'\" \t\r\n", [["GET", "\x00\xff\x80\r\n*\n$'\" \t"]]],
  ["*0\r\n*-1\r\n*-20\r\n*1\r\n$4\r\nPING\r\n", [[], [], [], ["PING"]]],
  ["*12\r\n" + "$1\r\nx\r\n".repeat(12), [Array(12).fill("x")]],
  ["*40\r\n" + "$2\r\nxy\r\n".repeat(40), [Array(40).fill("xy")]],
  ["SET my_key hello_world\n", [["(text)", "SET", "my_key", "hello_world"]]],
  ["GET my_key\r\n*1\r\n$4\r\nPING\r\nPING\n", [["GET", "my_key"], ["PING"], ["(text)", "PING"]]],
  ["\n\r\n  \t \n", [["(text)"], [], ["(text)"]]],
  ["SET k \"a \\x41\\n\" 'b'\nGET k\n", [["(text)", "SET", "k", "a A\n", "b"], ["(text)", "GET", "k"]]],
  ['SET k "v\n', ["ERR Protocol error: unbalanced quotes in request"]],
  [SET + "*x\r\n", [["SET", "ab", "xyz"], "ERR Protocol error: invalid multibulk length"]],
  ["*1\r\n+OK\r\n", ["ERR Protocol error: expected '$', got '+'"]],
  ["*1\r\n$4\r\nPINGxx", ["ERR Protocol error: expected CRLF behind a bulk"]],
  ["*1\r\n$-1\r\n", ["ERR Protocol error: invalid bulk length"]],
  ["*01\r\n", ["ERR Protocol error: invalid multibulk length"]],
  ["*1\r\n$01\r\n", ["ERR Protocol error: invalid bulk length"]],
  ["*-0\r\n", ["ERR Protocol error: invalid multibulk length"]],
  ["*\r\n", ["ERR Protocol error: invalid multibulk length"]],
  ["*1\r\n$\r\n", ["ERR Protocol error: invalid bulk length"]],
  ["*1\n$4\nPING\n", ["ERR Protocol error: invalid multibulk length"]],
  ["*1\rx", ["ERR Protocol error: invalid multibulk length"]],
  ["*12345678901\r\n", ["ERR Protocol error: too big mbulk count string"]],
  ["*1\r\n$12345678901\r\n", ["ERR Protocol error: too big bulk count string"]],
  ["*2\r\n$3\r\nGET\r\n$5\r\nab", ["incomplete"]],
];

Deno.test("RequestDecoder decodes requests that come whole", () => {
  for (const [input, requests] of CORPUS) assertEquals(decodeCut(bytesOfLatin1(input)), requests, input);
});

Deno.test("RequestDecoder gives the same requests wherever the bytes are cut in two", () => {
  for (const [input, requests] of CORPUS) {
    const bytes = bytesOfLatin1(input);
    for (const cut of range(bytes.length)) {
      assertEquals(decodeCut(bytes, [cut]), requests, `${input} cut at ${cut}`);
    }
  }
});

Deno.test("RequestDecoder gives the same requests byte by byte", () => {
  for (const [input, requests] of CORPUS) {
    const bytes = bytesOfLatin1(input);
    assertEquals(decodeCut(bytes, range(bytes.length)), requests, input);
  }
});

Deno.test("RequestDecoder decodes what was encoded, for any arguments and any cuts", () => {
  const args = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 40 });
  assertProperty(
    fc.property(
      fc.array(args, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (all, cuts) => {
        const parts = all.map((request) => encoded(...request));
        const input = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
        let at = 0;
        for (const part of parts) {
          input.set(part, at);
          at += part.length;
        }
        const sorted = cuts.map((cut) => cut % input.length).sort((a, b) => a - b);
        const expected = all.map((request) => request.map((argument) => latin1Of(argument)));
        assertEquals(decodeCut(input, sorted), expected);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("RequestDecoder takes any bytes without throwing, looping or reading beyond them", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "*",
      "$",
      "\r\n",
      "\n",
      "*1\r\n",
      "*2\r\n$3\r\nGET\r\n",
      "$1\r\n",
      "-",
      '"',
      "'",
      "\\x4",
      " ",
      "0",
      "7",
    ),
    fc.uint8Array({ maxLength: 6 }).map((bytes) => latin1Of(bytes)),
  );
  assertProperty(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 6 }), (pieces, cuts) => {
      const input = bytesOfLatin1(pieces.join(""));
      const sorted = cuts.map((cut) => input.length === 0 ? 0 : cut % input.length).sort((a, b) => a - b);
      assertEquals(decodeCut(input, sorted), decodeCut(input));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("RequestDecoder has nothing to say of no bytes", () => {
  assertEquals(new RequestDecoder().decode(bytesOf("PING\n"), 3, 3), INCOMPLETE);
});

Deno.test("RequestDecoder resumes behind the arguments that it has decoded", () => {
  const decoder = new RequestDecoder();
  const input = bytesOf("*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
  assertEquals(decoder.decode(input, 0, 15), INCOMPLETE);
  input.fill(0x78, 0, 13);
  assertEquals(decoder.decode(input, 0, input.length), input.length);
  assertEquals(argumentsOf(decoder), ["xxx", "a"]);
});

Deno.test("RequestDecoder resumes a text line behind the bytes that it has searched", () => {
  const decoder = new RequestDecoder();
  const input = bytesOf("GET a\n");
  assertEquals(decoder.decode(input, 0, 3), INCOMPLETE);
  input[0] = 0x0a;
  assertEquals(decoder.decode(input, 0, input.length), input.length);
});

Deno.test("RequestDecoder says how many bytes a large argument needs", () => {
  const decoder = new RequestDecoder();
  const input = bytesOf("*2\r\n$3\r\nGET\r\n$1000\r\nab");
  assertEquals(decoder.decode(input, 0, 10), INCOMPLETE);
  assertEquals(decoder.bytesNeeded, 13);
  assertEquals(decoder.decode(input, 0, input.length), INCOMPLETE);
  assertEquals(decoder.bytesNeeded, 20 + 1000 + 2);
  assertEquals(decoder.decode(bytesOf(SET), 0, 3), INCOMPLETE);
});

Deno.test("RequestDecoder forgets what it needed once the request is complete", () => {
  const decoder = new RequestDecoder();
  const input = bytesOf(SET);
  assertEquals(decoder.decode(input, 0, 18), INCOMPLETE);
  assertEquals(decoder.bytesNeeded, 21);
  assertEquals(decoder.decode(input, 0, input.length), input.length);
  assertEquals(decoder.bytesNeeded, 0);
});

Deno.test("RequestDecoder bounds the count of arguments", () => {
  assertEquals(decodeError(bytesOf(`*${ARGUMENT_COUNT_MAX}\r\n`)), "");
  assertEquals(
    decodeError(bytesOf(`*${ARGUMENT_COUNT_MAX + 1}\r\n`)),
    "ERR Protocol error: invalid multibulk length",
  );
});

Deno.test("RequestDecoder bounds the length of an argument", () => {
  assertEquals(
    decodeError(bytesOf(`*1\r\n$${REQUEST_BYTES_MAX + 1}\r\n`)),
    "ERR Protocol error: invalid bulk length",
  );
});

Deno.test("RequestDecoder bounds the whole request", () => {
  const head = "*1\r\n$00000000\r\n".length;
  const fitting = REQUEST_BYTES_MAX - head - 2;
  assertEquals(decodeError(bytesOf(`*1\r\n$${fitting}\r\n`)), "");
  assertEquals(decodeError(bytesOf(`*1\r\n$${fitting + 1}\r\n`)), "ERR Protocol error: request too large");
});

Deno.test("RequestDecoder bounds the sum of all arguments", () => {
  const decoder = new RequestDecoder();
  const input = new Uint8Array(40 * MIB + 64);
  const head = bytesOf(`*2\r\n$${40 * MIB}\r\n`);
  input.set(head);
  const tail = bytesOf(`\r\n$${30 * MIB}\r\n`);
  input.set(tail, head.length + 40 * MIB);
  assertEquals(decoder.decode(input, 0, head.length + 40 * MIB + tail.length), INVALID);
  assertEquals(decoder.error, "ERR Protocol error: request too large");
});

Deno.test("RequestDecoder bounds a text line the same way however it arrives", () => {
  const longest = bytesOf("x".repeat(TEXT_LINE_BYTES_MAX) + "\n");
  assertEquals(decodeError(longest), "");
  const tooLong = bytesOf("x".repeat(TEXT_LINE_BYTES_MAX + 1) + "\n");
  assertEquals(decodeError(tooLong), "ERR Protocol error: too big inline request");
  assertEquals(decodeCut(tooLong, [1000, TEXT_LINE_BYTES_MAX + 1]), [
    "ERR Protocol error: too big inline request",
  ]);
  assertEquals(decodeError(longest.subarray(0, TEXT_LINE_BYTES_MAX)), "");
});

Deno.test("RequestDecoder takes no memory for arguments that are only announced", () => {
  const decoder = new RequestDecoder();
  const input = bytesOf(`*${ARGUMENT_COUNT_MAX}\r\n$1\r\na\r\n`);
  assertEquals(decoder.decode(input, 0, input.length), INCOMPLETE);
  assertLessOrEqual(decoder.starts.length, 16);
});

Deno.test("RequestDecoder gives back the memory of a request with many arguments", () => {
  const many = bytesOf(`*5000\r\n${"$1\r\na\r\n".repeat(5000)}`);
  const decoder = new RequestDecoder();
  assertEquals(decoder.decode(many, 0, many.length), many.length);
  assertEquals(argumentsOf(decoder), Array(5000).fill("a"));
  decoder.settle();
  assertLessOrEqual(decoder.starts.length, 16);
  assertEquals(decoder.bytes.length, 0);
  assertEquals(decoder.decode(many, 0, many.length), many.length);
  const small = bytesOf(SET);
  assertEquals(decoder.decode(small, 0, small.length), small.length);
  assertLessOrEqual(decoder.starts.length, 16);
  assertEquals(argumentsOf(decoder), ["SET", "ab", "xyz"]);
});

Deno.test("RequestDecoder gives back the memory of a text line with many words", () => {
  const many = bytesOf(`${"a ".repeat(5000)}"quoted"\n`);
  const decoder = new RequestDecoder();
  assertEquals(decoder.decode(many, 0, many.length), many.length);
  assertEquals(decoder.argumentCount, 5001);
  decoder.settle();
  assertLessOrEqual(decoder.starts.length, 16);
  const ping = bytesOf("PING\n");
  assertEquals(decoder.decode(ping, 0, ping.length), ping.length);
  assertEquals(argumentsOf(decoder), ["PING"]);
  assertLessOrEqual(decoder.starts.length, 16);
});

Deno.test("RequestDecoder keeps an incomplete request when it settles", () => {
  const decoder = new RequestDecoder();
  const many = bytesOf(`*5000\r\n${"$1\r\na\r\n".repeat(5000)}`);
  const requests: number[] = [];
  feed(
    (bytes, start, end) => {
      decoder.settle();
      return decoder.decode(bytes, start, end);
    },
    many,
    [3, 20_000, 20_001, 30_000],
    () =>
      requests.push(
        decoder.argumentCount,
        argumentsOf(decoder).filter((argument) => argument === "a").length,
      ),
  );
  assertEquals(requests, [5000, 5000]);
});

Deno.test("RequestDecoder goes from text to RESP and back without mixing them up", () => {
  const decoder = new RequestDecoder();
  for (
    const input of ["SET 'a b' c\n", SET, "GET k\r\n", `*20\r\n${"$1\r\na\r\n".repeat(20)}`, "A B C D\n"]
  ) {
    const bytes = bytesOf(input);
    assertEquals(decoder.decode(bytes, 0, bytes.length), bytes.length);
    assertEquals(decoder.isLine, input[0] !== "*");
    assertEquals(decoder.isText, input[0] !== "*" && !input.endsWith("\r\n"));
  }
  assertEquals(argumentsOf(decoder), ["A", "B", "C", "D"]);
  assert(decoder.isText);
});

Deno.test("A line that ends in CRLF is a program's and not to be answered in text, however it is cut", () => {
  const decoder = new RequestDecoder();
  const lines: [line: string, isText: boolean][] = [
    ["PING\r\n", false],
    ["PING\n", true],
    ["\r\n", false],
    ["\n", true],
    ["PING \r \n", true],
  ];
  for (const [line, isText] of lines) {
    const bytes = bytesOf(line);
    for (let cut = 0; cut < bytes.length; cut++) {
      decoder.decode(bytes, 0, cut);
      assertEquals(decoder.decode(bytes, 0, bytes.length), bytes.length);
      assertEquals([decoder.isLine, decoder.isText], [true, isText], JSON.stringify(line));
    }
  }
});
