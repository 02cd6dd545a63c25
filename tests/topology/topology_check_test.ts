/** Which topology documents a node makes its own, row by row. */
import { assertEquals, assertMatch } from "@std/assert";
import { MIB, STORE_CAP_BYTES_MIN, TOPOLOGY_STEP_MAX } from "../../src/core/limits.ts";
import { createTopology, type Topology, withMemory, withStale } from "../../src/topology/topology.ts";
import { type CheckedNode, refusalOfDocument } from "../../src/topology/topology_check.ts";
import { SeededRandom } from "../support/seeded_random.ts";

function example(routing: Topology["routing"]): Topology {
  const nodes = ["a", "b"].map((id, i) => ({
    id,
    host: "127.0.0.1",
    port: 8081 + i,
    maxMemoryBytes: 64 * MIB,
  }));
  return { ...createTopology({ routing, shardCount: 4, nodes }, new SeededRandom(3)), version: 7 };
}

const KNOWN = example("slots");
const SHARDS_OF_A = KNOWN.shards.flatMap(({ primary }, i) => primary === "a" ? [i] : []);
const NODE: CheckedNode = {
  id: "a",
  cluster: KNOWN.cluster,
  topology: KNOWN,
  maxMemoryBytes: 64 * MIB,
  shards: SHARDS_OF_A,
};
const NEW_NODE: CheckedNode = { ...NODE, cluster: null, topology: null, shards: [] };

function next(change: Partial<Topology>): Topology {
  return { ...KNOWN, version: KNOWN.version + 1, ...change };
}

/** The document in which the first shard of node a is otherwise. */
function withShard(change: Partial<Topology["shards"][number]>): Topology {
  return next({
    shards: KNOWN.shards.map((shard, i) => i === SHARDS_OF_A[0] ? { ...shard, ...change } : shard),
  });
}

Deno.test("A node adopts the next document, the same once more, and its first one", () => {
  for (
    const [document, node] of [
      [KNOWN, NODE],
      [structuredClone(KNOWN), NODE],
      [withMemory(KNOWN, 1, 32 * MIB), NODE],
      [withShard({ epoch: 2 }), NODE],
      [next({ version: KNOWN.version + TOPOLOGY_STEP_MAX }), NODE],
      [KNOWN, NEW_NODE],
      [withStale(example("round-robin"), 1, true), NEW_NODE],
    ] as const
  ) assertEquals(refusalOfDocument(document, node), "");
});

Deno.test("A node refuses a document that it could not serve, or after which no other would be taken", () => {
  const rows: [Topology, CheckedNode, RegExp][] = [
    [next({ cluster: "other" }), NODE, /^FOREIGN This node belongs to cluster .*, not to other$/],
    [next({ version: 6 }), NODE, /^STALE This node knows version 7 .* newer than 6$/],
    [next({ version: 7, shardCapBytes: 8 * MIB }), NODE, /^ERR .* another document of version 7$/],
    [next({ shardCount: 2, shards: KNOWN.shards.slice(0, 2) }), NODE, /^FOREIGN The cluster has 4 shards/],
    [next({ routing: "round-robin", shards: [] }), NODE, /^FOREIGN .* with routing slots for good/],
    [
      KNOWN,
      { ...NODE, topology: withShard({ epoch: 5 }), cluster: KNOWN.cluster },
      /^STALE This node knows version 8/,
    ],
    [
      next({ version: 8 }),
      { ...NODE, topology: { ...withShard({ epoch: 5 }), version: 7 } },
      /^STALE .* epoch 5 of shard/,
    ],
    [next({ version: Number.MAX_SAFE_INTEGER }), NODE, /^ERR .* is no successor of 7; a step is at most/],
    [next({ version: Number.MAX_SAFE_INTEGER }), NEW_NODE, /^ERR .* is no successor of 0; a step is at most/],
    [withShard({ epoch: 0xffff_ffff }), NODE, /^ERR .* epoch 4294967295 of shard .* is no successor of 1/],
    [next({ nodes: KNOWN.nodes.slice(1) }), NODE, /^ERR .*: node a is not in it$/],
    [withShard({ primary: "b", inSync: ["b"] }), NODE, /^ERR .*: it takes shard \d from this node/],
    [next({ shardCapBytes: 1 }), NODE, /^ERR .*: its memory cap of 1 bytes a shard is less than/],
    [next({ shardCapBytes: STORE_CAP_BYTES_MIN - 1 }), NEW_NODE, /^ERR .*: its memory cap of/],
    [next({ shardCapBytes: 33 * MIB }), NODE, /^ERR .* are more than this node's --max-memory of 67108864$/],
  ];
  for (const [document, node, expected] of rows) assertMatch(refusalOfDocument(document, node), expected);
});
