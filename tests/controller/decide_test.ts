/** What the controller does next: a row for each situation, of a shard of three copies on three nodes of four. */
import { assertEquals } from "@std/assert";
import { decide, type Freeze, type NodeView, type Observations } from "../../src/controller/decide.ts";
import { FIRST_CONTACT_MS, FREEZE_WAIT_MS, PRIMARY_AWAY_MS } from "../../src/core/limits.ts";
import type { CopyStatus, FrozenPlace } from "../../src/protocol/roundel_exchange.ts";
import {
  createTopology,
  nextEpoch,
  type Topology,
  type TopologyShard,
  withShards,
} from "../../src/topology/topology.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const NOW = 100_000;
const EPOCH = 5;
const SHARD: TopologyShard = { epoch: EPOCH, primary: "a", replicas: ["b", "c"], inSync: ["a", "b", "c"] };

function topologyOf(...shards: readonly Partial<TopologyShard>[]): Topology {
  const nodes = ["a", "b", "c", "d"].map((id, i) => ({
    id,
    host: "h",
    port: i + 1,
    maxMemoryBytes: 1 << 28,
  }));
  const created = createTopology({ routing: "slots", shardCount: shards.length, nodes }, new SeededRandom(1));
  return withShards(created, new Map(shards.map((shard, i) => [i, { ...SHARD, ...shard }])));
}

interface Told {
  readonly version?: number;
  readonly incarnation?: string;
  readonly writeRefusal?: string;
  readonly copy?: Partial<CopyStatus>;
}

/** A node that is there and does what the topology says, but for what is `told`. */
function there(topology: Topology, id: string, told: Told = {}): NodeView {
  const copies = topology.shards.map((shard, number): CopyStatus => ({
    shard: number,
    epoch: shard.epoch,
    role: shard.primary === id ? "primary" : "replica",
    isLeading: shard.primary === id,
    isOpen: shard.primary === id,
    isFilling: false,
    mayLack: false,
    sequence: 10,
    lastEpoch: EPOCH,
    join: [],
    leave: [],
    ...told.copy,
  }));
  return {
    away: null,
    told: {
      incarnation: told.incarnation ?? `run of ${id}`,
      version: told.version ?? topology.version,
      writeRefusal: told.writeRefusal ?? "",
      copies: new Map(copies.map((copy) => [copy.shard, copy])),
    },
  };
}

function away(forMs: number, wasReached = true): NodeView {
  return { away: { sinceMs: NOW - forMs, wasReached, cause: "it is gone" }, told: null };
}

const GONE = away(PRIMARY_AWAY_MS);

type Answer = Partial<FrozenPlace> & { readonly incarnation?: string };

function frozen(answers: Readonly<Record<string, Answer>>, forMs = 10, epoch = EPOCH): Freeze {
  return {
    epoch,
    sinceMs: NOW - forMs,
    answers: new Map(
      Object.entries(answers).map(([id, { incarnation = `run of ${id}`, ...place }]) => [id, {
        incarnation,
        place: {
          shard: 0,
          epoch,
          sequence: 10,
          lastEpoch: EPOCH,
          isFilling: false,
          mayLack: false,
          ...place,
        },
      }]),
    ),
  };
}

/** What is decided, in a line: `freeze b c`, `b: a c` for the next primary and the others in sync, or `nothing`. */
function decided(topology: Topology, nodes: Readonly<Record<string, NodeView>>, freeze?: Freeze): string {
  const observations: Observations = {
    nodes: new Map(topology.nodes.map(({ id }) => [id, nodes[id] ?? there(topology, id)])),
    freezes: new Map(freeze === undefined ? [] : [[0, freeze]]),
  };
  const { freeze: asked, changes, next } = decide(topology, observations, NOW);
  const lines = [...asked].map(([id, shards]) =>
    `freeze ${id}${[...shards.values()].every((e) => e === EPOCH) ? "" : "?"}`
  );
  for (const { shard, next: { epoch, primary, inSync }, isFailover, mayLack } of changes) {
    assertEquals(epoch, topology.shards[shard]!.epoch + 1);
    assertEquals(next!.version, topology.version + 1);
    lines.push(`${isFailover ? "fail over" : "set"}${mayLack ? " with loss" : ""} ${inSync.join(" ")}`);
    assertEquals(inSync[0], primary);
  }
  return lines.join(", ") || "nothing";
}

const DEFAULT = topologyOf({});
const TWO = topologyOf({ inSync: ["a", "b"] });
const ONE = topologyOf({ inSync: ["a"] });
const ALONE = topologyOf({ replicas: [], inSync: ["a"] });
const restarted: Told = { incarnation: "new", copy: { isLeading: false, isOpen: false } };
const full: Told = { writeRefusal: "disk full" };
const behind: Told = { version: DEFAULT.version - 1, copy: { isLeading: false } };

