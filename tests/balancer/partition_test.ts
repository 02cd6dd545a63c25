/**
 * A balancer and a real node with the network between them cut off: what the balancer has given up stays given up, so
 * that who looks before repeating a write that was `UNCERTAIN` sees what became of it.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { resp } from "../support/balancer_world.ts";
import { NODE_PORT, OneNodeWorld } from "../support/one_node_world.ts";
import { settle } from "../support/settle.ts";

Deno.test("A write that was uncertain never arrives after a later one", async () => {
  const world = new OneNodeWorld();
  const client = await world.start();
  world.network.cutOff(NODE_PORT);
  await client.send(resp("INCR", "n"));
  await world.pass(2_000);
  assertMatch(client.take(), /^-UNCERTAIN /);
  const deliverOld = world.network.heal(NODE_PORT);
  await world.pass(5_000);
  assertEquals(await client.ask("GET", "n"), "$-1\r\n");
  assertEquals(await client.ask("INCR", "n"), ":1\r\n");
  assertEquals(await client.ask("SET", "n", "100"), "+OK\r\n");
  deliverOld();
  await world.pass(2_000);
  assertEquals(await client.ask("GET", "n"), "$3\r\n100\r\n");
  await world.stop();
});

Deno.test("A write that was uncertain and did arrive is seen by who looks", async () => {
  const world = new OneNodeWorld();
  const client = await world.start();
  world.network.cutOff(NODE_PORT);
  await client.send(resp("INCR", "n"));
  await world.pass(2_000);
  assertMatch(client.take(), /^-UNCERTAIN /);
  world.network.heal(NODE_PORT)();
  await world.pass(5_000);
  assertEquals(await client.ask("GET", "n"), "$1\r\n1\r\n");
  await world.stop();
});

Deno.test("What a balancer that died had on the way does not arrive behind what its successor writes", async () => {
  const world = new OneNodeWorld();
  const client = await world.start();
  world.network.cutOff(NODE_PORT);
  await client.send(resp("SET", "k", "old"));
  const deliverOld = world.network.heal(NODE_PORT);
  const next = await world.startBalancer();
  assertEquals(await next.ask("SET", "k", "new"), "+OK\r\n");
  deliverOld();
  await settle();
  assertEquals(await next.ask("GET", "k"), "$3\r\nnew\r\n");
});
