/** What becomes of requests whose node goes away. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RETRY_DEADLINE_MS } from "../../src/core/limits.ts";
import { resp, World } from "../support/balancer_world.ts";
import { bulk } from "../support/fake_node.ts";
import { settle } from "../support/settle.ts";

Deno.test("A write that was not sent is sent after the node is back", async () => {
  const world = await World.start();
  const client = await world.client();
  world.nodes[0]!.stop();
  await settle();
  await client.send(resp("INCR", world.keyOn(0)));
  assertEquals(client.take(), "");
  world.nodes[0]!.start();
  await world.pass(200);
  assertEquals(client.take(), ":1\r\n");
  assertEquals(world.nodes[0]!.commands(), ["INCR"]);
  await world.stop();
});

Deno.test("A read that was sent is sent again", async () => {
  const world = await World.start();
  const client = await world.client();
  world.nodes[0]!.data.set(world.keyOn(0), "v");
  world.nodes[0]!.hold();
  await client.send(resp("GET", world.keyOn(0)));
  world.nodes[0]!.cut();
  world.nodes[0]!.release();
  await world.pass(200);
  assertEquals(client.take(), bulk("v"));
  assertEquals(world.nodes[0]!.commands(), ["GET", "GET"]);
  await world.stop();
});

Deno.test("A read that is never answered is given up after three sends", async () => {
  const world = await World.start();
  const client = await world.client();
  world.nodes[0]!.hold();
  await client.send(resp("GET", world.keyOn(0)));
  for (let i = 0; i < 3; i++) {
    world.nodes[0]!.cut();
    await world.pass(300);
  }
  assertMatch(
    client.take(),
    /^-CLUSTERDOWN The node 127\.0\.0\.1:8081 that keeps slot \d+ cannot be reached: /,
  );
  assertEquals(world.nodes[0]!.commands(), ["GET", "GET", "GET"]);
  await world.stop();
});

Deno.test("A write that was sent and not answered is uncertain, and not sent again", async () => {
  const world = await World.start();
  const client = await world.client();
  const key = world.keyOn(0);
  world.nodes[0]!.hold();
  await client.send(
    resp("GET", key) + resp("INCR", key) + resp("GET", key) + resp("SET", world.keyOn(1), "1"),
  );
  world.nodes[0]!.cut();
  world.nodes[0]!.release();
  await world.pass(200);
  assertEquals(
    client.take(),
    "$-1\r\n-UNCERTAIN The node 127.0.0.1:8081 went away before it answered; " +
      "the write may or may not have been applied\r\n$-1\r\n+OK\r\n",
  );
  assertEquals(world.nodes[0]!.commands(), ["GET", "GET", "GET"]);
  await world.stop();
});

Deno.test("A write that gathered behind a sent one, unsent itself, is sent after reconnecting", async () => {
  const world = await World.start();
  const [first, second] = [await world.client(), await world.client()];
  const key = world.keyOn(0);
  world.nodes[0]!.stop();
  await settle();
  await first.send(resp("SET", key, "1"));
  await second.send(resp("INCR", key));
  world.nodes[0]!.start();
  await world.pass(200);
  assertEquals([first.take(), second.take()], ["+OK\r\n", ":2\r\n"]);
  await world.stop();
});

Deno.test("Once a node is away for the deadline, what waits and what comes gets an error that names it all", async () => {
  const world = await World.start();
  const client = await world.client();
  world.nodes[0]!.stop();
  await settle();
  await client.send(resp("SET", world.keyOn(0), "1"));
  await world.pass(RETRY_DEADLINE_MS - 200);
  assertEquals(client.take(), "");
  await world.pass(400);
  assertMatch(
    client.take(),
    /^-CLUSTERDOWN The node 127\.0\.0\.1:8081 that keeps slot \d+ cannot be reached: Connection refused\r\n$/,
  );
  assertMatch(await client.ask("SET", world.keyOn(0), "1"), /^-CLUSTERDOWN /);
  world.nodes[0]!.start();
  await world.pass(3_000);
  assertEquals(world.nodes[0]!.commands(), []);
  assertEquals(await client.ask("SET", world.keyOn(0), "2"), "+OK\r\n");
  await world.stop();
});

Deno.test("A node that is away does not keep the others from serving", async () => {
  const world = await World.start();
  const [waiting, other] = [await world.client(), await world.client()];
  world.nodes[0]!.stop();
  await waiting.send(resp("GET", world.keyOn(0)));
  assertEquals(await other.ask("SET", world.keyOn(1), "1"), "+OK\r\n");
  assertEquals(waiting.take(), "");
  await world.pass(RETRY_DEADLINE_MS + 500, 50);
  await world.stop();
});

Deno.test("A request that a node did not execute for want of the topology is retried with it", async () => {
  const world = await World.start();
  const client = await world.client();
  const node = world.nodes[0]!;
  let refusals = 2;
  node.script = ([name]) => name === "SET" && refusals-- > 0 ? "-MOVED 1 127.0.0.1:8082\r\n" : null;
  const sentBefore = node.topologyCount;
  assertEquals(await client.ask("SET", world.keyOn(0), "1"), "+OK\r\n");
  assert(node.topologyCount > sentBefore);
  assertEquals(node.commands(), ["SET", "SET", "SET"]);
  await world.stop();
});

Deno.test("A node that goes on refusing a slot is no endless loop", async () => {
  const world = await World.start();
  const client = await world.client();
  world.nodes[0]!.script = ([name]) => name === "SET" ? "-CLUSTERDOWN no topology\r\n" : null;
  assertMatch(
    await client.ask("SET", world.keyOn(0), "1"),
    /^-CLUSTERDOWN The node 127\.0\.0\.1:8081 does not serve slot \d+: CLUSTERDOWN no topology\r\n$/,
  );
  assertEquals(world.nodes[0]!.commands(), ["SET", "SET", "SET"]);
  await world.stop();
});

Deno.test("A node's absence is logged once, whatever the requests", async () => {
  const world = await World.start();
  const client = await world.client();
  world.log.length = 0;
  world.nodes[0]!.stop();
  for (let i = 0; i < 3; i++) {
    await client.send(resp("GET", world.keyOn(0)));
    await world.pass(1_500, 50);
  }
  assertEquals(world.log.length, 1);
  assertMatch(world.log[0]!, /^warn node cannot be reached {"node":"127\.0\.0\.1:8081","cause":"/);
  world.nodes[0]!.start();
  await world.pass(3_000, 50);
  assertEquals(world.log.filter((line) => line.startsWith("info node is ready")).length, 1);
  await world.stop();
});
