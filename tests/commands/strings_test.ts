import { assertEquals, assertStringIncludes } from "@std/assert";
import { VALUE_BYTES_MAX } from "../../src/core/limits.ts";
import { Bench, bulk } from "./support.ts";

const OK = "+OK\r\n";
const NIL = "$-1\r\n";
const OOM = "-OOM command not allowed: key and value are larger than the memory cap\r\n";
const TOO_LONG = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";

Deno.test("SET and GET keep any bytes in keys and values", () => {
  const bench = new Bench();
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  assertEquals(bench.run("SET", bytes, bytes), OK);
  assertEquals(bench.run("GET", bytes), bulk(String.fromCharCode(...bytes)));
  assertEquals(bench.run("SET", "", ""), OK);
  assertEquals(bench.run("GET", ""), bulk(""));
});

Deno.test("GET says a value in text to people, and a missing one in RESP 3 as null", () => {
  const bench = new Bench();
  assertEquals(bench.runLine("SET my_key hello_world"), "OK\n");
  assertEquals(bench.runLine("GET my_key"), "hello_world\n");
  assertEquals(bench.runLine("GET missing"), "(nil)\n");
  bench.useResp3();
  assertEquals(bench.run("GET", "missing"), "_\r\n");
});

Deno.test("GET keeps a key that is in use from eviction, and EXISTS does not", () => {
  for (const [command, expected] of [["GET", ":1\r\n"], ["EXISTS", ":0\r\n"]] as const) {
    const bench = new Bench();
    bench.run("SET", "first", "x");
    for (let i = 0; bench.store.evictedCount < 100; i++) {
      bench.run(command, "first");
      bench.run("SET", `filler:${i}`, "y".repeat(1_000));
    }
    assertEquals(bench.run("EXISTS", "first"), expected);
  }
});

Deno.test("SET with a time expires the key when that time has come", () => {
  for (const option of [["EX", "10"], ["PX", "10000"], ["EXAT", "1700000010"], ["PXAT", "1700000010000"]]) {
    const bench = new Bench();
    assertEquals(bench.run("SET", "k", "v", ...option), OK);
    assertEquals(bench.takeMutations(), ["set k v 1700000010000"]);
    bench.nowMs += 9_999;
    assertEquals(bench.run("GET", "k"), bulk("v"));
    bench.nowMs += 1;
    assertEquals(bench.run("GET", "k"), NIL);
    assertEquals(bench.run("SET", "k", "w", "XX"), NIL);
    assertEquals(bench.run("SET", "k", "w", "NX", "KEEPTTL"), OK);
    assertEquals(bench.run("TTL", "k"), ":-1\r\n");
  }
});

Deno.test("SET with a time that has passed removes the key and stores nothing", () => {
  const bench = new Bench();
  assertEquals(bench.run("SET", "k", "v", "PXAT", String(bench.nowMs)), OK);
  assertEquals(bench.takeMutations(), []);
  bench.run("SET", "k", "v");
  bench.takeMutations();
  assertEquals(bench.run("SET", "k", "w", "EXAT", "1", "GET"), bulk("v"));
  assertEquals(bench.takeMutations(), ["delete k"]);
  assertEquals(bench.store.entryCount, 0);
});

Deno.test("SET with a time beyond 2^53 ms keeps the key for as long as a double can say", () => {
  const bench = new Bench();
  assertEquals(bench.run("SET", "k", "v", "PXAT", "9223372036854775807"), OK);
  assertEquals(bench.run("PEXPIRETIME", "k"), `:${Number.MAX_SAFE_INTEGER}\r\n`);
  assertEquals(bench.run("GET", "k"), bulk("v"));
});

Deno.test("SET refuses options that it does not take before it changes anything", () => {
  const bench = new Bench();
  bench.run("SET", "k", "v");
  bench.takeMutations();
  for (const options of [["NX", "XX"], ["EX"], ["EX", "x"], ["EX", "0"], ["BOGUS"], ["GET", "EX", "-1"]]) {
    assertStringIncludes(bench.run("SET", "k", "w", ...options), "-ERR ");
  }
  assertEquals(bench.takeMutations(), []);
});

Deno.test("SET refuses a value that the cap cannot hold, says so once, and keeps what is there", () => {
  const bench = new Bench({ capBytes: 256 * 1024 });
  bench.run("SET", "k", "old");
  bench.run("SET", "other", "1");
  bench.takeMutations();
  const value = new Uint8Array(300 * 1024);
  assertEquals(bench.run("SET", "k", value), OOM);
  assertEquals(bench.run("SET", "k", value, "GET"), OOM);
  assertEquals(bench.run("GETSET", "k", value), OOM);
  assertEquals(bench.run("SETEX", "k", "10", value), OOM);
  assertEquals(bench.run("SETNX", "new", value), OOM);
  assertEquals(bench.takeMutations(), []);
  assertEquals(bench.run("MGET", "k", "other"), `*2\r\n${bulk("old")}${bulk("1")}`);
});

Deno.test("SET refuses a value longer than any may be", () => {
  const bench = new Bench();
  const value = new Uint8Array(VALUE_BYTES_MAX + 1);
  assertEquals(bench.run("SET", "k", value), TOO_LONG);
  assertEquals(bench.run("MSET", "a", "1", "k", value), TOO_LONG);
  assertEquals(bench.takeMutations(), []);
});

Deno.test("GETDEL and GETEX return the value as it was and change what they say", () => {
  const bench = new Bench();
  bench.run("SET", "k", "v", "EX", "10");
  bench.takeMutations();
  assertEquals(bench.run("GETEX", "k"), bulk("v"));
  assertEquals(bench.takeMutations(), []);
  assertEquals(bench.run("GETEX", "k", "PERSIST"), bulk("v"));
  assertEquals(bench.run("GETEX", "k", "PERSIST"), bulk("v"));
  assertEquals(bench.takeMutations(), ["expire k 0"]);
  assertEquals(bench.run("GETEX", "k", "PX", "5"), bulk("v"));
  assertEquals(bench.takeMutations(), [`expire k ${bench.nowMs + 5}`]);
  assertEquals(bench.run("GETEX", "k", "EXAT", "1"), bulk("v"));
  assertEquals(bench.takeMutations(), ["delete k"]);
  bench.run("SET", "k", "v");
  assertEquals(bench.run("GETDEL", "k"), bulk("v"));
  assertEquals(bench.takeMutations(), ["set k v 0", "delete k"]);
});

Deno.test("GETSET returns a long old value whole although the new one takes its place", () => {
  const bench = new Bench();
  const old = "o".repeat(200_000);
  bench.run("SET", "k", old);
  assertEquals(bench.run("GETSET", "k", "n".repeat(200_000)), bulk(old));
  assertEquals(bench.run("STRLEN", "k"), ":200000\r\n");
  assertEquals(bench.run("SET", "k", "short", "GET"), bulk("n".repeat(200_000)));
});
