/** What a hostile run must find in its own record, and its flags. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseOptions } from "./options.ts";
import { type Place, Record } from "./record.ts";
import { conclude } from "./verdict.ts";

const NODE: Place = { target: "node", index: 0 };
const PLACES: Place[] = [NODE, { target: "cluster", index: 0 }, { target: "cluster", index: 1 }];

/** A run of 100 seconds in which every request took a millisecond. */
function quietRun(): Record {
  const record = new Record();
  for (let ms = 0; ms < 100_000; ms += 100) {
    for (const place of PLACES) record.samples.push({ place, fromMs: ms, untilMs: ms + 1, trouble: "" });
  }
  return record;
}

function violationsOf(record: Record): string[] {
  conclude(record, new Map());
  return record.violations;
}

Deno.test("A run in which nothing happened is well", () => {
  assertEquals(violationsOf(quietRun()), []);
});

Deno.test("Slow replies count unless the client's own node was down in that second", () => {
  const slow = (): Record => {
    const record = quietRun();
    for (let i = 0; i < 20; i++) {
      record.samples.push({ place: NODE, fromMs: 50_300 + i, untilMs: 50_400 + i, trouble: "" });
    }
    return record;
  };
  assertEquals(violationsOf(slow()), ["p99 at node is 100.0 ms, its bound is 50 ms"]);
  const excused = slow();
  excused.outages.push({ fault: "freeze", places: [NODE], fromMs: 50_900, untilMs: 51_100 });
  assertEquals(violationsOf(excused), []);
  const anothers = slow();
  anothers.outages.push({ fault: "freeze", places: [PLACES[1]!], fromMs: 50_000, untilMs: 51_000 });
  assertEquals(violationsOf(anothers).length, 1);
});

Deno.test("A request that is refused or lost while its node was not down is a violation that names what was under way", () => {
  const record = quietRun();
  record.episodes.push({ fault: "giants", fromMs: 1_000, untilMs: 2_000 });
  record.samples.push({ place: NODE, fromMs: 1_500, untilMs: 1_501, trouble: "READONLY" });
  const [violation] = violationsOf(record);
  assertStringIncludes(violation!, "1 × a client of node whose node was not down got READONLY");
  assertStringIncludes(violation!, "giants");
});

Deno.test("A history that is not linearizable is shown with its key", () => {
  const record = quietRun();
  record.operation("k", { kind: "set", value: "1", calledAt: 0, returnedAt: 1 });
  record.operation("k", { kind: "get", result: null, calledAt: 2, returnedAt: 3 });
  assertStringIncludes(violationsOf(record)[0]!, "history of k: violation");
});

Deno.test("A run without enough requests to judge by is not well", () => {
  assertEquals(violationsOf(new Record()).length, 2);
});

Deno.test("Flags take what they say, and refuse the rest by name", () => {
  assertEquals(
    parseOptions(["--minutes", "30", "--seed", "7", "--only", "freeze,flood"], ["freeze", "flood"]),
    {
      minutes: 30,
      seed: 7,
      only: ["freeze", "flood"],
    },
  );
  assertEquals(parseOptions(["--help"], []), "help");
  for (
    const args of [["--minutes", "0"], ["--minutes", "x"], ["--seed", "1.5"], ["--only", "no"], ["--no"], [
      "no",
    ]]
  ) {
    assertThrows(
      () => parseOptions(args, ["freeze"]),
      RangeError,
      args.length > 1 ? args[1]! : "Unknown argument",
    );
  }
});
