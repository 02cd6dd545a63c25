import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Bench, bulk } from "./support.ts";
import { assertProperty } from "../support/property.ts";

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

Deno.test("INCRBY and DECRBY add any 64-bit integers, or say that the sum is none", () => {
  const edge = fc.constantFrom(0n, 10n ** 15n, 2n ** 53n, -(2n ** 53n), INT64_MAX, INT64_MIN);
  const near = fc.tuple(edge, fc.bigInt({ min: -3n, max: 3n })).map(([base, delta]) => base + delta);
  const number = fc.oneof(near, fc.bigInt({ min: INT64_MIN, max: INT64_MAX }))
    .filter((value) => value >= INT64_MIN && value <= INT64_MAX);
  assertProperty(
    fc.property(number, number, fc.boolean(), (start, step, adds) => {
      const bench = new Bench();
      bench.run("SET", "n", String(start));
      const reply = bench.run(adds ? "INCRBY" : "DECRBY", "n", String(step));
      const sum = adds ? start + step : start - step;
      const fits = sum >= INT64_MIN && sum <= INT64_MAX;
      if (fits && (adds || step !== INT64_MIN)) assertEquals(reply, `:${sum}\r\n`);
      else if (!adds && step === INT64_MIN) assertEquals(reply, "-ERR decrement would overflow\r\n");
      else assertEquals(reply, "-ERR increment or decrement would overflow\r\n");
      assertEquals(bench.run("GET", "n"), bulk(reply.startsWith(":") ? String(sum) : String(start)));
    }),
    { numRuns: 500 },
  );
});

Deno.test("INCR counts on from what is there and keeps the deadline", () => {
  const bench = new Bench();
  assertEquals(bench.run("INCR", "n"), ":1\r\n");
  bench.run("PEXPIRE", "n", "500");
  bench.takeMutations();
  assertEquals(bench.run("INCR", "n"), ":2\r\n");
  assertEquals(bench.run("INCRBYFLOAT", "n", "0.5"), bulk("2.5"));
  assertEquals(bench.takeMutations(), [`set n 2 ${bench.nowMs + 500}`, `set n 2.5 ${bench.nowMs + 500}`]);
  bench.nowMs += 500;
  assertEquals(bench.run("DECR", "n"), ":-1\r\n");
  assertEquals(bench.takeMutations(), ["set n -1 0"]);
});

Deno.test("INCR refuses what is not an integer and leaves it as it was", () => {
  const bench = new Bench();
  for (const value of ["", "x", "1.0", " 1", "01", "+1", "-", "1".repeat(20), "9".repeat(100)]) {
    bench.run("SET", "n", value);
    bench.takeMutations();
    assertEquals(bench.run("INCR", "n"), "-ERR value is not an integer or out of range\r\n", value);
    assertEquals(bench.takeMutations(), []);
  }
});

Deno.test("INCRBYFLOAT adds decimals exactly, where binary fractions would not", () => {
  const bench = new Bench();
  const sums: [start: string, step: string, sum: string][] = [
    ["0.1", "0.2", "0.3"],
    ["148.3217", "732.269499", "880.591199"],
    ["1e3", "-0.001", "999.999"],
    ["123456789012345678", "0.5", "123456789012345678.5"],
    ["1e300", "0", `1${"0".repeat(300)}`],
  ];
  for (const [start, step, sum] of sums) {
    bench.run("SET", "n", start);
    assertEquals(bench.run("INCRBYFLOAT", "n", step), bulk(sum));
    assertEquals(bench.run("INCRBYFLOAT", "n", "0"), bulk(sum));
  }
});

Deno.test("INCRBYFLOAT refuses a sum beyond the largest double", () => {
  const bench = new Bench();
  bench.run("SET", "n", "1.7e308");
  assertEquals(bench.run("INCRBYFLOAT", "n", "1.7e308"), "-ERR increment would produce NaN or Infinity\r\n");
  assertEquals(bench.run("INCRBYFLOAT", "n", "x".repeat(100_000)), "-ERR value is not a valid float\r\n");
  assertEquals(bench.run("GET", "n"), bulk("1.7e308"));
});