const ROWS: [what: string, Topology, Record<string, NodeView>, Freeze | undefined, expected: string][] = [
  ["all is well", DEFAULT, {}, undefined, "nothing"],
  ["a replica is away, which the primary will notice", DEFAULT, { b: GONE }, undefined, "nothing"],
  ["the primary's link has just broken", DEFAULT, { a: away(PRIMARY_AWAY_MS - 1) }, undefined, "nothing"],
  ["the primary is away", DEFAULT, { a: GONE }, undefined, "freeze b, freeze c"],
  ["a controller has just begun", DEFAULT, { a: away(FIRST_CONTACT_MS - 1, false) }, undefined, "nothing"],
  [
    "a controller has not met the primary",
    DEFAULT,
    { a: away(FIRST_CONTACT_MS, false) },
    undefined,
    "freeze b, freeze c",
  ],
  ["the primary has told nothing yet", DEFAULT, { a: { away: null, told: null } }, undefined, "nothing"],
  [
    "what the primary told is older than the topology",
    DEFAULT,
    { a: there(DEFAULT, "a", behind) },
    undefined,
    "nothing",
  ],
  [
    "the primary is a new run",
    DEFAULT,
    { a: there(DEFAULT, "a", restarted) },
    undefined,
    "freeze a, freeze b, freeze c",
  ],
  [
    "the only copy is a new run: it just goes on",
    ALONE,
    { a: there(ALONE, "a", restarted) },
    undefined,
    "nothing",
  ],
  ["the only copy is away", ALONE, { a: GONE }, undefined, "nothing"],
  ["who is out of the set is not asked", TWO, { a: GONE }, undefined, "freeze b"],
  ["the last of the set is away: the shard waits", ONE, { a: GONE }, undefined, "nothing"],
  ["the last of the set is a new run", ONE, { a: there(ONE, "a", restarted) }, undefined, "freeze a"],
  [
    "… and goes on in a new epoch",
    ONE,
    { a: there(ONE, "a", restarted) },
    frozen({ a: { incarnation: "new" } }),
    "fail over a",
  ],

  ["not all have answered", DEFAULT, { a: GONE }, frozen({ b: {} }), "freeze c"],
  [
    "one does not answer in time",
    DEFAULT,
    { a: GONE },
    frozen({ b: {} }, FREEZE_WAIT_MS),
    "freeze c, fail over b",
  ],
  ["nobody answers in time", DEFAULT, { a: GONE }, frozen({}, FREEZE_WAIT_MS), "freeze b, freeze c"],
  [
    "a member is likely to be back in a moment",
    DEFAULT,
    { a: GONE, c: away(1) },
    frozen({ b: {} }),
    "nothing",
  ],
  ["a member is away, too", DEFAULT, { a: GONE, c: GONE }, frozen({ b: {} }), "fail over b"],
  [
    "answers of an older epoch do not count",
    DEFAULT,
    { a: GONE },
    frozen({ b: {}, c: {} }, 10, EPOCH - 1),
    "freeze b, freeze c",
  ],
  [
    "an answer of an earlier run does not count",
    DEFAULT,
    { a: GONE, b: there(DEFAULT, "b", { incarnation: "new" }) },
    frozen({ b: {}, c: {} }),
    "freeze b",
  ],
  [
    "who has answered and is away does not lead",
    DEFAULT,
    { a: GONE, b: GONE },
    frozen({ b: { sequence: 99 }, c: {} }),
    "fail over c",
  ],
  ["who has more leads", DEFAULT, { a: GONE }, frozen({ b: {}, c: { sequence: 11 } }), "fail over c b"],
  [
    "a later epoch is more than a greater sequence",
    DEFAULT,
    { a: GONE },
    frozen({ b: { lastEpoch: 4, sequence: 99 }, c: {} }),
    "fail over c b",
  ],
  [
    "the present primary has as much and leads on",
    DEFAULT,
    { a: there(DEFAULT, "a", restarted) },
    frozen({ a: { incarnation: "new" }, b: {}, c: {} }),
    "fail over a b c",
  ],
  [
    "the present primary has less",
    DEFAULT,
    { a: there(DEFAULT, "a", restarted) },
    frozen({ a: { incarnation: "new", sequence: 9 }, b: {}, c: {} }),
    "fail over b a c",
  ],
  [
    "a copy that is being filled is no candidate",
    DEFAULT,
    { a: GONE },
    frozen({ b: { isFilling: true, sequence: 99 }, c: {} }),
    "fail over c",
  ],
  [
    "only copies that are being filled are left",
    TWO,
    { a: GONE },
    frozen({ b: { isFilling: true } }),
    "nothing",
  ],

  [
    "who may lack something neither leads nor stays",
    DEFAULT,
    { a: GONE },
    frozen({ b: { mayLack: true, sequence: 99 }, c: {} }),
    "fail over c",
  ],
  [
    "all that are there may lack something",
    DEFAULT,
    { a: GONE },
    frozen({ b: { mayLack: true }, c: { mayLack: true } }),
    "nothing",
  ],
  [
    "all may lack something, and all are back",
    DEFAULT,
    { a: there(DEFAULT, "a", restarted) },
    frozen({
      a: { incarnation: "new", mayLack: true },
      b: { mayLack: true, sequence: 11 },
      c: { mayLack: true },
    }),
    "fail over with loss b a c",
  ],

  [
    "the primary takes no writes",
    DEFAULT,
    { a: there(DEFAULT, "a", full) },
    undefined,
    "freeze a, freeze b, freeze c",
  ],
  [
    "… and another one leads",
    DEFAULT,
    { a: there(DEFAULT, "a", full) },
    frozen({ a: {}, b: {}, c: {} }),
    "fail over b c",
  ],
  [
    "nobody takes writes: reads go on",
    TWO,
    { a: there(TWO, "a", full), b: there(TWO, "b", full) },
    undefined,
    "nothing",
  ],
  ["nobody else is left: reads go on", ONE, { a: there(ONE, "a", full) }, undefined, "nothing"],
  [
    "the primary takes no writes, the others are away",
    DEFAULT,
    { a: there(DEFAULT, "a", full), b: GONE, c: GONE },
    undefined,
    "nothing",
  ],
  [
    "the primary is away, and who is left takes no writes",
    TWO,
    { a: GONE, b: there(TWO, "b", full) },
    frozen({ b: {} }),
    "fail over b",
  ],

  ["a replica is to join", TWO, { a: there(TWO, "a", { copy: { join: ["c"] } }) }, undefined, "set a b c"],
  ["a member is to leave", TWO, { a: there(TWO, "a", { copy: { leave: ["b"] } }) }, undefined, "set a"],
  [
    "one is to join, another to leave",
    TWO,
    { a: there(TWO, "a", { copy: { join: ["c"], leave: ["b"] } }) },
    undefined,
    "set a c",
  ],
  [
    "one was to join and does not keep up: the primary learns that it is out",
    TWO,
    { a: there(TWO, "a", { copy: { join: ["c"], leave: ["c"] } }) },
    undefined,
    "set a b",
  ],
  [
    "a proposal of an older topology",
    TWO,
    { a: there(TWO, "a", { version: 1, copy: { join: ["c"] } }) },
    undefined,
    "nothing",
  ],
  ["a replica proposes", TWO, { b: there(TWO, "b", { copy: { join: ["c"] } }) }, undefined, "nothing"],
  [
    "who keeps no copy is to join",
    TWO,
    { a: there(TWO, "a", { copy: { join: ["d"] } }) },
    undefined,
    "nothing",
  ],
  ["a member is to join", TWO, { a: there(TWO, "a", { copy: { join: ["b"] } }) }, undefined, "nothing"],
  [
    "the primary is to leave, or who is out",
    TWO,
    { a: there(TWO, "a", { copy: { leave: ["a", "c"] } }) },
    undefined,
    "nothing",
  ],
];

