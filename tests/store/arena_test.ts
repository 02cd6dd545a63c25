import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AssertionError } from "../../src/core/assert.ts";
import { MIB } from "../../src/core/limits.ts";
import { Arena, BLOCK_BYTES } from "../../src/store/arena.ts";
import { assertProperty } from "../support/property.ts";

/** Bytes of which no two blocks are alike. */
function pattern(length: number, salt = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i + (i >>> 6) * 17 + salt;
  return bytes;
}

function readChain(arena: Arena, head: number, at: number, length: number): Uint8Array {
  const target = new Uint8Array(length);
  arena.copyOut(head, at, target, 0, length);
  return target;
}

Deno.test("Arena hands out fresh blocks from the lowest on", () => {
  const arena = new Arena(10);
  assertEquals(arena.allocate(1), 1);
  assertEquals(arena.allocate(3), 2);
  assertEquals(arena.allocate(1), 5);
  assertEquals([arena.liveCount, arena.highBlock, arena.residentCount, arena.countFree()], [5, 5, 5, 0]);
});

Deno.test("Arena hands out freed blocks before fresh ones, the chain freed last first and in its order", () => {
  const arena = new Arena(10);
  const first = arena.allocate(2);
  const second = arena.allocate(3);
  arena.free(first, 2);
  arena.free(second, 3);
  assertEquals(arena.countFree(), 5);
  assertEquals(arena.allocate(1), 3);
  assertEquals(arena.countFree(), 4);
  assertEquals(arena.allocate(1), 4);
  const across = arena.allocate(3);
  assertEquals(across, 5);
  assertEquals(arena.chainLength(across), 3);
  assertEquals([arena.liveCount, arena.highBlock, arena.countFree()], [5, 5, 0]);
  assertEquals(arena.allocate(1), 6);
});

Deno.test("Arena refuses to allocate more blocks than there are", () => {
  const arena = new Arena(4);
  arena.allocate(3);
  assertThrows(() => arena.allocate(2), AssertionError);
  arena.allocate(1);
  assertThrows(() => arena.allocate(1), AssertionError);
});

Deno.test("Arena keeps the content of every chain through any sequence of allocate, resize and free", () => {
  const step = fc.record({ slot: fc.nat(7), count: fc.nat(9) });
  assertProperty(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const blockCount = 40;
      const arena = new Arena(blockCount);
      const chains = new Map<number, { head: number; count: number; bytes: Uint8Array }>();
      steps.forEach(({ slot, count }, salt) => {
        const chain = chains.get(slot);
        if (count === 0) {
          if (chain !== undefined) arena.free(chain.head, chain.count);
          chains.delete(slot);
        } else if (arena.liveCount - (chain?.count ?? 0) + count <= blockCount) {
          const head = chain?.head ?? arena.allocate(count);
          if (chain !== undefined) arena.resize(head, chain.count, count);
          const bytes = pattern(count * BLOCK_BYTES, salt);
          arena.copyIn(head, 0, bytes, 0, bytes.length);
          chains.set(slot, { head, count, bytes });
        }
        let live = 0;
        for (const { head, count, bytes } of chains.values()) {
          live += count;
          assertEquals(arena.chainLength(head), count);
          assertEquals(readChain(arena, head, 0, bytes.length), bytes);
        }
        assertEquals(arena.liveCount, live);
        assertEquals(arena.highBlock - arena.countFree(), live);
        assert(arena.residentCount <= blockCount);
      });
    }),
    { numRuns: 150 },
  );
});

Deno.test("Arena keeps a chain's first block and its content when it changes the chain's length", () => {
  const arena = new Arena(20);
  const head = arena.allocate(4);
  arena.copyIn(head, 0, pattern(56), 0, 56);
  for (const [before, after] of [[4, 1], [1, 6], [6, 6], [6, 2]] as const) {
    arena.resize(head, before, after);
    assertEquals(arena.chainLength(head), after);
    assertEquals(readChain(arena, head, 0, 56), pattern(56));
    assertEquals(arena.liveCount, after);
  }
});

