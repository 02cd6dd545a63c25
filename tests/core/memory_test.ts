/** Copies between memories, against the plain ones. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { copyMemory, MemoryView } from "../../src/core/memory.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { assertProperty } from "../support/property.ts";

const PADDING = 16;

Deno.test("A copy between memories moves the bytes of any range to any place, and touches none around them", () => {
  const ranges = fc.record({
    // Around eight, the bytes of a word, and around the 512 from which on a copy goes another way.
    count: fc.oneof(fc.nat(40), fc.integer({ min: 500, max: 530 })),
    start: fc.nat(PADDING),
    at: fc.nat(PADDING),
    seed: fc.nat(255),
  });
  assertProperty(
    fc.property(ranges, ({ count, start, at, seed }) => {
      const source = Uint8Array.from({ length: start + count + PADDING }, (_, i) => i * 37 + seed);
      const target = new Uint8Array(at + count + PADDING).fill(0xee);
      const expected = target.slice();
      expected.set(source.subarray(start, start + count), at);
      copyMemory(new MemoryView(target), at, new MemoryView(source), start, start + count);
      assertEquals(target, expected);
    }),
    { numRuns: 500 },
  );
});

Deno.test("Words that would be no number as a float keep every bit", () => {
  const source = new Uint8Array(64).fill(0xff);
  for (let i = 0; i < source.length; i += 9) source[i] = i;
  const output = new OutputBuffer(8);
  output.append(new MemoryView(source), 0, source.length);
  assertEquals(output.view(), source);
});

Deno.test("A view of memory follows to other bytes, and begins where they begin", () => {
  const view = new MemoryView();
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => i);
  const output = new OutputBuffer();
  for (const part of [bytes.subarray(0, 20), bytes.subarray(20)]) {
    view.use(part);
    output.append(view, 0, part.length);
  }
  assertEquals(output.view(), bytes);
});

Deno.test("What is appended survives the growth of the buffer and is gone when that is emptied", () => {
  const output = new OutputBuffer(16);
  const piece = new MemoryView(Uint8Array.from({ length: 12 }, (_, i) => 100 + i));
  for (let i = 0; i < 9; i++) output.append(piece, 0, 12);
  assertEquals(output.view(), Uint8Array.from({ length: 108 }, (_, i) => 100 + i % 12));
  output.clear(0);
  assertEquals([output.length, output.bytes.length], [0, 0]);
  output.append(piece, 3, 12);
  assertEquals(output.view(), piece.bytes.subarray(3));
});
