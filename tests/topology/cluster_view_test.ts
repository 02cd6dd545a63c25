/** A topology in the words of Redis Cluster. */
import { assert, assertEquals } from "@std/assert";
import { SLOT_COUNT } from "../../src/core/limits.ts";
import { clusterNodesOf, clusterShardsOf } from "../../src/topology/cluster_view.ts";
import { createTopology, nextEpoch, type Topology, withShards } from "../../src/topology/topology.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const IDS = ["a", "b", "c"];

function example(replicas: number): Topology {
  const nodes = IDS.map((id, i) => ({ id, host: "127.0.0.1", port: 8081 + i, maxMemoryBytes: 2 ** 30 }));
  return createTopology({ routing: "slots", shardCount: 16, replicas, nodes }, new SeededRandom(3));
}

/** `c` is in no set any more, and leads nothing. */
function withoutC(topology: Topology): Topology {
  const changes = topology.shards.map((shard, i) => {
    const inSync = shard.inSync.filter((id) => id !== "c");
    return [i, nextEpoch(shard, inSync[0]!, inSync)] as const;
  });
  return withShards(topology, new Map(changes));
}

Deno.test("Slots with the same copies are one entry, and every slot is in one of them", () => {
  for (const replicas of [0, 1, 2]) {
    const topology = example(replicas);
    const shards = clusterShardsOf(topology);
    const slots = shards.flatMap(({ ranges }) => ranges.map(({ first, last }) => last - first + 1));
    assertEquals(slots.reduce((sum, count) => sum + count, 0), SLOT_COUNT);
    assert(shards.every(({ ids }) => ids.length === replicas + 1));
    assertEquals(new Set(shards.map(({ ids }) => ids.join())).size, shards.length);
    if (replicas !== 1) assertEquals(shards.map(({ ids }) => ids[0]), IDS);
    for (const { ids, ranges } of shards) {
      const { ranges: all, replicaOf } = clusterNodesOf(topology).find(({ id }) => id === ids[0])!;
      assertEquals(replicaOf, null);
      for (const { first, last } of ranges) {
        assert(all.some((range) => range.first <= first && range.last >= last));
      }
    }
  }
});

Deno.test("A node that leads nothing is the replica of who leads most of what it keeps, and listed where it is in sync", () => {
  const topology = withoutC(example(1));
  const kept = topology.shards.filter(({ replicas }) => replicas.includes("c"));
  const count = (id: string) => kept.filter(({ primary }) => primary === id).length;
  const [, , c] = clusterNodesOf(topology);
  assertEquals(c!.ranges, []);
  assert(count(c!.replicaOf!) >= count(c!.replicaOf === "a" ? "b" : "a"));
  assertEquals(clusterShardsOf(topology).some(({ ids }) => ids.includes("c")), false);
});

Deno.test("A node that keeps nothing is a master without slots", () => {
  const topology = example(0);
  const alone = withShards(
    topology,
    new Map(topology.shards.map((shard, i) => [i, { ...shard, primary: "a", inSync: ["a"] }])),
  );
  assertEquals(clusterShardsOf(alone), [
    { ids: ["a"], ranges: [{ first: 0, last: SLOT_COUNT - 1 }] },
    ...["b", "c"].map((id) => ({ ids: [id], ranges: [] })),
  ]);
  assertEquals(clusterNodesOf(alone).map(({ replicaOf }) => replicaOf), [null, null, null]);
});
