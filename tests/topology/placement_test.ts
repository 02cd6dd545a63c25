/** Where copies of shards go, and how few of them move. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { placeShards, type ShardPlace } from "../../src/topology/placement.ts";
import { assertProperty } from "../support/property.ts";

/** What is placed: shards, nodes, and copies beyond the primary, fewer than the nodes. */
const clusters = fc.record({
  shardCount: fc.integer({ min: 1, max: 96 }),
  nodeIds: fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 9 }),
  wanted: fc.integer({ min: 0, max: 4 }),
}).map(({ shardCount, nodeIds, wanted }) => ({
  shardCount,
  nodeIds,
  replicas: Math.min(wanted, nodeIds.length - 1),
}));
type Cluster = Parameters<typeof placeShards>[0];

function copiesOf({ primary, replicas }: ShardPlace): string[] {
  return [primary, ...replicas];
}

/** Copies of `after` that were not in `before`, and how many of them are at nodes other than `id`. */
function moved(before: readonly ShardPlace[], after: readonly ShardPlace[], id = ""): [number, number] {
  const news = after.flatMap((place, shard) =>
    copiesOf(place).filter((each) => !copiesOf(before[shard]!).includes(each))
  );
  return [news.length, news.filter((each) => each !== id).length];
}

function assertEven(counts: readonly number[], total: number): void {
  assertEquals(counts.reduce((sum, count) => sum + count, 0), total);
  const share = total / counts.length;
  for (const count of counts) {
    assertEquals(count === Math.floor(share) || count === Math.ceil(share), true, counts.join());
  }
}

/** On different nodes, all of the cluster, with copies and primaries spread evenly. */
function assertGood(places: readonly ShardPlace[], { shardCount, nodeIds, replicas }: Cluster): void {
  assertEquals(places.length, shardCount);
  for (const place of places) assertEquals(new Set(copiesOf(place)).size, replicas + 1);
  const copies = places.flatMap(copiesOf);
  const count = (ids: readonly string[]) => nodeIds.map((id) => ids.filter((each) => each === id).length);
  assertEven(count(copies), shardCount * (replicas + 1));
  assertEven(count(places.map(({ primary }) => primary)), shardCount);
}

Deno.test("Copies of a shard are on different nodes, and copies and primaries are spread evenly", () => {
  assertProperty(
    fc.property(clusters, (cluster) => assertGood(placeShards(cluster), cluster)),
    { numRuns: 150 },
  );
});

Deno.test("Every node has as many places as it can get, where there are as many copies as nodes", () => {
  const cluster = { shardCount: 16, nodeIds: ["a", "b", "c"], replicas: 2 };
  assertGood(placeShards(cluster), cluster);
});

Deno.test("Where a single copy goes does not depend on the order in which nodes are named", () => {
  assertProperty(
    fc.property(clusters, ({ shardCount, nodeIds }) => {
      const backwards = [...nodeIds].reverse();
      assertEquals(
        placeShards({ shardCount, nodeIds, replicas: 0 }),
        placeShards({ shardCount, nodeIds: backwards, replicas: 0 }),
      );
    }),
    { numRuns: 60 },
  );
});

Deno.test("A placement that is balanced stays as it is", () => {
  assertProperty(
    fc.property(clusters, (cluster) => {
      const places = placeShards(cluster);
      assertEquals(placeShards(cluster, places), places);
    }),
    { numRuns: 60 },
  );
});

Deno.test("A new node gets its share, and hardly anything moves between the others", () => {
  assertProperty(
    fc.property(clusters, fc.uuid(), (cluster, added) => {
      fc.pre(!cluster.nodeIds.includes(added));
      const before = placeShards(cluster);
      const larger = { ...cluster, nodeIds: [...cluster.nodeIds, added] };
      const after = placeShards(larger, before);
      assertGood(after, larger);
      const share = Math.ceil(cluster.shardCount * (cluster.replicas + 1) / larger.nodeIds.length);
      const [all, elsewhere] = moved(before, after, added);
      assertEquals(all - elsewhere <= share, true);
      assertEquals(elsewhere <= (cluster.replicas === 0 ? 0 : 1 + share / 4), true, `${elsewhere}`);
    }),
    { numRuns: 150 },
  );
});

Deno.test("Of a node that is removed only its own copies move, but for a few that make room", () => {
  assertProperty(
    fc.property(clusters, fc.nat(), (cluster, which) => {
      fc.pre(cluster.nodeIds.length > cluster.replicas + 1);
      const removed = cluster.nodeIds[which % cluster.nodeIds.length]!;
      const smaller = { ...cluster, nodeIds: cluster.nodeIds.filter((id) => id !== removed) };
      const before = placeShards(cluster);
      const after = placeShards(smaller, before);
      assertGood(after, smaller);
      const own = before.flatMap(copiesOf).filter((id) => id === removed).length;
      const further = moved(before, after)[0] - own;
      assertEquals(further <= (cluster.replicas === 0 ? 0 : 1 + own / 8), true, `${further} of ${own}`);
    }),
    { numRuns: 150 },
  );
});

Deno.test("Any history ends in balance", () => {
  assertProperty(
    fc.property(clusters, fc.array(fc.nat({ max: 11 })), (cluster, history) => {
      const previous = history.map((index) => ({
        primary: cluster.nodeIds[index] ?? "gone",
        replicas: cluster.nodeIds.filter((_, i) => i !== index).slice(0, index % 3),
      }));
      assertGood(placeShards(cluster, previous), cluster);
    }),
    { numRuns: 150 },
  );
});
