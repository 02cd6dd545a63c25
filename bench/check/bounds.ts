/**
 * What is allowed, and why. Each bound is what was measured with a small margin. When work on the code lowers a number, its bound is lowered with it: then it cannot creep back.
 *
 * Heap bytes are those of Deno 2.9; other versions of the engine spend more or less on the same promise. A view of
 * bytes costs 104, an async function that waits about 500: no bound leaves room for one more of either.
 */
import type { Bound } from "./report.ts";
import { CALL_KINDS } from "./strace_summary.ts";

const NO_ALLOCATION = "nothing is allocated per request; 8 for what the compiler boxes";

/** Name behind `heap:`, bytes, reason. */
const HEAP: readonly (readonly [string, number, string])[] = [
  ["node, GET alone", 300, "the promises of one read, one batch, one write"],
  ["node, GET in a batch", 8, NO_ALLOCATION],
  ["node, SET alone", 1_650, "as GET, and a write of the log"],
  ["node, SET in a batch", 8, NO_ALLOCATION],
  ["node, INCR alone", 1_650, "as SET"],
  ["node, INCR in a batch", 8, NO_ALLOCATION],
  ["balancer, GET alone", 1_280, "the promises of two reads and two writes, and of the wait in between"],
  ["balancer, GET in a batch", 8, NO_ALLOCATION],
  ["balancer, SET alone", 1_280, "as GET"],
  ["balancer, SET in a batch", 8, NO_ALLOCATION],
  ["balancer, INCR alone", 1_280, "as GET"],
  ["balancer, INCR in a batch", 8, NO_ALLOCATION],
];

const DETOUR =
  "one read, one write, one poll; log: a write and a sync, which may take the detour through a thread";
const LOCK_STEP = "one read, one write, one poll; the rest is timers";
const BOTH_SIDES = "as the node, for the client and for the node behind; a reader may look once in vain";

/** Name behind `calls:`; reads, writes, polls, syncs, futexes, others per request; reason. */
const CALLS: readonly (readonly [string, readonly number[], string])[] = [
  ["node, SET 1 deep", [1.1, 3.2, 2.3, 1.05, 2.5, 2.3], DETOUR],
  ["node, SET 16 deep", [0.07, 0.2, 0.15, 0.07, 0.16, 0.15], `a sixteenth: ${DETOUR}`],
  ["node, GET 1 deep", [1.1, 1.1, 1.2, 0.01, 0.2, 0.2], LOCK_STEP],
  ["node, GET 16 deep", [0.07, 0.07, 0.08, 0.01, 0.02, 0.02], `a sixteenth: ${LOCK_STEP}`],
  ["balancer, GET 1 deep", [2.2, 2.1, 2.3, 0.01, 0.2, 0.2], BOTH_SIDES],
  ["balancer, GET 16 deep", [0.14, 0.14, 0.15, 0.01, 0.02, 0.02], `a sixteenth: ${BOTH_SIDES}`],
];

const MEMORY: readonly Bound[] = [
  {
    name: "memory: an entry, resident",
    unit: "bytes",
    max: 150,
    reason: "the goal; two blocks, and the log's buffers and the runtime's heap as they are under load",
  },
  {
    name: "memory: an entry, accounted",
    unit: "bytes",
    max: 131,
    reason: "two blocks of 65 bytes; the smallest store is part of it",
  },
  {
    name: "memory: an idle connection of a node",
    unit: "bytes",
    max: 9_000,
    reason: "the goal is 8,192; 5,500 to 7,500 in most runs, as the heap happens to grow",
  },
  {
    name: "memory: an idle connection of a balancer",
    unit: "bytes",
    max: 11_000,
    reason: "the goal is 8,192, held in some runs: the heap happens to grow by more in others",
  },
  {
    name: "memory: a balancer with 10,000 idle connections",
    unit: "MB",
    max: 180,
    reason: "the goal is 200",
  },
];

export const BOUNDS: readonly Bound[] = [
  ...HEAP.map(([name, max, reason]) => ({ name: `heap: ${name}`, unit: "bytes a request", max, reason })),
  ...CALLS.flatMap(([name, bounds, reason]) =>
    CALL_KINDS.map((kind, i) => ({
      name: `calls: ${name}, ${kind}`,
      unit: "a request",
      max: bounds[i]!,
      reason,
    }))
  ),
  ...MEMORY,
];
