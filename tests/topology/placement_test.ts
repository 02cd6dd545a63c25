/** Where shards go, and how few of them move. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { placeShards } from "../../src/topology/placement.ts";
import { assertProperty } from "../support/property.ts";

const shardCounts = fc.integer({ min: 1, max: 128 });
const nodeIds = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 12 });

function counts(primaries: readonly string[], ids: readonly string[]): number[] {
  return ids.map((id) => primaries.filter((primary) => primary === id).length);
}

function assertBalanced(primaries: readonly string[], ids: readonly string[], shardCount: number): void {
  const held = counts(primaries, ids);
  assertEquals(held.reduce((sum, count) => sum + count, 0), shardCount);
  const share = shardCount / ids.length;
  for (const count of held) assertEquals(count === Math.floor(share) || count === Math.ceil(share), true);
}

Deno.test("Every node holds the floor or the ceiling of its share", () => {
  assertProperty(
    fc.property(shardCounts, nodeIds, (shardCount, ids) => {
      const primaries = placeShards(shardCount, ids);
      assertEquals(primaries.length, shardCount);
      assertBalanced(primaries, ids, shardCount);
    }),
    { numRuns: 150 },
  );
});

Deno.test("Placement does not depend on the order in which nodes are named", () => {
  assertProperty(
    fc.property(shardCounts, nodeIds, (shardCount, ids) => {
      assertEquals(placeShards(shardCount, ids), placeShards(shardCount, [...ids].reverse()));
    }),
    { numRuns: 100 },
  );
});

Deno.test("A placement that is balanced stays as it is", () => {
  assertProperty(
    fc.property(shardCounts, nodeIds, (shardCount, ids) => {
      const primaries = placeShards(shardCount, ids);
      assertEquals(placeShards(shardCount, ids, primaries), primaries);
    }),
    { numRuns: 100 },
  );
});

Deno.test("A new node gets its share, and nothing moves between the others", () => {
  assertProperty(
    fc.property(shardCounts, nodeIds, fc.uuid(), (shardCount, ids, added) => {
      fc.pre(!ids.includes(added));
      const before = placeShards(shardCount, ids);
      const after = placeShards(shardCount, [...ids, added], before);
      assertBalanced(after, [...ids, added], shardCount);
      after.forEach((primary, shard) => assertEquals(primary === before[shard] || primary === added, true));
      const moved = after.filter((primary, shard) => primary !== before[shard]).length;
      assertEquals(moved <= Math.ceil(shardCount / (ids.length + 1)), true);
    }),
    { numRuns: 150 },
  );
});

Deno.test("Of a node that is removed only its own shards move", () => {
  assertProperty(
    fc.property(shardCounts, nodeIds, fc.nat(), (shardCount, ids, which) => {
      fc.pre(ids.length > 1);
      const removed = ids[which % ids.length]!;
      const left = ids.filter((id) => id !== removed);
      const before = placeShards(shardCount, ids);
      const after = placeShards(shardCount, left, before);
      assertBalanced(after, left, shardCount);
      after.forEach((primary, shard) => {
        if (before[shard] !== removed) assertEquals(primary, before[shard]!);
      });
    }),
    { numRuns: 150 },
  );
});

Deno.test("Any history ends in balance", () => {
  assertProperty(
    fc.property(shardCounts, nodeIds, fc.array(fc.nat({ max: 20 })), (shardCount, ids, history) => {
      const previous = history.map((index) => ids[index] ?? "gone");
      assertBalanced(placeShards(shardCount, ids, previous), ids, shardCount);
    }),
    { numRuns: 150 },
  );
});
