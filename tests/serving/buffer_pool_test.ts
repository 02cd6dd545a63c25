/** Buffers that lie side by side. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { BufferPool } from "../../src/serving/buffer_pool.ts";

Deno.test("A pool's buffers lie side by side in a few arrays, and no two overlap", () => {
  const pool = new BufferPool(512);
  const buffers = Array.from({ length: 1_000 }, () => pool.take());
  buffers.forEach((buffer, i) => buffer.fill(i));
  assert(buffers.every((buffer, i) => buffer.length === 512 && buffer.every((byte) => byte === (i & 0xff))));
  assertEquals(new Set(buffers.map(({ buffer }) => buffer)).size, 8);
});

Deno.test("A pool hands out what was given back before it makes more", () => {
  const pool = new BufferPool(512);
  const [first, second] = [pool.take(), pool.take()];
  pool.give(first);
  pool.give(second);
  assertEquals([pool.take(), pool.take()].map(({ byteOffset }) => byteOffset), [512, 0]);
});

Deno.test("A pool refuses a buffer of another size as a bug of its caller", () => {
  assertThrows(() => new BufferPool(512).give(new Uint8Array(511)), Error, "a pool gets back");
});
