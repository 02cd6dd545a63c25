import { assertEquals } from "@std/assert";
import { Bench, bulk } from "./support.ts";

Deno.test("EXPIRE and its variants set the same deadline, and TTL and its variants tell it", () => {
  const requests = [
    ["EXPIRE", "k", "10"],
    ["PEXPIRE", "k", "10000"],
    ["EXPIREAT", "k", "1700000010"],
    ["PEXPIREAT", "k", "1700000010000"],
  ];
  for (const request of requests) {
    const bench = new Bench();
    bench.run("SET", "k", "v");
    bench.takeMutations();
    assertEquals(bench.run(...request), ":1\r\n");
    assertEquals(bench.takeMutations(), ["expire k 1700000010000"]);
    assertEquals(bench.run("TTL", "k"), ":10\r\n");
    assertEquals(bench.run("PTTL", "k"), ":10000\r\n");
    assertEquals(bench.run("EXPIRETIME", "k"), ":1700000010\r\n");
    assertEquals(bench.run("PEXPIRETIME", "k"), ":1700000010000\r\n");
    bench.nowMs += 9_999;
    assertEquals(bench.run("PTTL", "k"), ":1\r\n");
    assertEquals(bench.run("GET", "k"), bulk("v"));
    bench.nowMs += 1;
    assertEquals(bench.run("PTTL", "k"), ":-2\r\n");
    assertEquals(bench.run("GET", "k"), "$-1\r\n");
    assertEquals(bench.run("PERSIST", "k"), ":0\r\n");
    assertEquals(bench.run(...request), ":0\r\n");
  }
});

Deno.test("TTL rounds to the nearest second", () => {
  const bench = new Bench();
  bench.run("SET", "k", "v", "PX", "1500");
  assertEquals(bench.run("TTL", "k"), ":2\r\n");
  bench.nowMs += 1;
  assertEquals(bench.run("TTL", "k"), ":1\r\n");
  bench.nowMs += 1_000;
  assertEquals(bench.run("TTL", "k"), ":0\r\n");
});

Deno.test("EXPIRE with a time that has passed deletes the key", () => {
  for (
    const [command, time] of [["EXPIRE", "0"], ["PEXPIRE", "-1"], ["EXPIREAT", "1"], ["PEXPIREAT", "-9"]]
  ) {
    const bench = new Bench();
    bench.run("SET", "k", "v");
    bench.takeMutations();
    assertEquals(bench.run(command!, "k", time!), ":1\r\n");
    assertEquals(bench.takeMutations(), ["delete k"]);
  }
});

Deno.test("EXPIRE takes the new deadline only where its options let it", () => {
  // Old deadline in seconds (0 = none), new one, options, whether it is taken.
  const cases: [oldTime: number, newTime: number, options: string, isTaken: boolean][] = [
    [0, 20, "NX", true],
    [10, 20, "NX", false],
    [0, 20, "XX", false],
    [10, 20, "XX", true],
    [10, 20, "GT", true],
    [10, 10, "GT", false],
    [10, 5, "GT", false],
    [0, 20, "GT", false],
    [10, 20, "LT", false],
    [10, 10, "LT", false],
    [10, 5, "LT", true],
    [0, 20, "LT", true],
    [0, 20, "XX LT", false],
    [10, 5, "xx lt", true],
    [10, 20, "GT XX", true],
    [10, -5, "GT", false],
    [10, -5, "LT", true],
  ];
  for (const [oldTime, newTime, options, isTaken] of cases) {
    const bench = new Bench();
    bench.run("SET", "k", "v");
    if (oldTime !== 0) bench.run("EXPIRE", "k", String(oldTime));
    bench.takeMutations();
    const reply = bench.run("EXPIRE", "k", String(newTime), ...options.split(" "));
    const name = `${oldTime} to ${newTime} with ${options}`;
    assertEquals(reply, isTaken ? ":1\r\n" : ":0\r\n", name);
    assertEquals(bench.takeMutations().length, isTaken ? 1 : 0, name);
  }
});

Deno.test("EXPIRE keeps a deadline beyond 2^53 ms for as long as a double can say", () => {
  const bench = new Bench();
  bench.run("SET", "k", "v");
  assertEquals(bench.run("PEXPIREAT", "k", "1000000000000000000"), ":1\r\n");
  assertEquals(bench.run("PEXPIRETIME", "k"), `:${Number.MAX_SAFE_INTEGER}\r\n`);
  assertEquals(bench.run("EXPIREAT", "k", "9007199254740"), ":1\r\n");
  assertEquals(bench.run("PEXPIRETIME", "k"), ":9007199254740000\r\n");
  assertEquals(bench.run("PEXPIREAT", "k", "-9223372036854775808"), ":1\r\n");
  assertEquals(bench.run("EXISTS", "k"), ":0\r\n");
});

Deno.test("PERSIST makes a key last for ever, once", () => {
  const bench = new Bench();
  bench.run("SET", "k", "v", "PX", "5");
  bench.takeMutations();
  assertEquals(bench.run("PERSIST", "k"), ":1\r\n");
  assertEquals(bench.run("PERSIST", "k"), ":0\r\n");
  assertEquals(bench.takeMutations(), ["expire k 0"]);
  bench.nowMs += 5;
  assertEquals(bench.run("GET", "k"), bulk("v"));
});
