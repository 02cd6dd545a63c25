/** The buffer that bytes are gathered in. */
import { assertEquals } from "@std/assert";
import { KIB } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";

/** Appends `count` pieces of 1 KiB; the bytes of piece `i` are `i`. */
function write(buffer: OutputBuffer, count: number): void {
  for (let i = 0; i < count; i++) buffer.copy(new Uint8Array(KIB).fill(i));
}

Deno.test("What is written stays as it is while the buffer grows into arrays that others used", () => {
  const former = new OutputBuffer(256, true);
  former.copy(new Uint8Array(900 * KIB).fill(0xee));
  former.clear(0);
  const buffer = new OutputBuffer(256, true);
  write(buffer, 900);
  for (let i = 0; i < 900 * KIB; i++) if (buffer.bytes[i] !== (i >>> 10 & 0xff)) throw new Error(`byte ${i}`);
  assertEquals(buffer.length, 900 * KIB);
});

Deno.test("A buffer that gave its room back takes at once what it needed last time", () => {
  const buffer = new OutputBuffer(64, true);
  write(buffer, 900);
  buffer.clear(KIB);
  assertEquals(buffer.bytes.length, 0);
  buffer.byte(1);
  assertEquals(buffer.bytes.length, 1024 * KIB);
  buffer.clear(KIB);
  buffer.byte(1);
  assertEquals(buffer.bytes.length, 64);
});
