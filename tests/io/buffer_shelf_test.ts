/** Buffers that lie side by side. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { BufferShelf } from "../../src/io/buffer_shelf.ts";

Deno.test("A shelf's buffers lie side by side in a few arrays, and no two overlap", () => {
  const shelf = new BufferShelf(512);
  const buffers = Array.from({ length: 1_000 }, () => shelf.take());
  buffers.forEach((buffer, i) => buffer.fill(i));
  assert(buffers.every((buffer, i) => buffer.length === 512 && buffer.every((byte) => byte === (i & 0xff))));
  assertEquals(new Set(buffers.map(({ buffer }) => buffer)).size, 8);
});

Deno.test("A shelf hands out what was given back before it makes more", () => {
  const shelf = new BufferShelf(512);
  const [first, second] = [shelf.take(), shelf.take()];
  shelf.give(first);
  shelf.give(second);
  assertEquals([shelf.take(), shelf.take()].map(({ byteOffset }) => byteOffset), [512, 0]);
});

Deno.test("A shelf refuses a buffer of another size as a bug of its caller", () => {
  assertThrows(() => new BufferShelf(512).give(new Uint8Array(511)), Error, "a shelf gets back");
});
