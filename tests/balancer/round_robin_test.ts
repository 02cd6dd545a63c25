/** Routing by turns. */
import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { bytesOf } from "../../src/core/bytes.ts";
import { RETRY_DEADLINE_MS } from "../../src/core/limits.ts";
import { resp, World } from "../support/balancer_world.ts";
import { array, bulk } from "../support/fake_node.ts";
import { settle } from "../support/settle.ts";
import { assertProperty } from "../support/property.ts";

const ROUND_ROBIN = { routing: "round-robin" } as const;

/** How many nodes have `key`. */
function copies(world: World, key: string): number {
  return world.nodes.filter((node) => node.data.has(key)).length;
}

Deno.test("Writes go to the nodes in turn, and reads find the key wherever it is", async () => {
  const world = await World.start(ROUND_ROBIN, 3);
  const client = await world.client();
  for (let i = 0; i < 9; i++) assertEquals(await client.ask("SET", `key${i}`, `v${i}`), "+OK\r\n");
  assertEquals(world.nodes.map((node) => node.data.size), [3, 3, 3]);
  for (let i = 0; i < 9; i++) assertEquals(await client.ask("GET", `key${i}`), bulk(`v${i}`));
  assertEquals(await client.ask("GET", "missing"), "$-1\r\n");
  assertEquals(await client.ask("DBSIZE"), ":9\r\n");
  await world.stop();
});

Deno.test("Reads in between leave the turns of writes even", async () => {
  const world = await World.start(ROUND_ROBIN);
  const client = await world.client();
  for (let i = 0; i < 10; i++) {
    await client.ask("SET", `key${i}`, "v");
    await client.ask("GET", `key${i}`);
    await client.ask("TTL", `key${i}`);
  }
  assertEquals(world.nodes.map((node) => node.data.size), [5, 5]);
  await world.stop();
});

Deno.test("An overwritten key is on one node only, before the reply", async () => {
  const world = await World.start(ROUND_ROBIN, 3);
  const client = await world.client();
  for (let i = 0; i < 7; i++) {
    await client.ask("SET", "key", `v${i}`);
    assertEquals(copies(world, "key"), 1);
    assertEquals(await client.ask("GET", "key"), bulk(`v${i}`));
  }
  await world.stop();
});

Deno.test("A write that builds on the value runs where the value is", async () => {
  const world = await World.start(ROUND_ROBIN, 3);
  const client = await world.client();
  for (let i = 1; i <= 7; i++) assertEquals(await client.ask("INCR", "counter"), `:${i}\r\n`);
  assertEquals(copies(world, "counter"), 1);
  assertEquals(await client.ask("DEL", "counter"), ":1\r\n");
  assertEquals(await client.ask("INCR", "counter"), ":1\r\n");
  await world.stop();
});

Deno.test("A balancer that has forgotten where keys are finds them again", async () => {
  const world = await World.start(ROUND_ROBIN, 3);
  await (await world.client()).ask("SET", "key", "v");
  await world.balancer.stop();
  await world.startBalancer(ROUND_ROBIN);
  const client = await world.client();
  assertEquals(await client.ask("EXISTS", "key"), ":1\r\n");
  assertEquals(await client.ask("SET", "key", "w"), "+OK\r\n");
  assertEquals(copies(world, "key"), 1);
  await world.stop();
});

Deno.test("Concurrent writes of one key are done one after the other", async () => {
  await assertProperty(
    fc.asyncProperty(
      fc.array(fc.constantFrom("SET", "INCR", "GET", "DEL"), { minLength: 4, maxLength: 24 }),
      async (commands) => {
        const world = await World.start(ROUND_ROBIN, 3);
        const clients = await Promise.all([world.client(), world.client(), world.client()]);
        let next = 1000;
        for (const [i, command] of commands.entries()) {
          const request = command === "SET" ? resp("SET", "key", String(next += 1000)) : resp(command, "key");
          clients[i % 3]!.connection.write(bytesOf(request));
        }
        for (let i = 0; i < 4; i++) await settle();
        const replies = clients.map((client) =>
          client.take().split(/(?=[+:$-])/).filter((part) => part !== "")
        );
        assertEquals(copies(world, "key") <= 1, true);
        // Each INCR raised a value that no other INCR had raised to the same number since the last SET or DEL.
        assertEquals(replies.flat().some((part) => part.startsWith("-ERR")), false);
        await world.stop();
      },
    ),
    { numRuns: 15 },
  );
});

