import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { bytesOf, latin1Of } from "../../src/core/bytes.ts";
import { MIB, REPLY_BYTES_SMALL, REPLY_LINE_BYTES_MAX } from "../../src/core/limits.ts";
import { bytesOfLatin1 } from "../support/latin1.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import type { Reply } from "../../src/protocol/reply.ts";
import { parseReply } from "../../src/protocol/reply_scanner.ts";
import { RespReply } from "../../src/protocol/resp_reply.ts";
import { TextReply } from "../../src/protocol/text_reply.ts";
import { written } from "./support.ts";
import { assertProperty } from "../support/property.ts";

type Say = (reply: Reply) => void;

function resp(version: 2 | 3, say: Say): string {
  return written((output) => {
    const reply = new RespReply(output);
    reply.version = version;
    say(reply);
  });
}

function text(say: Say): string {
  return written((output) => say(new TextReply(output)));
}

function sayInPlace(value: string): Say {
  return (reply) => {
    const bytes = bytesOf(value);
    const output = reply.bulkStart(bytes.length);
    output.bytes.set(bytes, output.length);
    output.length += bytes.length;
    reply.bulkEnd();
  };
}

const NESTED: Say = (reply) => {
  reply.arrayStart(3);
  reply.integer(1);
  reply.arrayStart(2);
  reply.nil();
  reply.bulkText("two");
  reply.arrayStart(0);
};

const MAP: Say = (reply) => {
  reply.mapStart(2);
  reply.bulkText("a");
  reply.integer(1);
  reply.bulkText("b");
  reply.setStart(1);
  reply.simple("x");
};

