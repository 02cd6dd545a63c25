/** The judge of histories: what it must find, what it must let pass, and that it decides as a search of all orders does. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { assertProperty } from "./property.ts";
import { judge, type Operation } from "./linearizability.ts";

const set = (calledAt: number, returnedAt: number, value: string): Operation => ({
  kind: "set",
  calledAt,
  returnedAt,
  value,
});
const get = (calledAt: number, returnedAt: number, result: string | null): Operation => ({
  kind: "get",
  calledAt,
  returnedAt,
  result,
});
const incr = (calledAt: number, returnedAt: number, result?: string): Operation => ({
  kind: "incr",
  calledAt,
  returnedAt,
  result,
});
const del = (calledAt: number, returnedAt: number, result?: boolean): Operation => ({
  kind: "del",
  calledAt,
  returnedAt,
  result,
});
const setnx = (calledAt: number, returnedAt: number, value: string, result?: boolean): Operation => ({
  kind: "setnx",
  calledAt,
  returnedAt,
  value,
  result,
});
const append = (calledAt: number, returnedAt: number, value: string, result?: number): Operation => ({
  kind: "append",
  calledAt,
  returnedAt,
  value,
  result,
});
function settled(operation: Operation, settledAt: number): Operation {
  return { ...operation, settledAt };
}

Deno.test("Histories in which nothing is wrong are linearizable", () => {
  const right: Operation[][] = [
    [],
    [get(0, 1, null)],
    [set(0, 1, "5"), get(2, 3, "5"), incr(4, 5, "6"), del(6, 7, true), del(8, 9, false), get(10, 11, null)],
    // Concurrent writes in either order, as long as all agree.
    [set(0, 9, "1"), set(1, 8, "2"), get(10, 11, "1"), get(12, 13, "1")],
    [set(0, 9, "1"), get(1, 2, null), get(3, 4, "1")],
    // A write without an answer may come late, or never.
    [set(0, 1, "1"), set(2, Infinity, "2"), get(3, 4, "1"), get(5, 6, "2")],
    [set(0, 1, "1"), set(2, Infinity, "2"), get(3, 4, "1"), get(5, 6, "1")],
    [incr(0, Infinity), incr(1, 2, "2"), get(3, 4, "2")],
    [set(0, 1, "1"), del(2, Infinity), get(3, 4, "1"), get(5, 6, null)],
    [append(0, 1, "1", 1), append(2, Infinity, "2"), append(3, 4, "3", 3), get(5, 6, "123")],
    [setnx(0, 9, "1", false), set(1, 2, "2"), setnx(3, 4, "3", false), get(5, 6, "2")],
    // One whose outcome was settled later, either way.
    [set(0, 1, "1"), settled(set(2, Infinity, "2"), 5), get(3, 4, "1"), get(6, 7, "1"), get(8, 9, "1")],
    [set(0, 1, "1"), settled(set(2, Infinity, "2"), 5), get(3, 4, "1"), get(6, 7, "2"), get(8, 9, "2")],
    // Two of the same moment are concurrent.
    [set(0, 1, "1"), get(1, 2, null)],
  ];
  for (const history of right) assertEquals(judge(history), "linearizable", JSON.stringify(history));
});

Deno.test("Planted violations are found", () => {
  const wrong: [string, Operation[]][] = [
    ["an acknowledged write is lost", [set(0, 1, "1"), get(2, 3, null)]],
    ["a stale read", [set(0, 1, "1"), set(2, 3, "2"), get(4, 5, "1")]],
    ["a value that nobody wrote", [set(0, 1, "1"), get(2, 3, "7")]],
    ["a read that goes back", [set(0, 1, "1"), set(2, 9, "2"), get(3, 4, "2"), get(5, 6, "1")]],
    ["a refused write is there all the same", [get(2, 3, "1")]],
    ["an increment counts twice", [set(0, 1, "5"), incr(2, 3, "6"), get(4, 5, "7")]],
    ["two increments with one result", [incr(0, 3, "1"), incr(1, 4, "1")]],
    ["an append that is lost", [append(0, 1, "1", 1), append(2, 3, "2", 1)]],
    ["an append that is done twice", [append(0, 1, "1", 1), get(2, 3, "11")]],
    ["a set of a key that is there, though it must not be", [set(0, 1, "1"), setnx(2, 3, "2", true)]],
    ["a delete of what was not there", [del(0, 1, true)]],
    [
      "a write without an answer takes effect twice",
      [set(0, 1, "1"), set(2, Infinity, "2"), get(3, 4, "2"), set(5, 6, "3"), get(7, 8, "2")],
    ],
    [
      "an increment that was given up arrives after later writes were seen",
      [
        incr(0, Infinity),
        get(1, 2, null),
        incr(3, 4, "1"),
        set(5, 6, "100"),
        get(7, 8, "100"),
        get(9, 10, "102"),
      ],
    ],
    [
      "a write without an answer takes effect after that was settled",
      [set(0, 1, "1"), settled(set(2, Infinity, "2"), 5), get(6, 7, "1"), get(8, 9, "2")],
    ],
    [
      "readers do not agree on the order of two writes",
      [set(0, 9, "1"), set(0, 9, "2"), get(10, 11, "1"), get(12, 13, "2")],
    ],
  ];
  for (const [name, history] of wrong) assertEquals(judge(history), "violation", name);
});

Deno.test("The judge decides as a search through all orders does", () => {
  const deed = fc.record({
    calledAt: fc.nat(12),
    took: fc.oneof(fc.nat(6), fc.constant(Infinity)),
    settledAfter: fc.option(fc.nat(8), { nil: undefined }),
    kind: fc.constantFrom("set", "get", "incr", "del", "setnx", "append"),
    number: fc.nat(3),
  }).map(({ calledAt, took, settledAfter, kind, number }): Operation => {
    const returnedAt = calledAt + took;
    const isKnown = returnedAt !== Infinity;
    if (!isKnown && settledAfter !== undefined && kind === "set") {
      return settled(set(calledAt, Infinity, String(number)), calledAt + settledAfter);
    }
    switch (kind) {
      case "set":
        return set(calledAt, returnedAt, String(number));
      case "get":
        return get(calledAt, returnedAt, number === 0 ? null : String(number));
      case "incr":
        return incr(calledAt, returnedAt, isKnown ? String(number + 1) : undefined);
      case "setnx":
        return setnx(calledAt, returnedAt, String(number), isKnown ? number % 2 === 0 : undefined);
      case "append":
        return append(calledAt, returnedAt, String(number), isKnown ? 1 + number : undefined);
      default:
        return del(calledAt, returnedAt, isKnown ? number % 2 === 0 : undefined);
    }
  });
  const seen = new Set<string>();
  assertProperty(
    fc.property(fc.array(deed, { maxLength: 6 }), (history) => {
      const verdict = judge(history);
      seen.add(verdict);
      assertEquals(verdict === "linearizable", someOrderFits(history));
    }),
    { numRuns: 3000 },
  );
  assertEquals([...seen].sort(), ["linearizable", "violation"]);
});

Deno.test("A long history with much at once is decided soon, and one beyond the bound is said to be undecided", () => {
  const history: Operation[] = [];
  for (let i = 0; i < 2000; i++) history.push(set(4 * i, 4 * i + 10, `${i}`));
  assertEquals(judge(history), "linearizable");
  const unsolvable = [...Array.from({ length: 24 }, (_, i) => set(i, Infinity, `${i}`)), get(50, 51, "x")];
  assertEquals(judge(unsolvable, 10_000), "undecided");
  assert(judge(unsolvable.slice(-8)) === "violation");
});

/** Tries every order of every choice of the operations without an outcome. */
function someOrderFits(history: readonly Operation[]): boolean {
  const open = history.find(({ returnedAt, settledAt }) =>
    returnedAt === Infinity && settledAt !== undefined
  );
  if (open !== undefined) {
    // It was done by then, or never.
    const rest = history.filter((operation) => operation !== open);
    return someOrderFits(rest) || someOrderFits([...rest, { ...open, returnedAt: open.settledAt! }]);
  }
  const search = (left: readonly Operation[], state: string | null): boolean => {
    if (left.every(({ returnedAt }) => returnedAt === Infinity)) return true;
    return left.some((operation) => {
      if (left.some((other) => other !== operation && other.returnedAt < operation.calledAt)) return false;
      const rest = left.filter((other) => other !== operation);
      const value = BigInt(state ?? "0");
      switch (operation.kind) {
        case "set":
          return search(rest, operation.value);
        case "get":
          return (operation.returnedAt === Infinity || operation.result === state) && search(rest, state);
        case "incr": {
          const after = String(value + 1n);
          return (operation.result ?? after) === after && search(rest, after);
        }
        case "setnx":
          return (operation.result ?? (state === null)) === (state === null) &&
            search(rest, state ?? operation.value);
        case "append": {
          const after = (state ?? "") + operation.value;
          return (operation.result ?? after.length) === after.length && search(rest, after);
        }
        case "del":
          return (operation.result ?? (state !== null)) === (state !== null) && search(rest, null);
      }
    });
  };
  return search(history, null);
}
