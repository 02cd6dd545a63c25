import { assertEquals } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { RequestDecoder } from "../../src/protocol/request_decoder.ts";
import { encodeDecoded } from "../../src/protocol/request_encoder.ts";
import { encoded, written } from "./support.ts";

Deno.test("encodeRequest writes strings in UTF-8 and bytes as they are", () => {
  assertEquals(
    textOf(encoded("SET", "grün", bytesOf("x\r\n"))),
    "*3\r\n$3\r\nSET\r\n$5\r\ngrün\r\n$3\r\nx\r\n\r\n",
  );
  assertEquals(textOf(encoded("")), "*1\r\n$0\r\n\r\n");
});

Deno.test("encodeDecoded writes a text line as RESP", () => {
  const decoder = new RequestDecoder();
  const line = bytesOf(`SET k "a b"\r\n`);
  decoder.decode(line, 0, line.length);
  assertEquals(
    written((output) => encodeDecoded(output, decoder)),
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na b\r\n",
  );
});
