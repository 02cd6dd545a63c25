import { assertEquals, assertThrows } from "@std/assert";
import { callsOf, countsByKind } from "../../bench/check/strace_summary.ts";

const SUMMARY = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.97    0.000101          16         6         2 futex
 20.00    0.000062          62         1           recvfrom
 10.03    0.000062          62        11         4 read
  8.00    0.000003           3      1000           pwrite64
  0.00    0.000000           0         3           mmap
------ ----------- ----------- --------- --------- ----------------
100.00    0.000163          23      1021         6 total
`;

Deno.test("A summary of strace gives the calls of each name, with errors and without", () => {
  assertEquals(Object.fromEntries(callsOf(SUMMARY)), {
    futex: 6,
    recvfrom: 1,
    read: 11,
    pwrite64: 1000,
    mmap: 3,
  });
});

Deno.test("Calls that do the same are added up, and those of no kind are the others", () => {
  assertEquals(countsByKind(callsOf(SUMMARY)), {
    reads: 12,
    writes: 1000,
    polls: 0,
    syncs: 0,
    futexes: 6,
    others: 3,
  });
});

Deno.test("A text that is no summary of strace is refused", () => {
  assertThrows(() => callsOf("strace: attach: Operation not permitted"), SyntaxError, "no heading");
});
