import { assert, assertEquals, assertMatch } from "@std/assert";
import { MIB, REQUEST_KEYS_MAX } from "../../src/core/limits.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { TickingClock } from "../support/ticking_clock.ts";
import { scanCursor } from "../../src/core/scan_cursor.ts";
import { keysIn, scan, scanAll } from "./scans.ts";
import { Bench } from "./support.ts";

Deno.test("KEYS, SCAN and RANDOMKEY show no key whose time is over, and DBSIZE counts it until it is removed", () => {
  const bench = new Bench();
  bench.run("SET", "gone", "v", "PX", "5");
  bench.run("SET", "there", "v");
  assertEquals(keysIn(bench.run("KEYS", "*")).sort(), ["gone", "there"]);
  bench.nowMs += 5;
  assertEquals(keysIn(bench.run("KEYS", "*")).sort(), ["there"]);
  assertEquals(scanAll(bench), ["there"]);
  for (let i = 0; i < 20; i++) assertEquals(bench.run("RANDOMKEY"), "$5\r\nthere\r\n");
  assertEquals(bench.run("DBSIZE"), ":2\r\n");
  bench.store.sweepExpired(bench.nowMs, 1_000, 10);
  assertEquals(bench.run("DBSIZE"), ":1\r\n");
  bench.run("DEL", "there");
  assertEquals(bench.run("RANDOMKEY"), "$-1\r\n");
});

Deno.test("RANDOMKEY finds the one key that is left among many whose time is over, and none among none", () => {
  const bench = new Bench({ storeCount: 2 });
  for (let i = 0; i < 2_000; i++) bench.run("SET", `a:${i}`, "v", "PX", "5");
  bench.run("SET", "b:left", "v", "PX", "10");
  bench.nowMs += 5;
  assertEquals(bench.run("RANDOMKEY"), "$6\r\nb:left\r\n");
  bench.nowMs += 5;
  assertEquals(bench.run("RANDOMKEY"), "$-1\r\n");
});

Deno.test("RANDOMKEY draws every key of every store", () => {
  const bench = new Bench({ storeCount: 3 });
  const keys = ["a", "b", "c", "d"];
  for (const key of keys) bench.run("SET", key, "v");
  const drawn = new Set<string>();
  for (let i = 0; i < 200; i++) drawn.add(keysIn(bench.run("RANDOMKEY"))[0]!);
  assertEquals([...drawn].sort(), keys);
});

Deno.test("KEYS finds by pattern in every store", () => {
  const bench = new Bench({ storeCount: 3 });
  for (const key of ["user:1", "user:2", "item:1", ""]) bench.run("SET", key, "v");
  assertEquals(keysIn(bench.run("KEYS", "user:*")).sort(), ["user:1", "user:2"]);
  assertEquals(keysIn(bench.run("KEYS", "*:1")).sort(), ["item:1", "user:1"]);
  assertEquals(bench.run("KEYS", ""), "*1\r\n$0\r\n\r\n");
  assertEquals(bench.run("KEYS", "*").startsWith("*4\r\n"), true);
});

Deno.test("FLUSHALL and FLUSHDB empty every store", () => {
  for (const request of [["FLUSHALL"], ["FLUSHDB"], ["FLUSHALL", "async"], ["FLUSHDB", "SYNC"]]) {
    const bench = new Bench({ storeCount: 2 });
    bench.run("MSET", "a", "1", "b", "2");
    bench.takeMutations();
    assertEquals(bench.run(...request), "+OK\r\n");
    assertEquals(bench.takeMutations(), ["flush", "flush"]);
    assertEquals(bench.run("DBSIZE"), ":0\r\n");
  }
});

Deno.test("Commands that show the whole key space reveal every mutation of every store", () => {
  for (const request of [["KEYS", "x"], ["SCAN", "0"], ["DBSIZE"], ["RANDOMKEY"]]) {
    const bench = new Bench({ storeCount: 2 });
    bench.run("MSET", "a", "1", "b", "2");
    const newest = bench.takeShownPosition();
    bench.run(...request);
    assertEquals(bench.takeShownPosition(), newest, request[0]);
  }
});

