import { assertEquals, assertThrows } from "@std/assert";
import { parseRedisBenchmark } from "../../bench/versus/redis_benchmark.ts";

/** What redis-benchmark 7.0 prints to a pipe, progress lines included. */
const OUTPUT =
  `SET: rps=0.0 (overall: 0.0) avg_msec=-nan (overall: -nan)\r                    \r====== SET ======
  50000 requests completed in 0.06 seconds
  50 parallel clients
  64 bytes payload
  keep alive: 1
  host configuration "save":
  host configuration "appendonly": no
  multi-thread: no

Latency by percentile distribution:
0.000% <= 0.239 milliseconds (cumulative count 32)
50.000% <= 0.679 milliseconds (cumulative count 25024)
99.805% <= 2.255 milliseconds (cumulative count 49904)
99.902% <= 2.287 milliseconds (cumulative count 49952)
99.951% <= 2.311 milliseconds (cumulative count 49984)
100.000% <= 2.327 milliseconds (cumulative count 50000)

Cumulative distribution of latencies:
0.000% <= 0.103 milliseconds (cumulative count 0)
100.000% <= 3.103 milliseconds (cumulative count 50000)

Summary:
  throughput summary: 892857.12 requests per second
  latency summary (msec):
          avg       min       p50       p95       p99       max
        0.781     0.232     0.679     1.527     1.967     2.327

`;

Deno.test("The output of redis-benchmark is read, p99.9 from its distribution, and the longest wait", () => {
  assertEquals(parseRedisBenchmark(OUTPUT), {
    requestsPerSecond: 892_857.12,
    p50Ms: 0.679,
    p99Ms: 1.967,
    p999Ms: 2.287,
    maxMs: 2.327,
  });
});

Deno.test("The rates that redis-benchmark prints on its way are not taken for the result", () => {
  const progress = "SET: rps=100.0 (overall: 100.0) avg_msec=9.0 (overall: 9.0)\r";
  assertEquals(parseRedisBenchmark(progress + OUTPUT), parseRedisBenchmark(OUTPUT));
});

Deno.test("A distribution that goes from below 99.9 to all at once yields the greatest latency", () => {
  const few = OUTPUT.replace(/^99\.9.*\n/gm, "");
  assertEquals(parseRedisBenchmark(few).p999Ms, 2.327);
});

Deno.test("Output of redis-benchmark without its summary is refused", () => {
  assertThrows(
    () => parseRedisBenchmark(OUTPUT.slice(0, OUTPUT.indexOf("Summary"))),
    SyntaxError,
    "no summary",
  );
  assertThrows(
    () => parseRedisBenchmark("Error: Server closed the connection"),
    SyntaxError,
    "Server closed",
  );
});

Deno.test("Output of redis-benchmark without its distribution is refused", () => {
  const bare = OUTPUT.slice(0, OUTPUT.indexOf("Latency by")) + OUTPUT.slice(OUTPUT.indexOf("Cumulative dis"));
  assertThrows(() => parseRedisBenchmark(bare), SyntaxError, "no distribution");
});
