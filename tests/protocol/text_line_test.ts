import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { bytesOf, latin1Of } from "../../src/core/bytes.ts";
import { bytesOfLatin1 } from "../support/latin1.ts";
import { looksLikeHttp } from "../../src/protocol/http_guard.ts";
import { RequestDecoder } from "../../src/protocol/request_decoder.ts";
import { TextLine } from "../../src/protocol/text_line.ts";
import { assertProperty } from "../support/property.ts";

/** The words of `line`, or `null` when its quotes do not match. */
function wordsOf(line: string): string[] | null {
  const splitter = new TextLine();
  const bytes = bytesOfLatin1(line);
  if (!splitter.split(bytes, 0, bytes.length)) return null;
  return Array.from(
    { length: splitter.wordCount },
    (_, i) => latin1Of(splitter.bytes, splitter.starts[i]!, splitter.ends[i]!),
  );
}

Deno.test("TextLine splits at blanks", () => {
  assertEquals(wordsOf("SET key value"), ["SET", "key", "value"]);
  assertEquals(wordsOf("  \tSET \v key\f  value \r"), ["SET", "key", "value"]);
  assertEquals(wordsOf(""), []);
  assertEquals(wordsOf(" \t "), []);
  assertEquals(wordsOf("\xff\x00 \x80"), ["\xff\x00", "\x80"]);
});

Deno.test("TextLine takes what is quoted as one word", () => {
  assertEquals(wordsOf(`SET k "a b"`), ["SET", "k", "a b"]);
  assertEquals(wordsOf(`SET k 'a "b"'`), ["SET", "k", `a "b"`]);
  assertEquals(wordsOf(`SET "" ''`), ["SET", "", ""]);
  assertEquals(wordsOf(`"quoted" plain`), ["quoted", "plain"]);
});

Deno.test("TextLine lets a quoted part follow a plain one, as Redis does", () => {
  assertEquals(wordsOf(`a"b c"`), ["ab c"]);
  assertEquals(wordsOf(`a'b c' d`), ["ab c", "d"]);
});

Deno.test("TextLine unescapes inside double quotes", () => {
  assertEquals(wordsOf(String.raw`"\n\r\t\b\a\\\"\q"`), ['\n\r\t\b\x07\\"q']);
  assertEquals(wordsOf(String.raw`"\x41\x0a\xFf\xg1\x4"`), ["A\n\xffxg1x4"]);
});

Deno.test("TextLine unescapes nothing but the quote inside single quotes", () => {
  assertEquals(wordsOf(String.raw`'\n\x41 \'s'`), [String.raw`\n\x41 's`]);
});

Deno.test("TextLine takes a backslash outside quotes as it is", () => {
  assertEquals(wordsOf(String.raw`a\n b\x41`), [String.raw`a\n`, String.raw`b\x41`]);
});

Deno.test("TextLine refuses quotes that do not match", () => {
  for (
    const line of [
      '"',
      "'",
      'a "b',
      "a 'b",
      '"a"b',
      "'a'b",
      '"a""b"',
      String.raw`"a\"`,
      String.raw`'a\'`,
      '"a\\',
    ]
  ) {
    assertEquals(wordsOf(line), null, line);
  }
});

Deno.test("TextLine takes back what was quoted, for any bytes", () => {
  const quote = (word: string) =>
    `"${[...word].map((c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`).join("")}"`;
  assertProperty(
    fc.property(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 40 }), (all) => {
      const words = all.map((bytes) => latin1Of(bytes));
      assertEquals(wordsOf(words.map(quote).join(" ")), words);
    }),
    { numRuns: 200 },
  );
});

Deno.test("TextLine splits one line after another, long or short, quoted or plain", () => {
  const splitter = new TextLine();
  for (const count of [1, 2000, 3, 40]) {
    for (const quotes of ["", '"']) {
      const bytes = bytesOf(Array(count).fill(`${quotes}word${quotes}`).join(" "));
      assertEquals(splitter.split(bytes, 0, bytes.length), true);
      assertEquals(splitter.wordCount, count);
      const last = count - 1;
      assertEquals(latin1Of(splitter.bytes, splitter.starts[last]!, splitter.ends[last]!), "word");
    }
  }
});

Deno.test("looksLikeHttp knows a browser's lines from a person's", () => {
  const decoder = new RequestDecoder();
  const isHttp = (line: string) => {
    const bytes = bytesOf(`${line}\r\n`);
    decoder.decode(bytes, 0, bytes.length);
    return looksLikeHttp(decoder);
  };
  for (
    const line of [
      "GET / HTTP/1.1",
      "SETEX a HTTP/1.1",
      "POST / HTTP/1.0",
      "post x",
      "Host: localhost:8080",
      "PUT /a http/2",
    ]
  ) {
    assertEquals(isHttp(line), true, line);
  }
  for (
    const line of [
      "GET key",
      "PING",
      "SET a HTTP",
      "SET a HTTP/1.1",
      "SET a HTTP/1.1 EX",
      "Host",
      "GETRANGE a 0",
    ]
  ) {
    assertEquals(isHttp(line), false, line);
  }
  assertEquals(isHttp(`"GET" a HTTP/1.1`), true);
  assertEquals(isHttp(`"SET" a HTTP`), false);
});
