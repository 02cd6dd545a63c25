/** Long replies said while they arrive. */
import { assertEquals } from "@std/assert";
import { bytesOf, latin1Of } from "../../src/core/bytes.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { INVALID } from "../../src/protocol/progress.ts";
import { ReplyPortions } from "../../src/protocol/reply_portions.ts";
import { parseReply, writeReply } from "../../src/protocol/reply_scanner.ts";
import { RespReply } from "../../src/protocol/resp_reply.ts";
import { TextReply } from "../../src/protocol/text_reply.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const REPLIES = [
  "$5\r\nvalue\r\n",
  "$0\r\n\r\n",
  "$-1\r\n",
  "*0\r\n",
  "*3\r\n$1\r\na\r\n$-1\r\n$3\r\n\r\n\n\r\n",
  "*2\r\n:12\r\n*2\r\n+OK\r\n-ERR no\r\n",
  `$2000\r\n${"x\r\n".repeat(666)}xx\r\n`,
];

function dialects(output: OutputBuffer) {
  const resp3 = new RespReply(output);
  resp3.version = 3;
  return [null, resp3, new TextReply(output)];
}

Deno.test("A reply that arrives in pieces is said as one that is there whole, in every dialect", () => {
  const random = new SeededRandom(11);
  for (const text of REPLIES) {
    const bytes = bytesOf(text);
    for (let dialect = 0; dialect < 3; dialect++) {
      const whole = new OutputBuffer();
      writeReply(parseReply(bytes, 0, bytes.length), dialects(whole)[dialect] ?? new RespReply(whole));
      for (let round = 0; round < 20; round++) {
        const output = new OutputBuffer();
        const reply = dialects(output)[dialect]!;
        const portions = new ReplyPortions();
        let at = 0;
        for (let end = 0; !portions.isOver;) {
          end = Math.min(bytes.length, end + 1 + random.u32() % 7);
          at = portions.take(bytes, at, end, { output, reply });
        }
        assertEquals(at, bytes.length);
        assertEquals(latin1Of(output.bytes, 0, output.length), latin1Of(whole.bytes, 0, whole.length));
      }
    }
  }
});

Deno.test("What is no reply is told", () => {
  for (const text of ["!\r\n", "$x\r\n", "$-2\r\n", "$1\r\nab\r\n", "$1\nab"]) {
    const target = { output: new OutputBuffer(), reply: null };
    assertEquals(new ReplyPortions().take(bytesOf(text), 0, text.length, target), INVALID);
  }
});
