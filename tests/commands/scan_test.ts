/** SCAN's guarantees: whoever is there all the while is seen, once, whatever happens to the others and to the index. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { MIB } from "../../src/core/limits.ts";
import { scanCursor } from "../../src/core/scan_cursor.ts";
import { assertProperty } from "../support/property.ts";
import { Bench } from "./support.ts";
import { scan, scanAll } from "./scans.ts";

Deno.test("SCAN returns every key of every store once, whatever its COUNT", () => {
  assertProperty(
    fc.property(
      fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 40 }),
      fc.integer({ min: 1, max: 50 }),
      (keys, count) => {
        const bench = new Bench({ storeCount: 3 });
        for (const key of keys) bench.run("SET", key, "v");
        assertEquals(scanAll(bench, "COUNT", String(count)).sort(), [...keys].sort());
      },
    ),
    { numRuns: 100 },
  );
});

/** What happens between two calls of a scan. */
type Between =
  | { readonly kind: "grow"; readonly count: number }
  | { readonly kind: "shrink"; readonly count: number }
  | { readonly kind: "start again"; readonly capBytes: number };

const BETWEEN: fc.Arbitrary<Between> = fc.oneof(
  fc.record({ kind: fc.constant("grow" as const), count: fc.nat(300) }),
  fc.record({ kind: fc.constant("shrink" as const), count: fc.nat(300) }),
  fc.record({ kind: fc.constant("start again" as const), capBytes: fc.constantFrom(MIB / 2, MIB) }),
);

Deno.test("SCAN returns what is there all the while once, though the index grows, and shrinks at a restart", () => {
  assertProperty(
    fc.property(
      fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 30 }),
      fc.array(BETWEEN, { minLength: 1, maxLength: 8 }),
      (stable, count, between) => {
        let bench = new Bench({ storeCount: 2 });
        for (const key of stable) bench.run("SET", key, "v");
        const seen: string[] = [];
        let others = 0;
        let cursor = "0";
        for (let step = 0; step === 0 || cursor !== "0"; step++) {
          // 200 keys that stay and 30 × 300 that come, one at a step.
          assert(step < 10_000, "a scan comes to its end");
          const [next, found] = scan(bench, cursor, "COUNT", String(count));
          seen.push(...found.filter((key) => !key.startsWith("-")));
          cursor = next;
          const event: Between = step < 30 ? between[step % between.length]! : { kind: "shrink", count: 0 };
          if (event.kind === "grow") {
            for (let i = 0; i < event.count; i++) bench.run("SET", `-${others++}`, "x");
          } else if (event.kind === "shrink") {
            for (let i = 0; i < event.count; i++) bench.run("DEL", `-${others - i}`);
          } else if (event.kind === "start again") {
            // The same keys come in another order, without the others: the index is as small as at first.
            bench = new Bench({ storeCount: 2, capBytes: event.capBytes });
            for (const key of [...stable].reverse()) bench.run("SET", key, "v");
          }
        }
        assertEquals(seen.sort(), [...stable].sort());
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("SCAN looks at COUNT entries, and no more than the rest of their bucket beyond", () => {
  const bench = new Bench();
  for (let i = 0; i < 3_000; i++) bench.run("SET", `k:${i}`, "v");
  let cursor = "0";
  for (let step = 0; step === 0 || cursor !== "0"; step++) {
    const [next, keys] = scan(bench, cursor, "COUNT", "100");
    assert(keys.length <= 110 && (next === "0" || keys.length >= 100), `${keys.length} keys`);
    cursor = next;
  }
  assert(scan(bench, "0")[1].length >= 10);
  assertEquals(scan(bench, "0", "COUNT", "10", "MATCH", "nothing")[1], []);
  assertEquals(scanAll(bench, "MATCH", "k:1?").length, 10);
  assertEquals(scanAll(bench, "TYPE", "string").length, 3_000);
  assertEquals(scanAll(bench, "TYPE", "list"), []);
});

Deno.test("SCAN of a store that has lost nearly all of its keys looks at a bounded number of buckets", () => {
  const bench = new Bench();
  for (let i = 0; i < 5_000; i++) bench.run("SET", `k:${i}`, "v");
  for (let i = 1; i < 5_000; i++) bench.run("DEL", `k:${i}`);
  let steps = 0;
  const seen: string[] = [];
  let cursor = "0";
  do {
    const [next, keys] = scan(bench, cursor, "COUNT", "10");
    seen.push(...keys);
    cursor = next;
    steps++;
  } while (cursor !== "0");
  assertEquals(seen, ["k:0"]);
  assert(steps >= 40 && steps <= 60, `${steps} calls for 5,000 buckets, 100 each`);
});

Deno.test("SCAN goes on at another copy, which has the keys in an index of another size", () => {
  const [primary, replica] = [new Bench(), new Bench({ capBytes: 2 * MIB })];
  for (let i = 0; i < 1_000; i++) {
    primary.run("SET", `k:${i}`, "v");
    replica.run("SET", `k:${999 - i}`, "v");
  }
  for (let i = 0; i < 3_000; i++) replica.run("SET", `other:${i}`, "v");
  const [cursor, keys] = scan(primary, "0", "COUNT", "400");
  for (let next = cursor; next !== "0";) {
    const [after, more] = scan(replica, next, "COUNT", "400", "MATCH", "k:*");
    keys.push(...more);
    next = after;
  }
  assertEquals([keys.length, new Set(keys).size], [1_000, 1_000]);
});

Deno.test("SCAN with a cursor that nobody gave out is over, with another node's says where that is, and with none is refused", () => {
  const bench = new Bench();
  bench.run("SET", "k", "v");
  bench.movedShard = 3;
  assertEquals(scan(bench, "77"), ["0", []]);
  assertEquals(scan(bench, String(scanCursor(5, 0))), ["0", []]);
  assertEquals(bench.run("SCAN", String(scanCursor(3, 0))), "-MOVED 3 10.0.0.2:8082\r\n");
  for (const cursor of ["x", "", "-1", "1.5", "18446744073709551616"]) {
    assertEquals(bench.run("SCAN", cursor), "-ERR invalid cursor\r\n");
  }
});
