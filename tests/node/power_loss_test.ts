/** Who leads after machines lost power that acknowledge before they sync: the nodes are asked, and the controller's decision is taken. */
import { assertEquals } from "@std/assert";
import { type Actions, decide, type FreezeAnswer, type NodeView } from "../../src/controller/decide.ts";
import { GRACE_MS } from "../../src/core/limits.ts";
import { body, ClusterWorld } from "./cluster_world.ts";

/** What the controller decides while it reaches the nodes `up`, who are all asked to freeze the shard's epoch. */
async function decision(world: ClusterWorld, up: readonly number[]): Promise<Actions> {
  const nodes = new Map<string, NodeView>();
  const answers = new Map<string, FreezeAnswer>();
  const { epoch } = world.topology.shards[0]!;
  for (const [i, { id }] of world.nodes.entries()) {
    if (!up.includes(i)) {
      nodes.set(id, { away: { sinceMs: -Infinity, wasReached: true, cause: "no power" }, told: null });
      continue;
    }
    const client = await world.client(i);
    const frozen = JSON.parse(body(await client.ask("ROUNDEL", "FREEZE", "0", String(epoch))));
    answers.set(id, { incarnation: frozen.incarnation, place: frozen.places[0] });
    const status = JSON.parse(body(await client.ask("ROUNDEL", "STATUS")));
    nodes.set(id, { away: null, told: { ...status, copies: new Map([[0, status.copies[0]]]) } });
  }
  const freezes = new Map([[0, { epoch, sinceMs: 0, answers }]]);
  return decide(world.topology, { nodes, freezes }, world.clock.monotonicMs());
}

/** Three nodes, of which all have `a` on their disks; `b` was acknowledged, and is on those of `synced` only. */
async function written(synced: readonly number[]): Promise<ClusterWorld> {
  const world = await ClusterWorld.start(3, { fsync: "everysec" });
  const client = await world.client(0);
  assertEquals(await client.ask("SET", "a", "1"), "+OK\r\n");
  await world.pass(2_500);
  for (const [i, { disk }] of world.nodes.entries()) if (!synced.includes(i)) disk.holdSyncs();
  assertEquals(await client.ask("SET", "b", "1"), "+OK\r\n");
  await world.pass(2_500);
  return world;
}

async function restart(world: ClusterWorld, index: number): Promise<void> {
  world.nodes[index]!.disk.releaseSyncs();
  await world.startNode(index);
}

/** Everybody is told what was decided, and `primary` shows what was acknowledged. */
async function goOn(world: ClusterWorld, { next }: Actions, primary: number): Promise<void> {
  world.topology = next!;
  await world.tellAll();
  await world.pass(GRACE_MS + 500);
  const client = await world.client(primary);
  assertEquals(await client.ask("GET", "a"), "$1\r\n1\r\n");
  assertEquals(await client.ask("GET", "b"), "$1\r\n1\r\n");
}

Deno.test("A primary that lost its tail with its power does not lead while a member is there that did not", async () => {
  const world = await written([]);
  world.losePower(0);
  world.losePower(1);
  await restart(world, 0);
  await restart(world, 1);
  const [one, , other] = await Promise.all([world.copy(0), world.copy(1), world.copy(2)]);
  assertEquals([one.sequence, one.mayLack, other.sequence, other.mayLack], [1, true, 2, false]);
  const actions = await decision(world, [0, 1, 2]);
  const ids = world.nodes.map(({ id }) => id);
  const { next, mayLack } = actions.changes[0]!;
  assertEquals([next.primary, next.inSync, mayLack], [ids[2], [ids[2]], false]);
  world.nodes[2]!.disk.releaseSyncs();
  await goOn(world, actions, 2);
  // What they lacked they have by now, from who lacks nothing: so they may join.
  const copies = await Promise.all([world.copy(0), world.copy(1), world.copy(2)]);
  assertEquals(copies.map(({ sequence }) => sequence), [2, 2, 2]);
  assertEquals(copies[2].join.toSorted(), [ids[0], ids[1]].toSorted());
  await world.stop();
});

Deno.test("When all members lost power nobody leads until all are back, and then the one that lost least", async () => {
  const world = await written([1]);
  for (const i of [0, 1, 2]) world.losePower(i);
  await restart(world, 0);
  await restart(world, 2);
  assertEquals((await decision(world, [0, 2])).changes, []);
  await restart(world, 1);
  const actions = await decision(world, [0, 1, 2]);
  const ids = world.nodes.map(({ id }) => id);
  const { next, mayLack } = actions.changes[0]!;
  assertEquals([next.primary, next.inSync.toSorted(), mayLack], [ids[1], ids.toSorted(), true]);
  await goOn(world, actions, 1);
  assertEquals((await Promise.all([0, 1, 2].map((i) => world.copy(i)))).map(({ mayLack }) => mayLack), [
    false,
    false,
    false,
  ]);
  await world.stop();
});
