import { assertEquals } from "@std/assert";
import { Bench, bulk } from "./support.ts";

const OOM = "-OOM command not allowed: key and value are larger than the memory cap\r\n";

Deno.test("RENAME takes value and deadline along, over what was there", () => {
  const bench = new Bench({ storeCount: 2 });
  bench.run("SET", "a", "1", "PX", "500");
  bench.run("SET", "b", "2");
  bench.takeMutations();
  assertEquals(bench.run("RENAME", "a", "b"), "+OK\r\n");
  assertEquals(bench.takeMutations(), ["delete a", `set b 1 ${bench.nowMs + 500}`]);
  bench.nowMs += 500;
  assertEquals(bench.run("RENAME", "b", "a"), "-ERR no such key\r\n");
  assertEquals(bench.run("RENAMENX", "b", "a"), "-ERR no such key\r\n");
});

Deno.test("RENAME to the same name changes nothing", () => {
  const bench = new Bench();
  bench.run("SET", "a", "1");
  bench.takeMutations();
  assertEquals(bench.run("RENAME", "a", "a"), "+OK\r\n");
  assertEquals(bench.run("RENAMENX", "a", "a"), ":0\r\n");
  assertEquals(bench.takeMutations(), []);
});

Deno.test("RENAMENX gives way to a key that is there, until its time is over", () => {
  const bench = new Bench();
  bench.run("SET", "a", "1");
  bench.run("SET", "b", "2", "PX", "500");
  assertEquals(bench.run("RENAMENX", "a", "b"), ":0\r\n");
  bench.nowMs += 500;
  assertEquals(bench.run("RENAMENX", "a", "b"), ":1\r\n");
  assertEquals(bench.run("MGET", "a", "b"), `*2\r\n$-1\r\n${bulk("1")}`);
  assertEquals(bench.run("TTL", "b"), ":-1\r\n");
});

Deno.test("RENAME in a full store evicts nothing", () => {
  const bench = new Bench({ capBytes: 256 * 1024 });
  for (let i = 0; bench.store.evictedCount === 0; i++) bench.run("SET", `key:${i}`, "x".repeat(5_000));
  const evictedCount = bench.store.evictedCount;
  bench.run("SET", "last", "x".repeat(5_000));
  assertEquals(bench.store.evictedCount, evictedCount + 1);
  assertEquals(bench.run("RENAME", "last", "same"), "+OK\r\n");
  assertEquals(bench.store.evictedCount, evictedCount + 1);
});

Deno.test("RENAME to a name with which the entry no longer fits puts it back", () => {
  const bench = new Bench({ capBytes: 256 * 1024 });
  let length = 256 * 1024;
  while (bench.run("SET", "a", "x".repeat(length)) === OOM) length -= 64;
  bench.run("PEXPIRE", "a", "500");
  assertEquals(bench.run("RENAME", "a", "b".repeat(1_000)), OOM);
  assertEquals(bench.run("RENAMENX", "a", "b".repeat(1_000)), OOM);
  assertEquals(bench.run("GET", "a"), bulk("x".repeat(length)));
  assertEquals(bench.run("PTTL", "a"), ":500\r\n");
  assertEquals(bench.store.entryCount, 1);
  assertEquals(bench.run("COPY", "a", "b".repeat(1_000)), OOM);
  assertEquals(bench.run("STRLEN", "a"), `:${length}\r\n`);
});

Deno.test("COPY makes a second entry with the deadline of the first, and replaces only when told to", () => {
  const bench = new Bench({ storeCount: 2 });
  bench.run("SET", "a", "1", "PX", "500");
  bench.run("SET", "b", "2", "PX", "100");
  bench.takeMutations();
  assertEquals(bench.run("COPY", "a", "b"), ":0\r\n");
  assertEquals(bench.takeMutations(), []);
  assertEquals(bench.run("COPY", "a", "b", "DB", "0", "REPLACE"), ":1\r\n");
  assertEquals(bench.takeMutations(), [`set b 1 ${bench.nowMs + 500}`]);
  assertEquals(bench.run("COPY", "a", "c", "DB", "1"), "-ERR DB index is out of range\r\n");
  bench.nowMs += 500;
  assertEquals(bench.run("COPY", "a", "c"), ":0\r\n");
});