/** What is said, and how it sounds in RESP 2, RESP 3 and text. */
const SAYINGS: readonly [Say, resp2: string, resp3: string, text: string][] = [
  [(reply) => reply.ok(), "+OK\r\n", "+OK\r\n", "OK\n"],
  [(reply) => reply.simple("PONG"), "+PONG\r\n", "+PONG\r\n", "PONG\n"],
  [
    (reply) => reply.error("ERR syntax error"),
    "-ERR syntax error\r\n",
    "-ERR syntax error\r\n",
    "ERROR syntax error\n",
  ],
  [(reply) => reply.error("WRONGTYPE x"), "-WRONGTYPE x\r\n", "-WRONGTYPE x\r\n", "ERROR WRONGTYPE x\n"],
  [(reply) => reply.error("ERR a\r\nb\nc"), "-ERR a  b c\r\n", "-ERR a  b c\r\n", "ERROR a  b c\n"],
  [(reply) => reply.error("ERR grün\r\n"), "-ERR grün  \r\n", "-ERR grün  \r\n", "ERROR grün  \n"],
  [(reply) => reply.simple("a\nb"), "+a b\r\n", "+a b\r\n", "a b\n"],
  [(reply) => reply.integer(0), ":0\r\n", ":0\r\n", "0\n"],
  [(reply) => reply.integer(-7), ":-7\r\n", ":-7\r\n", "-7\n"],
  [
    (reply) => reply.integer(2n ** 63n - 1n),
    ":9223372036854775807\r\n",
    ":9223372036854775807\r\n",
    "9223372036854775807\n",
  ],
  [(reply) => reply.nil(), "$-1\r\n", "_\r\n", "(nil)\n"],
  [(reply) => reply.bulk(bytesOf("xabcx"), 1, 4), "$3\r\nabc\r\n", "$3\r\nabc\r\n", "abc\n"],
  [(reply) => reply.bulk(bytesOf(""), 0, 0), "$0\r\n\r\n", "$0\r\n\r\n", "\n"],
  [(reply) => reply.bulkText("grün"), "$5\r\ngrün\r\n", "$5\r\ngrün\r\n", "grün\n"],
  [(reply) => reply.bulkText("a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n", "a\r\nb\n"],
  [sayInPlace("in place"), "$8\r\nin place\r\n", "$8\r\nin place\r\n", "in place\n"],
  [(reply) => reply.arrayStart(0), "*0\r\n", "*0\r\n", "(empty)\n"],
  [(reply) => reply.mapStart(0), "*0\r\n", "%0\r\n", "(empty)\n"],
  [(reply) => reply.setStart(0), "*0\r\n", "~0\r\n", "(empty)\n"],
  [
    NESTED,
    "*3\r\n:1\r\n*2\r\n$-1\r\n$3\r\ntwo\r\n*0\r\n",
    "*3\r\n:1\r\n*2\r\n_\r\n$3\r\ntwo\r\n*0\r\n",
    "1\n(nil)\ntwo\n(empty)\n",
  ],
  [
    MAP,
    "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n+x\r\n",
    "%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n~1\r\n+x\r\n",
    "a\n1\nb\nx\n",
  ],
];

Deno.test("RespReply writes RESP 2", () => {
  for (const [say, resp2] of SAYINGS) assertEquals(resp(2, say), resp2);
});

Deno.test("RespReply writes RESP 3", () => {
  for (const [say, , resp3] of SAYINGS) assertEquals(resp(3, say), resp3);
});

Deno.test("TextReply writes lines", () => {
  for (const [say, , , lines] of SAYINGS) assertEquals(text(say), lines);
});

Deno.test("RespReply appends replies one behind the other", () => {
  const all: Say = (reply) => SAYINGS.forEach(([say]) => say(reply));
  assertEquals(resp(2, all), SAYINGS.map(([, resp2]) => resp2).join(""));
});

Deno.test("RespReply changes its version between two replies", () => {
  const output = written((output) => {
    const reply = new RespReply(output);
    reply.nil();
    reply.version = 3;
    reply.nil();
  });
  assertEquals(output, "$-1\r\n_\r\n");
});

Deno.test("RespReply writes the length of values of every size", () => {
  for (const length of [0, 1, 9, 10, 11, 63, 64, 65, 99, 100, 101, 1000, 70_000]) {
    const value = "x".repeat(length);
    assertEquals(resp(2, (reply) => reply.bulkText(value)), `$${length}\r\n${value}\r\n`);
    assertEquals(resp(2, sayInPlace(value)), `$${length}\r\n${value}\r\n`);
  }
});

Deno.test("RespReply writes every integer", () => {
  for (let value = -120; value < 1200; value++) {
    assertEquals(resp(2, (reply) => reply.integer(value)), `:${value}\r\n`);
  }
  assertProperty(
    fc.property(
      fc.maxSafeInteger(),
      (value) => assertEquals(resp(2, (reply) => reply.integer(value)), `:${value}\r\n`),
    ),
    { numRuns: 300 },
  );
});

Deno.test("RespReply writes any bytes so that they are read back", () => {
  assertProperty(
    fc.property(fc.uint8Array({ maxLength: 200 }), (value) => {
      const output = new OutputBuffer(16);
      new RespReply(output).bulk(value, 0, value.length);
      assertEquals(parseReply(output.bytes, 0, output.length), { kind: "bulk", bytes: value });
    }),
    { numRuns: 200 },
  );
});

Deno.test("TextReply writes a value's bytes as they are", () => {
  const bytes = bytesOfLatin1("\x00\xff\r\n\x80");
  const output = new OutputBuffer(16);
  new TextReply(output).bulk(bytes, 0, bytes.length);
  assertEquals(latin1Of(output.view()), "\x00\xff\r\n\x80\n");
});

Deno.test("A line of a reply is cut at its bound, never inside a character, and has no line breaks", () => {
  for (const quoted of ["x".repeat(65_530), "é".repeat(40_000), "a\r\n".repeat(9_000), "😀".repeat(9_000)]) {
    for (const prefix of ["ERR ", "ERR x"]) {
      const [inResp2, inResp3, inText] = [
        resp(2, (reply) => reply.error(prefix + quoted)),
        resp(3, (reply) => reply.error(prefix + quoted)),
        text((reply) => reply.error(prefix + quoted)),
      ];
      assertEquals(inResp2, inResp3);
      const inside = inResp2.slice(1, -2);
      assertEquals(inResp2, `-${inside}\r\n`);
      assertMatch(inText, /^ERROR [^\r\n]*\.\.\.\n$/);
      assertEquals(bytesOf(inText).length <= "ERROR ".length + REPLY_LINE_BYTES_MAX + 1, true);
      assertEquals(/[\r\n]/.test(inside), false);
      assertEquals(inside.endsWith("..."), true);
      assertEquals(bytesOf(inside).length <= REPLY_LINE_BYTES_MAX, true);
      assertEquals(bytesOf(inside).length > REPLY_LINE_BYTES_MAX - 8, true);
      assertEquals(inside.includes("\ufffd"), false);
    }
  }
  const fitting = `ERR ${"x".repeat(REPLY_LINE_BYTES_MAX - 4)}`;
  assertEquals(resp(2, (reply) => reply.error(fitting)), `-${fitting}\r\n`);
});

Deno.test("A long value is not made when the reply's gate does not let it through, and nothing grows for it", () => {
  for (const Kind of [RespReply, TextReply]) {
    const output = new OutputBuffer();
    const reply = new Kind(output);
    const asked: number[] = [];
    reply.gate = {
      whenRoom: () => Promise.resolve(),
      check: (bytes) => {
        asked.push(bytes);
        throw new Error("no room");
      },
    };
    const value = new Uint8Array(REPLY_BYTES_SMALL + 1);
    assertThrows(() => reply.bulk(value, 0, value.length), Error, "no room");
    assertThrows(() => reply.bulkStart(value.length), Error, "no room");
    assertThrows(() => reply.expect(MIB), Error, "no room");
    reply.bulk(value, 0, 1);
    assertEquals(asked, [value.length, value.length, MIB]);
    assert(output.length < 10 && output.bytes.length < value.length);
  }
});
