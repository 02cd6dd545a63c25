import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { bytesOf } from "../../src/core/bytes.ts";
import { mutationOf } from "../support/mutations.ts";
import { Arena } from "../../src/store/arena.ts";
import { Entries } from "../../src/store/entries.ts";
import { KeyIndex } from "../../src/store/key_index.ts";
import { assertProperty } from "../support/property.ts";

/** An index with hashes of the test's own choosing. */
class TestIndex {
  readonly arena: Arena;
  readonly entries: Entries;
  readonly index: KeyIndex;

  constructor(blockCount: number) {
    this.arena = new Arena(blockCount);
    this.entries = new Entries(this.arena);
    this.index = new KeyIndex(this.arena);
  }

  insert(key: string, hash: number): number {
    const bytes = bytesOf(key);
    const row = this.arena.allocate(1);
    this.entries.create(row, 1, hash, mutationOf({ key: bytes }));
    this.index.insert(row, hash);
    return row;
  }

  find(key: string, hash: number): number {
    const bytes = bytesOf(`-${key}-`);
    return this.index.find(hash, bytes, 1, bytes.length - 1);
  }
}

/** Well spread, and negative for every other `i` or so. */
function spread(i: number): number {
  return Math.imul(i + 1, 0x9e3779b1) ^ (i << 3);
}

Deno.test("KeyIndex finds every key at every size while it grows by one bucket at a time", () => {
  const count = 700;
  const test = new TestIndex(count);
  const rows: number[] = [];
  for (let i = 0; i < count; i++) {
    const bucketsBefore = test.index.bucketCount;
    rows.push(test.insert(`key${i}`, spread(i)));
    assert(test.index.bucketCount - bucketsBefore <= 1);
    assertEquals(test.index.bucketCount, Math.max(16, i + 1));
    for (let j = 0; j <= i; j++) assertEquals(test.find(`key${j}`, spread(j)), rows[j]);
    assertEquals(test.find(`key${i + 1}`, spread(i + 1)), 0);
  }
  assertEquals(test.index.entryCount, count);
});

Deno.test("KeyIndex never has more buckets than the arena has blocks", () => {
  const test = new TestIndex(21);
  for (let i = 0; i < 21; i++) test.insert(`${i}`, spread(i));
  assertEquals(test.index.bucketCount, 21);
});

Deno.test("KeyIndex with reserved buckets splits none until they are used up, and then grows as ever", () => {
  for (const reserved of [0, 16, 17, 100, 128, 129]) {
    const test = new TestIndex(300);
    test.index.reserve(reserved);
    const buckets = test.index.bucketCount;
    assertEquals(buckets, Math.max(16, reserved));
    for (let i = 0; i < 300; i++) {
      test.insert(`key${i}`, spread(i));
      assertEquals(test.index.bucketCount, Math.max(buckets, i + 1));
      for (let j = 0; j <= i; j += 7) assert(test.find(`key${j}`, spread(j)) !== 0);
    }
  }
});

Deno.test("KeyIndex tells the first row of a key's bucket, and of those that are split next", () => {
  const test = new TestIndex(200);
  // All hashes are small, so that a bucket's number is that of its only key until it is split.
  for (let hash = 0; hash < 40; hash++) test.insert(`key${hash}`, hash);
  for (let hash = 0; hash < 40; hash++) {
    assertEquals(test.index.firstRow(hash), test.find(`key${hash}`, hash));
  }
  assertEquals(test.index.bucketCount, 40);
  // Bucket 40 is split off 8, 63 off 31; 64 off 0, when that has come.
  assertEquals(test.index.firstRowOfSplit(0), test.find("key8", 8));
  assertEquals(test.index.firstRowOfSplit(23), test.find("key31", 31));
  assertEquals(test.index.firstRowOfSplit(24), test.find("key0", 0));
});

Deno.test("KeyIndex reserves no more buckets than the arena has blocks", () => {
  const test = new TestIndex(50);
  test.index.reserve(1000);
  assertEquals(test.index.bucketCount, 50);
});

Deno.test("KeyIndex tells apart keys whose hashes are all the same", () => {
  const test = new TestIndex(64);
  const rows = new Map<string, number>();
  for (let i = 0; i < 64; i++) rows.set(`k${i}`, test.insert(`k${i}`, -5));
  for (const [key, row] of rows) assertEquals(test.find(key, -5), row);
  assertEquals(test.find("k64", -5), 0);
  assertEquals(test.find("k1", 11), 0);
  for (const i of [63, 0, 30, 31]) {
    test.index.remove(rows.get(`k${i}`)!);
    rows.delete(`k${i}`);
    assertEquals(test.find(`k${i}`, -5), 0);
  }
  for (const [key, row] of rows) assertEquals(test.find(key, -5), row);
});

Deno.test("KeyIndex agrees with a Map under any insertions and removals, with many collisions", () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 200 }), insert: fc.boolean() });
  assertProperty(
    fc.property(
      fc.array(step, { maxLength: 300, size: "max" }),
      fc.constantFrom(0, 3, 0xff, -1),
      (steps, hashMask) => {
        const test = new TestIndex(512);
        const rows = new Map<number, number>();
        for (const { key, insert } of steps) {
          const hash = spread(key) & hashMask;
          assertEquals(test.find(`${key}`, hash), rows.get(key) ?? 0);
          if (insert && !rows.has(key)) {
            rows.set(key, test.insert(`${key}`, hash));
          } else if (!insert && rows.has(key)) {
            test.index.remove(rows.get(key)!);
            test.entries.free(rows.get(key)!);
            rows.delete(key);
          }
        }
        assertEquals(test.index.entryCount, rows.size);
        for (let key = 0; key <= 200; key++) {
          assertEquals(test.find(`${key}`, spread(key) & hashMask), rows.get(key) ?? 0);
        }
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("KeyIndex forgets everything when it is cleared, and grows anew", () => {
  const test = new TestIndex(200);
  for (let i = 0; i < 100; i++) test.insert(`old${i}`, spread(i));
  test.index.clear();
  test.arena.reset();
  assertEquals([test.index.entryCount, test.index.bucketCount], [0, 16]);
  for (let i = 0; i < 150; i++) test.insert(`new${i}`, spread(i));
  for (let i = 0; i < 100; i++) assertEquals(test.find(`old${i}`, spread(i)), 0);
  for (let i = 0; i < 150; i++) assert(test.find(`new${i}`, spread(i)) !== 0);
});
