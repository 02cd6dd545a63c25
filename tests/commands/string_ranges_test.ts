import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { VALUE_BYTES_MAX } from "../../src/core/limits.ts";
import { Bench, bulk } from "./support.ts";
import { assertProperty } from "../support/property.ts";

const TOO_LONG = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
const OOM = "-OOM command not allowed: key and value are larger than the memory cap\r\n";

Deno.test("APPEND and SETRANGE make the value that was meant, and GETRANGE finds each part of it", () => {
  const edit = fc.record({
    appends: fc.boolean(),
    offset: fc.nat(300),
    text: fc.string({ unit: fc.constantFrom("a", "b", "\0"), maxLength: 150 }),
    from: fc.integer({ min: -500, max: 500 }),
    to: fc.integer({ min: -500, max: 500 }),
  });
  assertProperty(
    fc.property(fc.array(edit, { maxLength: 10 }), (edits) => {
      const bench = new Bench();
      let model = "";
      for (const { appends, offset, text, from, to } of edits) {
        if (appends) model += text;
        else if (text !== "") {
          model = model.padEnd(offset, "\0").slice(0, offset) + text + model.slice(offset + text.length);
        }
        const length = appends
          ? bench.run("APPEND", "k", text)
          : bench.run("SETRANGE", "k", String(offset), text);
        assertEquals(length, `:${model.length}\r\n`);
        assertEquals(bench.run("GETRANGE", "k", String(from), String(to)), bulk(part(model, from, to)));
      }
      assertEquals(bench.run("STRLEN", "k"), `:${model.length}\r\n`);
    }),
    { numRuns: 200 },
  );
});

/** What GETRANGE returns, by the words of Redis' documentation and the one odd case of its code. */
function part(text: string, from: number, to: number): string {
  if (from < 0 && to < 0 && from > to) return "";
  const first = from < 0 ? Math.max(0, text.length + from) : from;
  const last = to < 0 ? Math.max(0, text.length + to) : to;
  return first > last ? "" : text.slice(first, last + 1);
}

Deno.test("APPEND and SETRANGE keep the deadline", () => {
  const bench = new Bench();
  bench.run("SET", "k", "v", "PX", "500");
  bench.takeMutations();
  bench.run("APPEND", "k", "w");
  bench.run("SETRANGE", "k", "1", "xy");
  assertEquals(bench.takeMutations(), [`set k vw ${bench.nowMs + 500}`, `set k vxy ${bench.nowMs + 500}`]);
  bench.nowMs += 500;
  assertEquals(bench.run("APPEND", "k", "new"), ":3\r\n");
  assertEquals(bench.run("TTL", "k"), ":-1\r\n");
});

Deno.test("APPEND and SETRANGE refuse a value that becomes too long, and leave it as it was", () => {
  const bench = new Bench({ capBytes: 256 * 1024 });
  bench.run("SET", "k", "v");
  bench.takeMutations();
  assertEquals(bench.run("APPEND", "k", new Uint8Array(VALUE_BYTES_MAX)), TOO_LONG);
  assertEquals(bench.run("APPEND", "new", new Uint8Array(VALUE_BYTES_MAX + 1)), TOO_LONG);
  assertEquals(bench.run("SETRANGE", "k", String(VALUE_BYTES_MAX), "x"), TOO_LONG);
  assertEquals(bench.run("SETRANGE", "k", String(VALUE_BYTES_MAX - 1), "x"), OOM);
  assertEquals(bench.run("APPEND", "k", new Uint8Array(300 * 1024)), OOM);
  assertEquals(bench.takeMutations(), []);
  assertEquals(bench.run("GET", "k"), bulk("v"));
});

Deno.test("SETRANGE fills a gap with zero bytes, not with what the room held before", () => {
  const bench = new Bench();
  bench.run("SET", "secret", "s".repeat(1_000));
  bench.run("APPEND", "secret", "s");
  assertEquals(bench.run("SETRANGE", "k", "500", "x"), ":501\r\n");
  assertEquals(bench.run("GET", "k"), bulk(`${"\0".repeat(500)}x`));
});