Deno.test("Arena copies and compares any range of a chain, contiguous or scattered", () => {
  const arena = new Arena(30);
  const singles = Array.from({ length: 8 }, () => arena.allocate(1));
  for (const single of [3, 0, 5, 7, 1]) arena.free(singles[single]!, 1);
  const range = fc.tuple(fc.nat(12 * 56), fc.nat(12 * 56)).map(([a, b]) =>
    [Math.min(a, b), Math.max(a, b)] as const
  );
  const scattered = arena.allocate(12);
  const whole = pattern(12 * 56);
  arena.copyIn(scattered, 0, whole, 0, whole.length);
  assertProperty(
    fc.property(range, fc.nat(255), ([from, to], salt) => {
      assertEquals(readChain(arena, scattered, from, to - from), whole.slice(from, to));
      const part = pattern(to - from + 2, salt);
      arena.copyIn(scattered, from, part, 1, part.length - 1);
      whole.set(part.subarray(1, part.length - 1), from);
      assertEquals(readChain(arena, scattered, 0, whole.length), whole);
      assert(arena.equals(scattered, from, whole, from, to));
      if (from === to) return;
      const other = whole.slice();
      other[to - 1]! ^= 1;
      assert(!arena.equals(scattered, from, other, from, to));
    }),
    { numRuns: 200 },
  );
});

Deno.test("Arena tells a run from a scattered chain, and copies any range of a run as of any other chain", () => {
  const arena = new Arena(30);
  const [first, , third] = [arena.allocate(1), arena.allocate(1), arena.allocate(1)];
  assertEquals([arena.isRun(first!, 1), arena.isRun(third!, 1)], [true, true]);
  arena.free(third!, 1);
  arena.free(first!, 1);
  const scattered = arena.allocate(2);
  assert(!arena.isRun(scattered, 2));
  const ownLast = arena.allocate(1);
  arena.free(ownLast, 1);
  const run = arena.allocate(12);
  assert(arena.isRun(run, 12));
  const range = fc.tuple(fc.nat(12 * 56), fc.nat(12 * 56)).map(([a, b]) =>
    [Math.min(a, b), Math.max(a, b)] as const
  );
  const whole = pattern(12 * 56);
  arena.copyIntoRun(run, 0, whole, 0, whole.length);
  assertProperty(
    fc.property(range, fc.nat(255), ([from, to], salt) => {
      const part = pattern(to - from + 2, salt);
      arena.copyIntoRun(run, from, part, 1, part.length - 1);
      whole.set(part.subarray(1, part.length - 1), from);
      assertEquals(readChain(arena, run, 0, whole.length), whole);
      const target = new Uint8Array(to - from);
      arena.copyOutOfRun(run, from, target, 0, to - from);
      assertEquals(target, whole.slice(from, to));
    }),
    { numRuns: 200 },
  );
});

Deno.test("Arena frees a chain of a million blocks by writing one word, and reuses it in its order", () => {
  const length = 63 * MIB;
  const count = length / BLOCK_BYTES;
  const arena = new Arena(count);
  const head = arena.allocate(count);
  for (let word = 0; word < arena.words.length; word++) arena.words[word] = word;
  const before = arena.words.slice();
  arena.free(head, count);
  let changed = 0;
  for (let word = 0; word < before.length; word++) if (before[word] !== arena.words[word]) changed++;
  assertEquals(changed, 1);
  assertEquals(arena.liveCount, 0);
  assertEquals(arena.allocate(count), head);
  assertEquals(arena.chainLength(head), count);
  assertEquals(arena.highBlock, count);
  let misplaced = 0;
  const target = new Uint8Array(length);
  arena.copyOut(head, 0, target, 0, length);
  const expected = arena.bytes.subarray(BLOCK_BYTES);
  for (let byte = 0; byte < length; byte++) if (target[byte] !== expected[byte]) misplaced++;
  assertEquals(misplaced, 0);
});

Deno.test("Arena finds marked blocks in order, within bounds, and none that were freed", () => {
  assertProperty(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 10, size: "max" }), (marked) => {
      const arena = new Arena(64);
      for (let i = 0; i < 60; i++) arena.allocate(1);
      for (const block of marked) arena.marks[block] = 128;
      arena.marks[61] = 1;
      const found: number[] = [];
      for (let block = arena.nextMarked(0, 64); block !== 0; block = arena.nextMarked(block, 64)) {
        found.push(block);
      }
      const sorted = marked.toSorted((a, b) => a - b);
      assertEquals(found, sorted);
      for (const end of [0, 1, 17, 30, 59]) {
        assertEquals(arena.nextMarked(0, end), sorted.find((block) => block <= end) ?? 0);
      }
      for (const block of marked) arena.free(block, 1);
      assertEquals(arena.nextMarked(0, 64), 0);
    }),
    { numRuns: 200 },
  );
});

Deno.test("Arena clears the mark of a block that it hands out again after a reset", () => {
  const arena = new Arena(8);
  arena.marks[arena.allocate(2)] = 9;
  arena.marks[arena.allocate(2)] = 9;
  arena.reset();
  assertEquals([arena.liveCount, arena.highBlock, arena.residentCount, arena.countFree()], [0, 0, 4, 0]);
  arena.allocate(4);
  assertEquals(arena.nextMarked(0, 8), 0);
});
