import { assertEquals } from "@std/assert";
import { Bench, bulk } from "./support.ts";

const OOM = "-OOM command not allowed: key and value are larger than the memory cap\r\n";

Deno.test("MGET returns values in the order of the keys, from every store, missing ones as nil", () => {
  const bench = new Bench({ storeCount: 3 });
  assertEquals(bench.run("MSET", "a", "1", "b", "2", "c", "3"), "+OK\r\n");
  assertEquals(bench.stores.map((store) => store.entryCount), [1, 1, 1]);
  assertEquals(
    bench.run("MGET", "c", "x", "a", "a", "b"),
    `*5\r\n${bulk("3")}$-1\r\n${bulk("1")}${bulk("1")}${bulk("2")}`,
  );
  assertEquals(bench.runLine("MGET a x b"), "1\n(nil)\n2\n");
});

Deno.test("MGET does not return what has expired", () => {
  const bench = new Bench();
  bench.run("SET", "a", "1", "PX", "5");
  bench.run("SET", "b", "2");
  bench.nowMs += 5;
  assertEquals(bench.run("MGET", "a", "b"), `*2\r\n$-1\r\n${bulk("2")}`);
});

Deno.test("MGET refuses a reply that would be longer than any may be, and serves the next request", () => {
  const bench = new Bench({ capBytes: 16 * 1024 * 1024 });
  bench.run("SET", "k", new Uint8Array(8 * 1024 * 1024));
  const refusal = "-ERR reply exceeds maximum allowed size (67108864 bytes)\r\n";
  assertEquals(bench.run("MGET", ...Array(65).fill("k")), refusal);
  bench.run("SET", "k", "v");
  assertEquals(bench.run("MGET", ...Array(3_000).fill("k")), `*3000\r\n${bulk("v").repeat(3_000)}`);
});

Deno.test("MSET with a pair that cannot fit changes nothing, wherever it stands", () => {
  const large = new Uint8Array(300 * 1024);
  for (const pairs of [["a", large, "b", "2"], ["a", "1", "b", large], ["a", "1", "a", large, "b", "2"]]) {
    const bench = new Bench({ capBytes: 256 * 1024 });
    bench.run("SET", "a", "old");
    bench.takeMutations();
    assertEquals(bench.run("MSET", ...pairs), OOM);
    assertEquals(bench.takeMutations(), []);
    bench.run("DEL", "a");
    bench.takeMutations();
    assertEquals(bench.run("MSETNX", ...pairs), OOM);
    assertEquals(bench.takeMutations(), []);
  }
});

Deno.test("MSET with a pair that fills much of the cap sets every pair, the last of a key counting", () => {
  const bench = new Bench({ capBytes: 256 * 1024 });
  const large = "x".repeat(100 * 1024);
  assertEquals(bench.run("MSET", "a", "1", "b", large, "a", "2", "b", "3"), "+OK\r\n");
  assertEquals(bench.run("MGET", "a", "b"), `*2\r\n${bulk("2")}${bulk("3")}`);
  assertEquals(bench.run("MSET", "a", "1", "b", large), "+OK\r\n");
  assertEquals(bench.run("MGET", "a", "b"), `*2\r\n${bulk("1")}${bulk(large)}`);
});

Deno.test("MSETNX sets all or none, and an expired key does not stand in its way", () => {
  const bench = new Bench();
  bench.run("SET", "b", "old", "PX", "5");
  assertEquals(bench.run("MSETNX", "a", "1", "b", "2"), ":0\r\n");
  assertEquals(bench.run("EXISTS", "a"), ":0\r\n");
  bench.nowMs += 5;
  assertEquals(bench.run("MSETNX", "a", "1", "b", "2"), ":1\r\n");
  assertEquals(bench.run("MGET", "a", "b"), `*2\r\n${bulk("1")}${bulk("2")}`);
  assertEquals(bench.run("TTL", "b"), ":-1\r\n");
});
