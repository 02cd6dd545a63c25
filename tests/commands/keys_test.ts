import { assertEquals } from "@std/assert";
import { Bench, bulk } from "./support.ts";

Deno.test("DEL, UNLINK, EXISTS and TOUCH count keys over every store, as often as they are named", () => {
  const bench = new Bench({ storeCount: 4 });
  bench.run("MSET", "a", "1", "b", "2", "c", "3");
  assertEquals(bench.run("EXISTS", "a", "a", "b", "x"), ":3\r\n");
  assertEquals(bench.run("TOUCH", "a", "a", "b", "x"), ":3\r\n");
  assertEquals(bench.run("DEL", "a", "a", "x"), ":1\r\n");
  assertEquals(bench.run("UNLINK", "b", "c", "x"), ":2\r\n");
  assertEquals(bench.run("DBSIZE"), ":0\r\n");
});

Deno.test("DEL of a key whose time is over counts nothing and still removes the entry", () => {
  const bench = new Bench();
  bench.run("SET", "k", "v", "PX", "5");
  bench.nowMs += 5;
  bench.takeMutations();
  assertEquals(bench.run("EXISTS", "k"), ":0\r\n");
  assertEquals(bench.run("TOUCH", "k"), ":0\r\n");
  assertEquals(bench.run("TYPE", "k"), "+none\r\n");
  assertEquals(bench.run("DEL", "k"), ":0\r\n");
  assertEquals(bench.takeMutations(), ["delete k"]);
});

Deno.test("TYPE is string for every key there is", () => {
  const bench = new Bench();
  bench.run("SET", "k", "v");
  assertEquals(bench.run("TYPE", "k"), "+string\r\n");
  assertEquals(bench.runLine("TYPE k"), "string\n");
  assertEquals(bench.runLine("TYPE missing"), "none\n");
});

Deno.test("TOUCH keeps a key from eviction", () => {
  const bench = new Bench();
  bench.run("MSET", "touched", "x", "left", "x");
  for (let i = 0; bench.store.evictedCount < 100; i++) {
    bench.run("TOUCH", "touched");
    bench.run("SET", `filler:${i}`, "y".repeat(1_000));
  }
  assertEquals(bench.run("MGET", "touched", "left"), `*2\r\n${bulk("x")}$-1\r\n`);
});
