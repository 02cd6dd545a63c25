/** What a chaos run must find in its own record, and its flags. */
import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { parseOptions } from "./options.ts";
import { type Episode, Record, type Trouble } from "./record.ts";
import { conclude } from "./verdict.ts";

const SHARD_COUNT = 3;
/** Shard 0 is led and shard 1 followed where the fault is; shard 2 has no copy there. */
const KILL: Episode = {
  fault: "kill",
  led: [0],
  followed: [1],
  fromMs: 10_000,
  untilMs: 15_000,
  waited: 3,
};

/** A run in which each shard was asked every 10 ms, and shard n not answered for `gaps[n]` ms from second 11 on. */
function runWith(gaps: readonly number[], fault = "kill"): Record {
  const record = new Record();
  record.episodes.push({ ...KILL, fault });
  for (let shard = 0; shard < SHARD_COUNT; shard++) {
    for (let ms = 9_000; ms < 16_000; ms += 10) {
      const isAnswered = ms < 11_000 || ms + 1 >= 11_000 + gaps[shard]!;
      record.samples.push({ shard, fromMs: ms, untilMs: ms + 1, isAnswered });
    }
  }
  return record;
}

function conclusionOf(record: Record): { report: string; violations: string[] } {
  const report = conclude(record, { shardCount: SHARD_COUNT, bounded: ["kill"] }).join("\n");
  return { report, violations: record.violations };
}

function withTrouble(trouble: Partial<Trouble>): string[] {
  const record = runWith([0, 0, 0]);
  const told = { kind: "UNCERTAIN", text: "UNCERTAIN it is", isRead: false, shards: [0] };
  record.troubles.push({ ...told, fromMs: 11_000, untilMs: 11_010, ...trouble });
  return conclusionOf(record).violations;
}

Deno.test("A chaos run within its bounds is well, and tells how long each kind of shard had no answer", () => {
  const { report, violations } = conclusionOf(runWith([1_401, 601, 81]));
  assertEquals(violations, []);
  assertStringIncludes(report, "kill ×1: whole again after median 5000 ms, longest 5000 ms; 0 UNCERTAIN, 3 ");
  assertMatch(report, /primary hit median 1401 ms.*replica hit median 601 ms.*others median 81 ms/);
});

Deno.test("Keys that are without an answer for too long are a violation, of each kind of shard by its own bound", () => {
  const [longest, median, ...more] = conclusionOf(runWith([2_601, 0, 0])).violations;
  assertStringIncludes(
    longest!,
    "kill: longest without an answer 2601 ms, the bound is 2500 ms (shard 0 from ",
  );
  assertStringIncludes(
    median!,
    "kill: median without an answer 2601 ms, the bound is 1500 ms (shard 0 from ",
  );
  assertEquals(more, []);
  const { violations } = conclusionOf(runWith([0, 0, 201]));
  assertEquals(violations.length, 1);
  assertStringIncludes(
    violations[0]!,
    "kill: longest without an answer where no copy was hit 201 ms, the bound is 1",
  );
});

Deno.test("The bounds of time do not hold for a fault that hits the balancer too", () => {
  assertEquals(conclusionOf(runWith([4_001, 4_001, 4_001], "kill-all")).violations, []);
});

Deno.test("Only a write to a shard that was hit may be uncertain, and nothing may be refused", () => {
  assertEquals(withTrouble({}), []);
  assertMatch(withTrouble({ isRead: true })[0]!, /^a read is said to be uncertain /);
  assertMatch(withTrouble({ shards: [2] })[0]!, /^an error for shards of which no copy was hit /);
  assertMatch(withTrouble({ fromMs: 16_000, untilMs: 16_001 })[0]!, /^an error while nothing was wrong /);
  assertMatch(withTrouble({ kind: "TRYAGAIN" })[0]!, /^a request was refused though /);
  assertMatch(withTrouble({ kind: "BROKEN" })[0]!, /^a connection broke though /);
});

Deno.test("A chaos run finds a lost write in its histories", () => {
  const lost = runWith([0, 0, 0]);
  lost.operation("k", { kind: "set", value: "1", calledAt: 1, returnedAt: 2 });
  lost.operation("k", { kind: "get", result: null, calledAt: 3, returnedAt: 4 });
  assertMatch(conclusionOf(lost).violations[0]!, /^history of k: violation/);
});

Deno.test("What was told to be uncertain takes no effect after a later request was answered", () => {
  const record = runWith([0, 0, 0]);
  const uncertain = { kind: "set", value: "1", calledAt: 0, returnedAt: Infinity } as const;
  record.operation("k", { ...uncertain });
  const told = { ...uncertain };
  record.operation("late", told);
  record.toldUncertain("late", told);
  const nowMs = performance.now();
  for (const key of ["k", "late"]) {
    for (const [i, result] of [null, null, "1"].entries()) {
      const calledAt = nowMs + 1 + 2 * i;
      record.operation(key, { kind: "get", result, calledAt, returnedAt: calledAt + 1 });
    }
  }
  const { violations } = conclusionOf(record);
  assertEquals(violations.length, 1);
  assertMatch(violations[0]!, /^history of late: violation/);
});

Deno.test("The flags of a chaos run are checked", () => {
  const options = { minutes: 0.5, seed: -7, kills: 20, only: ["b"] };
  assertEquals(
    parseOptions(["--minutes=0.5", "--seed=-7", "--kills", "20", "--only", "b"], ["a", "b"]),
    options,
  );
  assertEquals(parseOptions(["--help"], []), "help");
  for (const bad of [["--minutes", "0"], ["--seed", "x"], ["--kills", "-1"], ["--only", "c"], ["more"]]) {
    assertThrows(() => parseOptions(bad, ["a", "b"]), RangeError);
  }
});