/** A bench with `count` keys on which each look at the clock takes a while. */
function slowBench(count: number): { bench: Bench; clock: TickingClock } {
  const bench = new Bench({ storeCount: 2 });
  for (let i = 0; i < count; i++) bench.run("SET", `k${i}`, "v");
  const clock = new TickingClock();
  bench.clock = clock;
  return { bench, clock };
}

Deno.test("KEYS of many keys is made in steps, and shows only what is committed by its end", async () => {
  const { bench, clock } = slowBench(2_000);
  const reply = bench.runAsync("KEYS", "k*");
  await clock.runAll();
  assertEquals(keysIn(await reply).length, 2_000);
  assert(clock.turns > 5, `${clock.turns} turns`);
  assertEquals(bench.server.commitWaitCount, 1);
  bench.server.commits = false;
  const refused = bench.runAsync("KEYS", "*");
  await clock.runAll();
  assertMatch(await refused, /^-READONLY /);
});

Deno.test("KEYS goes on with a long pattern in the middle of a long key", async () => {
  const { bench, clock } = slowBench(0);
  bench.run("SET", "a".repeat(60_000), "v");
  const reply = bench.runAsync("KEYS", `*${"a".repeat(5_000)}b`);
  await clock.runAll();
  assertEquals(await reply, "*0\r\n");
  assert(clock.turns > 100, `${clock.turns} turns`);
});

Deno.test("SCAN returns early where its COUNT would take long, and misses nothing by it", () => {
  const { bench } = slowBench(2_000);
  const [cursor, keys] = scan(bench, String(scanCursor(1, 0)), "COUNT", "2000");
  assert(keys.length > 0 && keys.length < 1_000, `${keys.length} keys`);
  assert(cursor !== "0");
  assertEquals(new Set(scanAll(bench, "COUNT", "2000")).size, 2_000);
});

Deno.test("RANDOMKEY looks for the one key that is left in steps", async () => {
  const { bench, clock } = slowBench(2_000);
  for (let i = 0; i < 2_000; i++) bench.run("PEXPIRE", `k${i}`, "1");
  bench.nowMs += 1_000;
  const none = bench.runAsync("RANDOMKEY");
  await clock.runAll();
  assertEquals(await none, "$-1\r\n");
  assert(clock.turns > 5, `${clock.turns} turns`);
});

Deno.test("Patterns that are longer than any key can need are refused", () => {
  const bench = new Bench();
  const refusal = "-ERR pattern is longer than any key can need (65535 bytes)\r\n";
  assertEquals(bench.run("KEYS", "x".repeat(65_536)), refusal);
  assertEquals(bench.run("SCAN", "0", "MATCH", "x".repeat(65_536)), refusal);
  assertEquals(bench.run("KEYS", "x".repeat(65_535)), "*0\r\n");
});

Deno.test("A request of more keys than hold up nobody is refused whole, with the way out", async () => {
  const bench = new Bench({ capBytes: 8 * MIB });
  const keys = Array.from({ length: REQUEST_KEYS_MAX }, (_, i) => `k${i}`);
  const pairs = keys.flatMap((key) => [key, "v"]);
  const clock = new FakeClock();
  bench.clock = clock;
  const setting = bench.runAsync("MSET", ...pairs);
  clock.advance(0);
  assertEquals(await setting, "+OK\r\n");
  const counting = bench.runAsync("EXISTS", ...keys);
  clock.advance(0);
  assertEquals(await counting, `:${REQUEST_KEYS_MAX}\r\n`);
  for (const name of ["MGET", "DEL", "UNLINK", "EXISTS", "TOUCH"]) {
    assertEquals(
      bench.run(name, ...keys, "x"),
      `-ERR ${name} takes at most 16384 keys: use several requests\r\n`,
    );
  }
  for (const name of ["MSET", "MSETNX"]) {
    assertEquals(
      bench.run(name, ...pairs, "x", "y"),
      `-ERR ${name} takes at most 16384 keys: use several requests\r\n`,
    );
  }
  assertEquals(bench.run("EXISTS", "x"), ":0\r\n");
});
