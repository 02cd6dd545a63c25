/** Arrays that are used again. */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { KIB, MIB } from "../../src/core/limits.ts";
import { SpareMemory } from "../../src/core/spare_memory.ts";

Deno.test("Arrays that were given back are taken again, the last one first", () => {
  const memory = new SpareMemory(MIB);
  const [first, second] = [new Uint8Array(128 * KIB), new Uint8Array(128 * KIB)];
  const other = new Uint8Array(256 * KIB);
  for (const bytes of [first, second, other]) memory.give(bytes);
  assertEquals(memory.heldBytes, 512 * KIB);
  assertStrictEquals(memory.take(128 * KIB), second);
  assertStrictEquals(memory.take(128 * KIB), first);
  assertStrictEquals(memory.take(256 * KIB), other);
  assertEquals(memory.heldBytes, 0);
  assertEquals(memory.take(128 * KIB) === first, false);
});

Deno.test("No more bytes are kept than the bound says", () => {
  const memory = new SpareMemory(300 * KIB);
  for (let i = 0; i < 5; i++) memory.give(new Uint8Array(128 * KIB));
  // What there is no room for takes the place of all others.
  assertEquals(memory.heldBytes, 128 * KIB);
  memory.give(new Uint8Array(384 * KIB));
  assertEquals(memory.heldBytes, 128 * KIB);
});

Deno.test("Arrays that are short, very long or of an odd length are made when they are asked for", () => {
  const memory = new SpareMemory(64 * MIB);
  for (const length of [0, 64, 64 * KIB, 200_000, 20 * MIB]) {
    memory.give(new Uint8Array(length));
    assertEquals([memory.take(length).length, memory.heldBytes], [length, 0]);
  }
});
