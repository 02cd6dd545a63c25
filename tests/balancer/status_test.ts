/** `ROUNDEL STATUS` at a balancer: how the cluster is, for people. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { World } from "../support/balancer_world.ts";

/** Three nodes that keep 16 shards of two copies each. */
async function replicated(): Promise<World> {
  const world = World.nodesOnly(3);
  await world.startBalancer({ replicas: 1 });
  await world.pass(500);
  return world;
}

/** The lines, as `nc` prints them. */
async function linesOf(world: World): Promise<string[]> {
  const client = await world.client();
  await client.send("roundel status\n");
  return client.take().trimEnd().split("\n");
}

const newest = (world: World) => world.topologyStore.saved.at(-1)!;

Deno.test("ROUNDEL STATUS has a line for each shard and for each node, in RESP and as text", async () => {
  const world = await replicated();
  const lines = await linesOf(world);
  assertEquals(lines.length, 3 + 16 + 3);
  assertEquals(lines.slice(1, 3), [
    "without a primary that serves: no shard",
    "short of copies in sync: no shard",
  ]);
  const { primary, replicas } = newest(world).shards[5]!;
  const address = (id: string) => `127.0.0.1:${id.slice("node-".length)}`;
  assertEquals(lines[8], `shard 5: epoch 1; primary ${address(primary)}; in sync ${address(replicas[0]!)}`);
  assertMatch(
    lines[19]!,
    /^node 127\.0\.0\.1:8081: ready; leads \d+ shards; keeps \d+ further copies; 0 entries$/,
  );
  const client = await world.client();
  const reply = await client.ask("ROUNDEL", "STATUS");
  assertEquals(reply.startsWith("*22\r\n$"), true);
  assertStringIncludes(reply, `\r\n${lines[8]}\r\n`);
  assertMatch(await client.ask("ROUNDEL", "NONSENSE"), /^-ERR ROUNDEL takes STATUS or TOPOLOGY/);
  await world.stop();
});

Deno.test("ROUNDEL STATUS says why a copy is not in sync, how far it is behind, and why a primary does not serve", async () => {
  const world = await replicated();
  const [first, second] = world.nodes;
  const led = newest(world).shards.findIndex(({ primary, replicas }) =>
    primary === first!.id && replicas[0] === second!.id
  );
  first!.copies.unusual.set(led, { sequence: 1_500, leave: [second!.id] });
  await world.pass(300);
  first!.copies.unusual.set(led, { sequence: 1_500 });
  second!.copies.unusual.set(led, { sequence: 300, isFilling: true });
  await world.pass(500);
  const lines = await linesOf(world);
  assertEquals(lines[2], `short of copies in sync: ${led}`);
  assertEquals(
    lines[3 + led],
    `shard ${led}: epoch 2; primary 127.0.0.1:8081; in sync none; ` +
      "127.0.0.1:8082 is being filled, 1200 mutations behind",
  );
  first!.stop();
  await world.pass(100);
  const later = await linesOf(world);
  assertStringIncludes(later[1]!, `${led}`);
  assertMatch(
    later[3 + led]!,
    /primary 127\.0\.0\.1:8081 is away: .*; in sync none; 127\.0\.0\.1:8082 is being filled$/,
  );
  assertMatch(later[19]!, /^node 127\.0\.0\.1:8081: away; .*; leads \d+ shards/);
  await world.stop();
});

Deno.test("ROUNDEL STATUS of a cluster with one copy of each shard, or without shards, tells of those alone", async () => {
  const world = await World.start();
  await world.pass(500);
  const lines = await linesOf(world);
  assertEquals(lines.length, 1 + 16 + 2);
  assertMatch(lines[1]!, /^shard 0: epoch 1; primary 127\.0\.0\.1:808[12]$/);
  await world.stop();
  const cache = await World.start({ routing: "round-robin" });
  const two = await linesOf(cache);
  assertMatch(two[0]!, /2 nodes, routing round-robin$/);
  assertMatch(two[1]!, /^node 127\.0\.0\.1:8081: ready/);
  assertEquals(two.length, 3);
  await cache.stop();
});