Deno.test("Two hundred concurrent increments of one key count to two hundred", async () => {
  const world = await World.start(ROUND_ROBIN, 3);
  const clients = await Promise.all(Array.from({ length: 20 }, () => world.client()));
  for (const client of clients) {
    client.connection.write(bytesOf(resp("INCR", "key").repeat(10)));
  }
  for (let i = 0; i < 20; i++) await settle();
  const counts = clients.flatMap((client) => client.take().match(/\d+/g)!.map(Number)).sort((a, b) => a - b);
  assertEquals(counts, Array.from({ length: 200 }, (_, i) => i + 1));
  assertEquals(copies(world, "key"), 1);
  await world.stop();
});

Deno.test("A node that is away is skipped, and emptied when it comes back having missed removals", async () => {
  const world = await World.start(ROUND_ROBIN);
  const client = await world.client();
  await client.ask("SET", "a", "1");
  await client.ask("SET", "b", "1");
  const [first] = world.nodes;
  const away = first!.data.has("a") ? "a" : "b";
  first!.stop();
  await settle();
  assertEquals(await client.ask("GET", away), "$-1\r\n");
  assertEquals(await client.ask("SET", away, "2"), "+OK\r\n");
  assertEquals(world.topologyStore.saved.at(-1)!.nodes[0]!.stale, true);
  const versions = world.topologyStore.saved.length;
  for (let i = 0; i < 5; i++) assertEquals(await client.ask("SET", `more${i}`, "2"), "+OK\r\n");
  assertEquals(world.topologyStore.saved.length, versions);
  first!.start();
  await world.pass(2_500, 50);
  assertEquals(first!.data.size, 0);
  assertEquals(world.topologyStore.saved.at(-1)!.nodes[0]!.stale, false);
  assertEquals(await client.ask("GET", away), bulk("2"));
  assertEquals(world.log.some((line) => line.includes("missed removals")), true);
  await world.stop();
});

Deno.test("A balancer that is restarted still knows that a node has missed removals", async () => {
  const world = await World.start(ROUND_ROBIN);
  const client = await world.client();
  await client.ask("SET", "a", "1");
  await client.ask("SET", "a", "2");
  const holder = world.nodes.findIndex((node) => node.data.has("a"));
  world.nodes[holder]!.stop();
  await settle();
  assertEquals(await client.ask("SET", "a", "3"), "+OK\r\n");
  await world.balancer.stop();
  world.nodes[holder]!.start();
  await world.startBalancer(ROUND_ROBIN);
  await world.pass(500);
  assertEquals(world.nodes[holder]!.data.size, 0);
  assertEquals(await (await world.client()).ask("GET", "a"), bulk("3"));
  await world.stop();
});

