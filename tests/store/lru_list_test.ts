import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { LruList } from "../../src/store/lru_list.ts";
import { assertProperty } from "../support/property.ts";

const ROW_COUNT = 12;
const STRIDE = 5;

function newList(): LruList {
  return new LruList(new Int32Array((ROW_COUNT + 1) * STRIDE), { stride: STRIDE, older: 3, newer: 1 });
}

function rowsOf(list: LruList): number[] {
  const rows: number[] = [];
  for (let row = list.oldest; row !== 0; row = list.newerOf(row)) rows.push(row);
  return rows;
}

function rowsBackwards(list: LruList): number[] {
  const rows: number[] = [];
  for (let row = list.newest; row !== 0; row = list.olderOf(row)) rows.push(row);
  return rows;
}

Deno.test("LruList is empty at first", () => {
  const list = newList();
  assertEquals([list.oldest, list.newest], [0, 0]);
});

Deno.test("LruList keeps rows in the order in which they were appended and touched", () => {
  const list = newList();
  for (const row of [4, 2, 9, 1]) list.append(row);
  assertEquals(rowsOf(list), [4, 2, 9, 1]);
  list.touch(2);
  assertEquals(rowsOf(list), [4, 9, 1, 2]);
  list.touch(4);
  list.touch(4);
  assertEquals(rowsOf(list), [9, 1, 2, 4]);
  list.remove(1);
  list.remove(9);
  list.remove(4);
  assertEquals(rowsOf(list), [2]);
  assertEquals([list.oldest, list.newest], [2, 2]);
  list.remove(2);
  assertEquals([list.oldest, list.newest], [0, 0]);
});

Deno.test("LruList has the order of a plain list under any operations, in both directions", () => {
  assertProperty(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: ROW_COUNT }), fc.nat(20)), { maxLength: 200, size: "max" }),
      (steps) => {
        const list = newList();
        let model: number[] = [];
        for (const [row, choice] of steps) {
          const isIn = model.includes(row);
          if (choice === 20) {
            list.clear();
            model = [];
          } else if (!isIn) {
            list.append(row);
            model.push(row);
          } else {
            model.splice(model.indexOf(row), 1);
            if (choice % 2 === 0) list.remove(row);
            else {
              list.touch(row);
              model.push(row);
            }
          }
          assertEquals(rowsOf(list), model);
          assertEquals(rowsBackwards(list), model.toReversed());
        }
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("LruList leaves the words of a row that are not its own alone", () => {
  const words = new Int32Array(4 * STRIDE).fill(77);
  const list = new LruList(words, { stride: STRIDE, older: 3, newer: 1 });
  for (const row of [1, 2, 3]) list.append(row);
  list.touch(1);
  list.remove(2);
  for (let word = 0; word < words.length; word++) {
    if (word % STRIDE !== 3 && word % STRIDE !== 1) assertEquals(words[word], 77);
  }
});

Deno.test("LruList has moved every row that was touched once anybody looks, however many there were", () => {
  const rowCount = 200;
  const list = new LruList(new Int32Array((rowCount + 1) * STRIDE), { stride: STRIDE, older: 3, newer: 1 });
  const rows = Array.from({ length: rowCount }, (_, i) => i + 1);
  for (const row of rows) list.append(row);
  for (const row of rows.toReversed()) list.touch(row);
  assertEquals(rowsOf(list), rows.toReversed());
  for (const row of [7, 7, 9, 7]) list.touch(row);
  assertEquals(list.newest, 7);
  list.touch(9);
  list.remove(9);
  assertEquals(list.newest, 7);
});
