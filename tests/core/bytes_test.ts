/** Byte loops, against the built-in way of saying the same. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { copyBytes, equalWords, viewOf, ViewOfLast } from "../../src/core/bytes.ts";
import { MIB } from "../../src/core/limits.ts";
import { assertProperty } from "../support/property.ts";

const content = fc.uint8Array({ minLength: 0, maxLength: 600 });
const offset = fc.nat({ max: 40 });

Deno.test("Copied bytes arrive as they were, whatever their length and alignment, and nothing beside them changes", () => {
  assertProperty(fc.property(content, offset, offset, (bytes, start, at) => {
    const source = new Uint8Array(start + bytes.length + 8).fill(1);
    source.set(bytes, start);
    const target = new Uint8Array(at + bytes.length + 8).fill(2);
    const expected = target.slice();
    expected.set(bytes, at);
    copyBytes(target, at, source, start, start + bytes.length);
    assertEquals(target, expected);
  }));
});

Deno.test("Bytes are equal to themselves at any place, and not once one of them differs", () => {
  assertProperty(fc.property(content, offset, offset, fc.nat(), (bytes, start, at, place) => {
    const a = new Uint8Array(start + bytes.length + 8).fill(1);
    a.set(bytes, start);
    const b = new Uint8Array(at + bytes.length + 8).fill(2);
    b.set(bytes, at);
    assertEquals(equalWords(viewOf(a), start, start + bytes.length, viewOf(b), at), true);
    if (bytes.length === 0) return;
    b[at + place % bytes.length]! ^= 0x80;
    assertEquals(equalWords(viewOf(a), start, start + bytes.length, viewOf(b), at), false);
  }));
});

Deno.test("The view of an array is over its very bytes, also when the array is a part of a larger one", () => {
  const views = new ViewOfLast();
  const whole = new Uint8Array([1, 2, 3, 4, 5]);
  const part = whole.subarray(2, 4);
  assertEquals([views.of(whole).getUint8(0), views.of(part).getUint8(0), views.of(part).byteLength], [
    1,
    3,
    2,
  ]);
  assertEquals(views.of(part), views.of(part));
});

Deno.test("A large array is not kept for its view", () => {
  const views = new ViewOfLast();
  const small = new Uint8Array(8);
  const kept = views.of(small);
  assertEquals(views.of(new Uint8Array(5 * MIB)).byteLength, 5 * MIB);
  assertEquals(views.of(small) === kept, true);
});