for (const [what, topology, nodes, freeze, expected] of ROWS) {
  Deno.test(`Decision: ${what}`, () => assertEquals(decided(topology, nodes, freeze), expected));
}

Deno.test("Shards that fail over together are one new version, and are spread over who has as much of them", () => {
  const topology = topologyOf({}, {}, { primary: "d", replicas: ["b"], inSync: ["d", "b"] }, {});
  const place = { epoch: EPOCH, sequence: 10, lastEpoch: EPOCH, isFilling: false, mayLack: false };
  const freezes = new Map([0, 1, 3].map((shard) => [shard, {
    epoch: EPOCH,
    sinceMs: NOW,
    answers: new Map(
      ["b", "c"].map((id) => [id, { incarnation: `run of ${id}`, place: { ...place, shard } }]),
    ),
  }]));
  const nodes = new Map(topology.nodes.map(({ id }) => [id, id === "a" ? GONE : there(topology, id)]));
  const { next, changes } = decide(topology, { nodes, freezes }, NOW);
  assertEquals(next!.version, topology.version + 1);
  assertEquals(changes.map(({ next }) => next.primary), ["b", "c", "b"]);
  assertEquals(next!.shards.map(({ primary }) => primary), ["b", "c", "d", "b"]);
  assertEquals(next!.shards.map(({ epoch }) => epoch), [EPOCH + 1, EPOCH + 1, EPOCH, EPOCH + 1]);
});

Deno.test("A shard's next epoch keeps its copies: who led is a replica then", () => {
  assertEquals(nextEpoch(SHARD, "c", ["c", "b"]), {
    epoch: EPOCH + 1,
    primary: "c",
    replicas: ["a", "b"],
    inSync: ["c", "b"],
  });
});
