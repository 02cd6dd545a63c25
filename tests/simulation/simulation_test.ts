/** Runs of the simulated cluster: right ones, the same again, and what is seen when a rule of the product is off. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { MEMBERSHIP_RULES } from "./membership_rules.ts";
import { NAMED_SEEDS } from "./named_seeds.ts";
import { type Fixed, optionsOf } from "./options.ts";
import { REPLICATION_RULES } from "./replication_rules.ts";
import { RULES } from "./rules.ts";
import { run } from "./run.ts";

/** Long enough for some faults and for what they set off. */
const SHORT = { safetyMs: 2_000 };
/** Runs within which the simulator sees that a rule is off. */
const RULE_SEEDS_MAX = 60;

const RULES_OF_ALL = [...RULES, ...REPLICATION_RULES, ...MEMBERSHIP_RULES];

interface Batch {
  readonly what: string;
  readonly fixed: Fixed;
  readonly seeds: readonly number[];
  /** What happens at some time or other in these runs. */
  readonly sometimes: readonly string[];
}

const BATCHES: readonly Batch[] = [
  {
    what: "one copy of each shard",
    fixed: SHORT,
    seeds: Array.from({ length: 12 }, (_, i) => i + 1),
    sometimes: [
      "a crash with unsynced data",
      "a partition that healed",
      "an orderly stop",
      "pause",
      "power loss of all",
    ],
  },
  {
    what: "two copies of each shard",
    fixed: { nodeCount: 3, replicas: 1, safetyMs: 1_500 },
    seeds: [2, 4, 8, 9, 13, 20, 25, 36],
    sometimes: [
      "a copy that had data began anew",
      "a crash with unsynced data",
      "a fail-over",
      "a full copy that ended",
      "a partition that healed",
      "an UNCERTAIN",
      "an in-sync set that changed",
      "an orderly stop",
      "failed syncs",
      "pause",
    ],
  },
  {
    what: "three copies of each shard",
    fixed: { nodeCount: 3, replicas: 2, safetyMs: 1_500 },
    seeds: [2, 8],
    sometimes: ["a fail-over", "an in-sync set that changed"],
  },
];

Deno.test("A seed is a run, event by event", async () => {
  const [once, again, other] = [
    await run(optionsOf(7, SHORT)),
    await run(optionsOf(7, SHORT)),
    await run(optionsOf(8, SHORT)),
  ];
  assert(once.eventCount > 1_000 && once.operationCount > 100, "something happens in it");
  assertEquals(again.traceHash, once.traceHash);
  assertEquals(again.trace, once.trace);
  assertNotEquals(other.traceHash, once.traceHash);
});

for (const { what, fixed, seeds, sometimes } of BATCHES) {
  Deno.test(`Whatever befalls the cluster, with ${what} histories are linearizable, and it serves again soon`, async () => {
    const seen = new Set<string>();
    for (const seed of seeds) {
      const { violations, sightings, undecidedCount } = await run(optionsOf(seed, fixed));
      assertEquals(violations, [], `seed ${seed}`);
      assertEquals(undecidedCount, 0, `seed ${seed}: histories are judged`);
      for (const what of sightings.keys()) seen.add(what);
    }
    assertEquals(sometimes.filter((what) => !seen.has(what)), []);
  });
}

for (const { name, seed, fixed } of NAMED_SEEDS) {
  Deno.test(`A run that was wrong once: ${name}`, async () => {
    assertEquals((await run(optionsOf(seed, fixed))).violations, []);
  });
}

for (const { name, seed, fixed, isSlow, breakRule } of RULES_OF_ALL) {
  if (seed === null || isSlow) continue;
  Deno.test(`The simulator sees that a rule is off: ${name}`, async () => {
    const mendRule = breakRule();
    try {
      for (let i = 0; i < RULE_SEEDS_MAX; i++) {
        if ((await run(optionsOf(seed + i, fixed))).violations.length > 0) return;
      }
    } finally {
      mendRule();
    }
    throw new Error(`no run from seed ${seed} on is wrong without the rule`);
  });
}
