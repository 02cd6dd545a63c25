/** A node that is stopped is noticed and told from one that is busy. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LINK_LOOK_MS, PROBE_LOOKS, RETRY_DEADLINE_MS, SILENT_LOOKS_MAX } from "../../src/core/limits.ts";
import { resp, World } from "../support/balancer_world.ts";

/** From the last sign of life to the moment when silence is noticed, at the longest. */
const NOTICED_MS = (SILENT_LOOKS_MAX + PROBE_LOOKS + 1) * LINK_LOOK_MS;

Deno.test("A frozen node is noticed in about a second, and requests get their errors within three", async () => {
  const world = await World.start();
  const [writer, reader, late] = [await world.client(), await world.client(), await world.client()];
  await world.pass(1_000, 50);
  world.nodes[0]!.freeze();
  await writer.send(resp("SET", world.keyOn(0), "1"));
  await reader.send(resp("GET", world.keyOn(0)));
  await world.pass(NOTICED_MS, 50);
  assertMatch(writer.take(), /^-UNCERTAIN The node 127\.0\.0\.1:8081 went away/);
  assertEquals(reader.take(), "");
  const { isHealthy, nodes } = world.balancer.health();
  assertEquals([isHealthy, nodes[0]!.state, nodes[1]!.state], [false, "away", "ready"]);
  assertMatch(nodes[0]!.cause, /^it has said nothing for 1000 ms$/);
  await late.send(resp("SET", world.keyOn(0), "2"));
  await world.pass(RETRY_DEADLINE_MS - NOTICED_MS + LINK_LOOK_MS, 50);
  assertMatch(
    reader.take(),
    /^-CLUSTERDOWN The node 127\.0\.0\.1:8081 that keeps slot \d+ cannot be reached: /,
  );
  assertMatch(late.take(), /^-CLUSTERDOWN /);
  assertMatch(await reader.ask("GET", world.keyOn(0)), /^-CLUSTERDOWN /);
  assertEquals(await reader.ask("GET", world.keyOn(1)), "$-1\r\n");
  world.nodes[0]!.thaw();
  await world.pass(5_000, 50);
  assertEquals(await reader.ask("GET", world.keyOn(0)), "$1\r\n1\r\n");
  assertEquals(world.balancer.health().isHealthy, true);
  await world.stop();
});

Deno.test("A node that is frozen for two seconds costs its reads no more than that", async () => {
  const world = await World.start();
  const client = await world.client();
  world.nodes[0]!.data.set(world.keyOn(0), "v");
  await world.pass(1_000, 50);
  world.nodes[0]!.freeze();
  await client.send(resp("GET", world.keyOn(0)));
  await world.pass(2_000, 50);
  world.nodes[0]!.thaw();
  await world.pass(900, 50);
  assertEquals(client.take(), "$1\r\nv\r\n");
  await world.stop();
});

Deno.test("A node that is busy for long, and says so, is not taken for lost", async () => {
  const world = await World.start();
  const client = await world.client();
  const node = world.nodes[0]!;
  node.waitFor = ([name]) =>
    name === "KEYS" ? new Promise((resolve) => world.clock.after(20_000, resolve)) : undefined;
  await client.send(resp("KEYS", "*"));
  await world.pass(19_000, 100);
  assertEquals([client.take(), world.balancer.health().isHealthy], ["", true]);
  await world.pass(2_000, 100);
  assertEquals(client.take(), "*0\r\n");
  assertEquals(node.commands(), ["KEYS"]);
  await world.stop();
});

for (const args of [["KEYS", "*"], ["DBSIZE"]]) {
  Deno.test(`What a node choked on is not sent to it again: ${args[0]}`, async () => {
    const world = await World.start();
    const client = await world.client();
    const node = world.nodes[0]!;
    await world.pass(1_000, 50);
    node.waitFor = ([name]) => {
      if (name !== args[0]) return undefined;
      node.freeze();
      return new Promise(() => {});
    };
    await client.send(resp(...args));
    await world.pass(NOTICED_MS, 50);
    assertMatch(client.take(), new RegExp(`^-CLUSTERDOWN ${args[0]} failed on node 127\\.0\\.0\\.1:8081: `));
    node.thaw();
    node.cut();
    await world.pass(5_000, 50);
    assertEquals(node.commands().filter((name) => name !== "PING"), [args[0]!]);
    await world.stop();
  });
}

Deno.test("A node that takes no writes is told by health with its reason", async () => {
  const world = await World.start();
  world.nodes[1]!.writeRefusal = "the log cannot be written: I/O error";
  await world.pass(1_000, 50);
  const { isHealthy, nodes } = world.balancer.health();
  assertEquals([isHealthy, nodes[1]!.state, nodes[1]!.cause], [
    false,
    "ready",
    "the log cannot be written: I/O error",
  ]);
  assert(world.nodes[0]!.statusCount >= 2);
  await world.stop();
});

Deno.test("A node that takes no further connection has SAVE and KEYS answered with an error in time", async () => {
  const world = await World.start();
  const [full] = world.nodes;
  full!.script = (args) =>
    args[1] === "LINK" && args.some((arg) => /^(slow|bulk)/.test(arg))
      ? "-ERR max number of clients reached\r\n"
      : null;
  const client = await world.client();
  for (const request of [["SAVE"], ["KEYS", "*"]]) {
    await client.send(resp(...request));
    await world.pass(RETRY_DEADLINE_MS + LINK_LOOK_MS);
    assertMatch(client.take(), /^-CLUSTERDOWN .*127\.0\.0\.1:8081.*max number of clients reached\r\n$/);
  }
  assertEquals(await client.ask("GET", world.keyOn(0)), "$-1\r\n");
  await world.stop();
});
