/** A balancer that has as much as it may hold: who waits, who does not, and that all goes on afterwards. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { LINK_IN_FLIGHT_MAX } from "../../src/core/limits.ts";
import { resp, World } from "../support/balancer_world.ts";
import { settle } from "../support/settle.ts";

Deno.test("A client whose node does not answer is not read for ever, others are served meanwhile, and it gets every reply", async () => {
  const world = await World.start();
  const [slow, quick] = world.nodes;
  slow!.hold();
  const client = await world.client();
  const count = LINK_IN_FLIGHT_MAX + 20_000;
  const request = resp("SET", world.keyOn(0), "v");
  let isSent = false;
  const sending = client.send(request.repeat(count)).then(() => isSent = true);
  for (let turn = 0; turn < 50; turn++) await settle();
  assert(!isSent, "the balancer has stopped reading");

  const other = await world.client();
  assertEquals(await other.ask("SET", world.keyOn(1), "served"), "+OK\r\n");
  assertEquals(quick!.data.get(world.keyOn(1)), "served");

  slow!.release();
  let replyBytes = 0;
  for (let turn = 0; replyBytes < count * "+OK\r\n".length; turn++) {
    assertLess(turn, 100_000, `${replyBytes} bytes of replies`);
    await settle();
    const replies = client.take();
    assertEquals(replies.replaceAll("+OK\r\n", "").length < "+OK\r\n".length, true, replies.slice(0, 80));
    replyBytes += replies.length;
  }
  await sending;
  assertEquals(replyBytes, count * "+OK\r\n".length);
  await world.stop();
});

Deno.test("A client that does not read its replies is not read either, and costs nobody else their node", async () => {
  const world = await World.start();
  const value = "v".repeat(60_000);
  world.nodes[0]!.data.set(world.keyOn(0), value);
  const greedy = await world.client(false);
  let isSent = false;
  const sending = greedy.send(resp("GET", world.keyOn(0)).repeat(20_000)).then(() => isSent = true, () => {});
  for (let turn = 0; turn < 200; turn++) await settle();
  assert(!isSent, "the balancer has stopped reading");
  assertLess(world.nodes[0]!.requests.length, 10_000, "and asks for no more than it may hold");
  const other = await world.client();
  assertEquals(await other.ask("GET", world.keyOn(0, 1)), "$-1\r\n");
  greedy.connection.close();
  await sending;
  await world.stop();
});
