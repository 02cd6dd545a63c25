import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Mutation } from "../../src/core/mutation.ts";
import { bytesOfLatin1 } from "../support/latin1.ts";
import type { Loader } from "../../src/store/loader.ts";
import { TestStore, valueOfLength } from "./store_fixture.ts";
import { assertProperty } from "../support/property.ts";

/** Adds from the middle of a larger buffer, as a dump's entries lie in one. */
function add(loader: Loader, key: string, value: string, expiresAtMs: number): boolean {
  const bytes = bytesOfLatin1(`<<${key}${value}>`);
  const mutation = new Mutation();
  mutation.setKey(bytes, 2, 2 + key.length);
  mutation.setValue(bytes, 2 + key.length, 2 + key.length + value.length);
  mutation.expiresAtMs = expiresAtMs;
  return loader.add(mutation);
}

Deno.test("A store that was loaded is as one whose entries were set one by one", () => {
  const entry = fc.record({
    valueLength: fc.integer({ min: 0, max: 400 }),
    expiresAtMs: fc.constantFrom(0, 9),
  });
  assertProperty(
    fc.property(
      fc.array(entry, { maxLength: 1000, size: "max" }),
      fc.integer({ min: 100, max: 7_000 }),
      (entries, blockCount) => {
        const [loaded, set] = [new TestStore(blockCount), new TestStore(blockCount)];
        const loader = loaded.store.load(entries.length);
        for (const [i, { valueLength, expiresAtMs }] of entries.entries()) {
          const value = valueOfLength(valueLength, i);
          assert(add(loader, `key ${i}`, value, expiresAtMs));
          assert(set.set(`key ${i}`, value, expiresAtMs));
        }
        loader.end();
        loaded.store.check();
        assertEquals(loaded.content(), set.content());
        assertEquals(loaded.order(), set.order());
        assertEquals(loaded.store.evictedCount, set.store.evictedCount);
        assertEquals(loaded.store.volatileCount, set.store.volatileCount);
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("A store goes on growing after it was loaded, and finds and removes what was", () => {
  const test = new TestStore(5000);
  const loader = test.store.load(1500);
  for (let i = 0; i < 1500; i++) add(loader, `loaded ${i}`, `${i}`, 0);
  loader.end();
  for (let i = 0; i < 1500; i++) test.set(`later ${i}`, "");
  for (let i = 0; i < 1500; i += 2) assert(test.deleteKey(`loaded ${i}`));
  for (let i = 0; i < 1500; i++) assertEquals(test.get(`loaded ${i}`), i % 2 === 0 ? null : `${i}`);
  test.store.check();
});

Deno.test("Loading reveals nothing, tells nobody of entries, and refuses what cannot fit even alone", () => {
  const test = new TestStore(16);
  const loader = test.store.load(2);
  assert(add(loader, "key", "value", 0));
  assert(!add(loader, "large", "v".repeat(16 * 56), 0));
  loader.end();
  assertEquals([test.listener.heard.length, test.store.positions.take()], [0, 0]);
  assertEquals([...test.content().keys()], ["key"]);
  test.store.check();
});

Deno.test("A store that was flushed can be loaded", () => {
  const test = new TestStore(3000);
  for (let i = 0; i < 1000; i++) test.set(`before ${i}`, "");
  test.store.flush();
  const loader = test.store.load(2000);
  for (let i = 0; i < 2000; i++) add(loader, `after ${i}`, "", 0);
  loader.end();
  assertEquals(test.get("before 1"), null);
  assertEquals(test.get("after 1999"), "");
  test.store.check();
});
