/** What a client sees of a balancer whose nodes are all there. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { bytesOf } from "../../src/core/bytes.ts";
import { array, bulk } from "../support/fake_node.ts";
import { resp, World } from "../support/balancer_world.ts";
import { settle } from "../support/settle.ts";
import { assertProperty } from "../support/property.ts";

Deno.test("A balancer sends each key to the node of its slot and hands the reply back", async () => {
  const world = await World.start();
  const client = await world.client();
  const [first, second] = [world.keyOn(0), world.keyOn(1)];
  assertEquals(await client.ask("SET", first, "one"), "+OK\r\n");
  assertEquals(await client.ask("SET", second, "two"), "+OK\r\n");
  assertEquals([...world.nodes[0]!.data.keys()], [first]);
  assertEquals([...world.nodes[1]!.data.keys()], [second]);
  assertEquals(await client.ask("GET", second), bulk("two"));
  assertEquals(await client.ask("GET", world.keyOn(0, 1)), "$-1\r\n");
  await world.stop();
});

Deno.test("Replies come in the order of the requests although the nodes answer out of order", async () => {
  const world = await World.start();
  const client = await world.client();
  world.nodes[0]!.hold();
  const keys = [world.keyOn(0), world.keyOn(1), world.keyOn(0, 1), world.keyOn(1, 1)];
  await client.send(keys.map((key) => resp("SET", key, "v") + resp("GET", key)).join("") + resp("PING"));
  assertEquals(client.take(), "");
  world.nodes[0]!.release();
  await settle();
  assertEquals(client.take(), `+OK\r\n${bulk("v")}`.repeat(4) + "+PONG\r\n");
  await world.stop();
});

Deno.test("A pipeline gives the same replies wherever its bytes are cut", async () => {
  const world = await World.start();
  const requests = [0, 1, 2].flatMap((n) => [
    resp("SET", world.keyOn(n % 2, n), `value${n}`),
    resp("GET", world.keyOn(n % 2, n)),
    `EXISTS ${world.keyOn(n % 2, n)}\n`,
  ]).join("") + resp("MGET", world.keyOn(0), world.keyOn(1, 1));
  const expected = [0, 1, 2].map((n) => `+OK\r\n${bulk(`value${n}`)}1\n`).join("") +
    array([bulk("value0"), bulk("value1")]);
  const cuts = fc.array(fc.integer({ min: 0, max: requests.length }), { maxLength: 4 });
  await assertProperty(
    fc.asyncProperty(cuts, async (at) => {
      const client = await world.client();
      const places = [0, ...at.sort((a, b) => a - b), requests.length];
      for (let i = 1; i < places.length; i++) {
        if (places[i]! > places[i - 1]!) await client.send(requests.slice(places[i - 1], places[i]));
      }
      assertEquals(client.take(), expected);
      client.connection.close();
    }),
    { numRuns: 60 },
  );
  await world.stop();
});

Deno.test("Requests that meet in one turn reach a node in one write", async () => {
  const world = await World.start();
  const clients = await Promise.all(Array.from({ length: 8 }, () => world.client()));
  const key = world.keyOn(0);
  const readsBefore = world.nodes[0]!.readCount;
  await Promise.all(clients.map((client) => client.send(resp("INCR", key))));
  const replies = clients.map((client) => client.take()).sort();
  assertEquals(replies, Array.from({ length: 8 }, (_, i) => `:${i + 1}\r\n`));
  assertEquals(world.nodes[0]!.readCount - readsBefore, 1);
  await world.stop();
});

Deno.test("A text client gets lines, a RESP 3 client its own nil, also inside arrays", async () => {
  const world = await World.start();
  const [there, missing] = [world.keyOn(0), world.keyOn(1)];
  world.nodes[0]!.data.set(there, "hello");
  const text = await world.client();
  await text.send(`GET ${there}\nGET ${missing}\nEXISTS ${there}\nMGET ${there} ${missing}\nNONSENSE\n`);
  assertMatch(text.take(), /^hello\n\(nil\)\n1\nhello\n\(nil\)\nERROR .*unknown command 'NONSENSE'.*\n$/);

  const modern = await world.client();
  assertMatch(await modern.ask("HELLO", "3"), /^%/);
  assertEquals(await modern.ask("GET", missing), "_\r\n");
  assertEquals(await modern.ask("GET", there), bulk("hello"));
  assertEquals(await modern.ask("MGET", missing, there), array(["_\r\n", bulk("hello")]));
  assertMatch(await modern.ask("HELLO", "2"), /^\*/);
  assertEquals(await modern.ask("GET", missing), "$-1\r\n");
  await world.stop();
});