Deno.test("A balancer that is restarted gives up no node before it has tried to reach it", async () => {
  const world = await World.start(ROUND_ROBIN);
  const client = await world.client();
  for (let i = 0; i < 10; i++) await client.ask("SET", `k${i}`, "1");
  const late = world.nodes[0]!;
  const [key] = late.data.keys();
  await world.balancer.stop();
  late.stop();
  await world.startBalancer(ROUND_ROBIN);
  const [writer, reader] = [await world.client(), await world.client()];
  await writer.send(resp("SET", key!, "2"));
  await reader.send(resp("GET", [...late.data.keys()][1]!));
  assertEquals([writer.take(), reader.take()], ["", ""]);
  late.start();
  await world.pass(1_000, 50);
  assertEquals([writer.take(), reader.take()], ["+OK\r\n", bulk("1")]);
  assertEquals(world.topologyStore.saved.map(({ nodes }) => nodes.some(({ stale }) => stale)), [false]);
  assertEquals([late.data.size + world.nodes[1]!.data.size, copies(world, key!)], [10, 1]);

  await world.balancer.stop();
  late.stop();
  await world.startBalancer(ROUND_ROBIN);
  const again = await world.client();
  await again.send(resp("SET", key!, "3"));
  await world.pass(RETRY_DEADLINE_MS - 500, 50);
  assertEquals(again.take(), "");
  await world.pass(1_000, 50);
  assertEquals(again.take(), "+OK\r\n");
  await world.stop();
});

Deno.test("A write that got no answer is done at another node, and its first node emptied", async () => {
  const world = await World.start(ROUND_ROBIN);
  const client = await world.client();
  for (const node of world.nodes) node.hold();
  await client.send(resp("SET", "key", "v"));
  const asked = world.nodes.find((node) => node.requests.length > 0)!;
  const other = world.nodes.find((node) => node !== asked)!;
  asked.cut();
  asked.data.set("key", "lost");
  asked.release();
  other.release();
  await world.pass(2_500, 50);
  assertEquals(client.take(), "+OK\r\n");
  assertEquals(asked.data.size, 0);
  assertEquals(other.data.get("key"), "v");
  await world.stop();
});

Deno.test("A write is not acknowledged when the missed removal cannot be made durable", async () => {
  const world = await World.start(ROUND_ROBIN);
  const client = await world.client();
  await client.ask("SET", "a", "1");
  world.nodes[0]!.stop();
  await settle();
  world.topologyStore.failure = new Error("disk full");
  await client.send(resp("SET", "new", "1"));
  assertMatch(client.take(), /^-UNCERTAIN The topology cannot be saved: disk full/);
  await world.stop();
});

Deno.test("Only simple commands with one key are available", async () => {
  const world = await World.start(ROUND_ROBIN);
  const client = await world.client();
  assertEquals(
    await client.ask("MGET", "a", "b"),
    "-ERR MGET is not available for several keys with round-robin routing\r\n",
  );
  assertEquals(
    await client.ask("RENAME", "a", "b"),
    "-ERR RENAME is not available with round-robin routing\r\n",
  );
  assertEquals(await client.ask("MSET", "a", "1"), "+OK\r\n");
  assertEquals(await client.ask("MGET", "a"), array([bulk("1")]));
  assertEquals(await client.ask("DEL", "a"), ":1\r\n");
  assertMatch(await client.ask("CLUSTER", "SLOTS"), /^-ERR .*cluster support disabled/);
  await world.stop();
});

Deno.test("FLUSHALL that misses a node makes sure that it is emptied later", async () => {
  const world = await World.start(ROUND_ROBIN);
  const client = await world.client();
  for (let i = 0; i < 4; i++) await client.ask("SET", `key${i}`, "1");
  world.nodes[1]!.stop();
  await settle();
  assertEquals(await client.ask("FLUSHALL"), "+OK\r\n");
  world.nodes[1]!.start();
  await world.pass(2_500, 50);
  assertEquals(await client.ask("DBSIZE"), ":0\r\n");
  await world.stop();
});

Deno.test("With no node there, a request gets an error in time", async () => {
  const world = await World.start(ROUND_ROBIN);
  const client = await world.client();
  for (const node of world.nodes) node.stop();
  await settle();
  await client.send(resp("SET", "a", "1") + resp("GET", "a"));
  await world.pass(5_000, 50);
  assertMatch(client.take(), /^-CLUSTERDOWN [^\n]*\n-CLUSTERDOWN [^\n]*\n$/);
  await world.stop();
});
