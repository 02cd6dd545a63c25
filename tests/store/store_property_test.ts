import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { keyOf } from "./store_fixture.ts";
import { operation, Pair } from "./store_operations.ts";
import { assertProperty } from "../support/property.ts";

Deno.test("Store holds, evicts, counts and tells exactly what a plain model does, after every operation", () => {
  assertProperty(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 80, size: "max" }), (operations) => {
      const pair = new Pair();
      for (const next of operations) {
        pair.run(next);
        pair.compare();
      }
      pair.compareReplay();
    }),
    { numRuns: 120 },
  );
});

Deno.test("Store's walk in storage order meets every entry that is there from its beginning to its end", () => {
  const rounds = fc.array(fc.array(operation, { maxLength: 4, size: "max" }), {
    minLength: 1,
    maxLength: 30,
    size: "max",
  });
  assertProperty(
    fc.property(fc.array(operation, { maxLength: 40, size: "max" }), rounds, (before, between) => {
      const pair = new Pair();
      for (const next of before) pair.run(next);
      const { test, model } = pair;
      const throughout = new Set(model.entries.keys());
      const met = new Set<string>();
      let row = 0;
      for (let round = 0; round <= between.length; round++) {
        row = test.store.rowAfter(row);
        if (row === 0) break;
        met.add(keyOf(test.store, row));
        const heardBefore = test.listener.heard.length;
        for (const next of between[round] ?? []) pair.run(next);
        for (const { kind, key } of test.listener.heard.slice(heardBefore)) {
          if (kind === "delete") throughout.delete(key);
          if (kind === "flush") throughout.clear();
        }
      }
      for (; row !== 0; row = test.store.rowAfter(row)) met.add(keyOf(test.store, row));
      for (const key of throughout) assert(met.has(key), `the walk missed ${key}`);
    }),
    { numRuns: 300 },
  );
});

Deno.test("Store keeps an entry's row however its value changes", () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 1500 }), { minLength: 1, maxLength: 30, size: "max" });
  assertProperty(
    fc.property(lengths, (lengths) => {
      const { test } = new Pair();
      test.set("other", "o".repeat(300));
      test.set("key", "");
      const row = test.find("key");
      for (const length of lengths) {
        test.set("key", "v".repeat(length));
        assertEquals(test.find("key"), row);
      }
    }),
    { numRuns: 50 },
  );
});