Deno.test("A lone text line is answered and the connection closed after a silence", async () => {
  const world = await World.start();
  const client = await world.client();
  await client.send(`SET ${world.keyOn(0)} value\n`);
  assertEquals(client.take(), "OK\n");
  await world.pass(290);
  assertEquals(client.isClosed, false);
  await world.pass(20);
  assertEquals(client.isClosed, true);
  await world.stop();
});

Deno.test("A half-closed connection is answered in full, then closed", async () => {
  const world = await World.start();
  const client = await world.client();
  await client.connection.write(bytesOf(resp("SET", world.keyOn(0), "1").repeat(50)));
  client.connection.closeWrite();
  await settle();
  await settle();
  assertEquals(client.take(), "+OK\r\n".repeat(50));
  assertEquals(client.isClosed, true);
  await world.stop();
});

Deno.test("Invalid bytes get one error and a close, and harm nobody else", async () => {
  const world = await World.start();
  const other = await world.client();
  const client = await world.client();
  await client.send(`${resp("PING")}*1\r\n$-5\r\n${resp("PING")}`);
  assertMatch(client.take(), /^\+PONG\r\n-ERR Protocol error[^\r]*\r\n$/);
  assertEquals(client.isClosed, true);
  assertEquals(await other.ask("PING"), "+PONG\r\n");
  await world.stop();
});

Deno.test("An HTTP request is refused before anything of it is run", async () => {
  const world = await World.start();
  const client = await world.client();
  await client.send(`POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET ${world.keyOn(0)} 1\r\n`);
  assertStringIncludes(client.take(), "HTTP");
  assertEquals(client.isClosed, true);
  assertEquals(world.nodes[0]!.data.size, 0);
  await world.stop();
});

Deno.test("A pipeline far larger than a batch is answered in full", async () => {
  const world = await World.start();
  const client = await world.client();
  const keys = [world.keyOn(0), world.keyOn(1)];
  const count = 5_000;
  for (let i = 0; i < count; i += 500) {
    client.connection.write(
      bytesOf(Array.from({ length: 500 }, (_, j) => resp("INCR", keys[j % 2]!)).join("")),
    );
  }
  for (let i = 0; i < 60; i++) await settle();
  const expected = Array.from({ length: count }, (_, i) => `:${Math.floor(i / 2) + 1}\r\n`).join("");
  assertEquals(client.take(), expected);
  await world.stop();
});

Deno.test("Wrong arity, unknown commands and crossing slots are told without asking a node", async () => {
  const world = await World.start();
  const client = await world.client();
  assertEquals(await client.ask("GET"), "-ERR wrong number of arguments for 'get' command\r\n");
  assertMatch(await client.ask("FOO", "bar"), /^-ERR unknown command 'FOO'/);
  assertMatch(await client.ask("RENAME", world.keyOn(0), world.keyOn(1)), /^-CROSSSLOT /);
  assertMatch(
    await client.ask("MSET", world.keyOn(0), "1", world.keyOn(1)),
    /^-ERR wrong number of arguments/,
  );
  assertEquals(world.nodes.flatMap((node) => node.commands()), []);
  await world.stop();
});

Deno.test("A balancer tells the topology to clients that want to go to the nodes themselves", async () => {
  const world = await World.start();
  const client = await world.client();
  assertEquals(await client.ask("CLUSTER", "KEYSLOT", "foo"), ":12182\r\n");
  const slots = await client.ask("CLUSTER", "SLOTS");
  assertStringIncludes(slots, ":8081\r\n");
  assertStringIncludes(slots, ":16383\r\n");
  assertStringIncludes(await client.ask("CLUSTER", "NODES"), "127.0.0.1:8082@");
  assertStringIncludes(await client.ask("CLUSTER", "SHARDS"), "master");
  assertStringIncludes(await client.ask("ROUNDEL", "TOPOLOGY"), `"version":1`);
  assertMatch(await client.ask("ROUNDEL", "TOPOLOGY", "{}"), /^-ERR /);
  assertEquals(await client.ask("CONFIG", "GET", "data*"), array([bulk("databases"), bulk("1")]));
  await world.stop();
});

Deno.test("A stop lets clients have what they asked for, and takes no more", async () => {
  const world = await World.start();
  const client = await world.client();
  const idle = await world.client();
  world.nodes[0]!.hold();
  await client.send(resp("SET", world.keyOn(0), "1"));
  const stopped = world.balancer.stop();
  await settle();
  assertEquals(idle.isClosed, true);
  assertEquals(client.isClosed, false);
  world.nodes[0]!.release();
  await stopped;
  await settle();
  assertEquals(client.take(), "+OK\r\n");
  assertEquals(client.isClosed, true);
  for (const node of world.nodes) node.stop();
});
