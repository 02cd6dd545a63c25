/** What a balancer answers itself, and what it does with requests that are wrong in themselves. */
import { assertEquals, assertMatch } from "@std/assert";
import { REPLY_LINE_BYTES_MAX, REQUEST_KEYS_MAX } from "../../src/core/limits.ts";
import { resp, World } from "../support/balancer_world.ts";
import { array, bulk } from "../support/fake_node.ts";

Deno.test("CONFIG GET of a pattern as long as a line may be is answered, and everybody is served on", async () => {
  const world = await World.start();
  const [client, other] = [await world.client(), await world.client()];
  await client.send(`CONFIG GET ${"z".repeat(40_000)}\n`);
  assertEquals(client.take(), "(empty)\n");
  assertEquals(
    await client.ask("CONFIG", "GET", "max[m]emory"),
    array([bulk("maxmemory"), bulk("134217728")]),
  );
  assertEquals(await other.ask("PING"), "+PONG\r\n");
  await world.stop();
});

Deno.test("An error that quotes what a client sent is a line of its own bound, also through a balancer", async () => {
  const world = await World.start();
  const [client, other] = [await world.client(), await world.client()];
  const key = world.keyOn(0);
  const quoted = `-ERR Unsupported option ${"x".repeat(60_000)}\r\n`;
  world.nodes[0]!.script = ([name]) => name === "EXPIRE" ? quoted : null;
  const reply = await client.ask("EXISTS", "x".repeat(10), key, "y");
  assertMatch(reply, /^:0/);
  await client.send(`FOO ${"x".repeat(60_000)}\n`);
  assertEquals(client.take().length < REPLY_LINE_BYTES_MAX, true);
  assertEquals(await other.ask("GET", key), "$-1\r\n");
  await world.stop();
});

Deno.test("A line that ends in CRLF is answered in RESP, one that ends in LF in text, whoever answers", async () => {
  const world = await World.start();
  const client = await world.client();
  world.nodes[0]!.data.set(world.keyOn(0), "there");
  await client.send(
    `PING\r\nPING\nGET ${world.keyOn(0)}\r\nGET ${world.keyOn(0)}\nFOO\r\nSET proto HTTP/1.1\n`,
  );
  assertEquals(
    client.take(),
    `+PONG\r\nPONG\n${bulk("there")}there\n-ERR unknown command 'FOO', with args beginning with: \r\nOK\n`,
  );
  await world.stop();
});

Deno.test("A connection that asks for a transaction or another database is closed, and nothing behind runs", async () => {
  const world = await World.start();
  for (
    const [request, error] of [[resp("MULTI"), /^-ERR unknown command 'MULTI'.*\r\n$/], [
      resp("SELECT", "1"),
      /^-ERR DB index is out of range\r\n$/,
    ]] as const
  ) {
    const client = await world.client();
    await client.send(request + resp("SET", world.keyOn(0), "1") + resp("EXEC"));
    assertMatch(client.take(), error);
    assertEquals(client.isClosed, true);
  }
  assertEquals(world.nodes[0]!.data.size, 0);
  await world.stop();
});

Deno.test("What every node says alike is said in the same words", async () => {
  const world = await World.start();
  const client = await world.client();
  for (const node of world.nodes) {
    node.script = ([name]) => name === "FLUSHALL" ? "-ERR syntax error\r\n" : null;
  }
  assertEquals(await client.ask("FLUSHALL", "x"), "-ERR syntax error\r\n");
  await world.stop();
});

Deno.test("A request of too many keys is refused before any part of it is sent", async () => {
  const world = await World.start();
  const client = await world.client();
  const keys = Array.from({ length: REQUEST_KEYS_MAX + 1 }, (_, i) => `k${i}`);
  assertEquals(
    await client.ask("DEL", ...keys),
    "-ERR DEL takes at most 16384 keys: use several requests\r\n",
  );
  assertEquals(world.nodes.flatMap((node) => node.requests), []);
  await world.stop();
});
