/** Replies that are too long for a link: fetched beside it, and handed on in portions, in each client's order. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { BULK_CONNECTIONS_MAX, BULK_SILENCE_MS_MAX, RETRY_DEADLINE_MS } from "../../src/core/limits.ts";
import { resp, World } from "../support/balancer_world.ts";
import { bulk } from "../support/fake_node.ts";
import { settle } from "../support/settle.ts";

/** Longer than what a connection takes at once. */
const LONG = "long value ".repeat(60_000);

/** A cluster whose nodes refuse, on a link, to read `LONG` values. */
async function start(options = {}): Promise<World> {
  const world = await World.start(options);
  for (const node of world.nodes) {
    node.longReply = (args) => {
      const isLong = ["GET", "MGET", "GETDEL"].includes(args[0]!) &&
        args.slice(1).some((key) => node.data.get(key) === LONG);
      return isLong ? `-LARGE ${LONG.length}\r\n` : null;
    };
  }
  return world;
}

function bulkLinksOf(world: World): number {
  return world.nodes.flatMap((node) => node.links()).filter((name) => name.startsWith("bulk")).length;
}

Deno.test("A long reply comes in the order of its client's requests, whatever is answered before it", async () => {
  const world = await start();
  const long = world.keyOn(0);
  const [before, behind] = [world.keyOn(0, 1), world.keyOn(1)];
  world.nodes[0]!.data.set(long, LONG).set(before, "before");
  world.nodes[1]!.data.set(behind, "behind");
  const client = await world.client();
  await client.send(
    resp("GET", before) + resp("GET", long) + resp("GET", behind) + resp("GET", long) + resp("PING"),
  );
  await world.pass(10);
  const expected = ["before", LONG, "behind", LONG].map(bulk).join("") + "+PONG\r\n";
  assert(client.take() === expected);
  assertEquals(await client.ask("GET", before), bulk("before"));
  await world.stop();
});

Deno.test("A connection for long replies is kept for the next one, and closed when there is none for a while", async () => {
  const world = await start();
  const long = world.keyOn(0);
  world.nodes[0]!.data.set(long, LONG);
  const client = await world.client();
  for (let i = 0; i < 3; i++) assert(await client.ask("GET", long) === bulk(LONG));
  assertEquals(world.nodes[0]!.links().filter((name) => name.startsWith("bulk")).length, 1);
  await world.pass(11_000, 100);
  assertEquals(bulkLinksOf(world), 0);
  await world.stop();
});

Deno.test("An MGET over several nodes is an array of what is long and what is not, in RESP 2, RESP 3 and text", async () => {
  const world = await start();
  const keys = [world.keyOn(0), world.keyOn(1), world.keyOn(1, 1), world.keyOn(0, 1)];
  world.nodes[0]!.data.set(keys[0]!, LONG);
  world.nodes[1]!.data.set(keys[1]!, "short");
  const client = await world.client();
  assert(await client.ask("MGET", ...keys) === `*4\r\n${bulk(LONG)}${bulk("short")}$-1\r\n$-1\r\n`);
  await client.ask("HELLO", "3");
  assert(await client.ask("MGET", ...keys) === `*4\r\n${bulk(LONG)}${bulk("short")}_\r\n_\r\n`);
  await client.send(`MGET ${keys.join(" ")}\n`);
  assert(client.take() === `${LONG}\nshort\n(nil)\n(nil)\n`);
  await world.stop();
});

Deno.test("A long value that is gone by the time it is fetched is missing, in the client's dialect", async () => {
  const world = await start();
  const key = world.keyOn(0);
  world.nodes[0]!.longReply = () => "-LARGE 1000000\r\n";
  const client = await world.client();
  assertEquals(await client.ask("GET", key), "$-1\r\n");
  await client.ask("HELLO", "3");
  assertEquals(await client.ask("GET", key), "_\r\n");
  await world.stop();
});

Deno.test("A long read in front of a write of the same slot, in one pipeline, is refused; of another slot it is not", async () => {
  const world = await start();
  const [long, other] = [world.keyOn(0), world.keyOn(0, 1)];
  world.nodes[0]!.data.set(long, LONG);
  const client = await world.client();
  await client.send(resp("GET", long) + resp("SET", other, "x") + resp("GET", long));
  assert(client.take() === `${bulk(LONG)}+OK\r\n${bulk(LONG)}`);
  const another = await world.client();
  await another.send(resp("GET", long) + resp("SET", long, "new"));
  assertMatch(
    another.take(),
    /^-ERR The reply of \d+ bytes is too long to be asked for in front of .*\r\n\+OK\r\n$/,
  );
  assertEquals(await client.ask("GET", long), bulk("new"));
  await world.stop();
});

Deno.test("Nothing more of a client is routed while a long reply of it is under way", async () => {
  const world = await start();
  const [long, other] = [world.keyOn(0), world.keyOn(1)];
  world.nodes[0]!.data.set(long, LONG);
  const client = await world.client(false);
  await client.send(resp("GET", long));
  await client.send(resp("SET", other, "x"));
  assertEquals(world.nodes[1]!.commands(), []);
  client.read();
  await settle();
  assert(client.take() === `${bulk(LONG)}+OK\r\n`);
  await world.stop();
});

Deno.test("A connection that breaks in the middle of a long reply ends the client, one that breaks before does not", async () => {
  const world = await start();
  const long = world.keyOn(0);
  const [node] = world.nodes;
  node!.data.set(long, LONG);
  const client = await world.client();
  node!.hold();
  await client.send(resp("GET", long));
  // The refusal on the link, then the request beside it.
  node!.release();
  await settle();
  assert(client.take() === bulk(LONG));
  let tries = 0;
  node!.waitFor = ([name]) => {
    if (name !== "GET" || ++tries !== 2) return undefined;
    node!.cut();
    return new Promise(() => {});
  };
  await client.send(resp("GET", long));
  await world.pass(1_000, 50);
  assert(client.take() === bulk(LONG));
  node!.waitFor = () => undefined;
  node!.script = ([name]) => name === "GET" ? `$${LONG.length}\r\nhalf of it` : null;
  await client.send(resp("GET", long));
  assertEquals(client.take(), `$${LONG.length}\r\nhalf of it`);
  node!.cut();
  await settle();
  assertEquals(client.isClosed, true);
  await world.stop();
});

Deno.test("A long reply of a node that is gone is CLUSTERDOWN in the end, and of a write that may have happened UNCERTAIN", async () => {
  const world = await start();
  const long = world.keyOn(0);
  const [node] = world.nodes;
  node!.data.set(long, LONG);
  const client = await world.client();
  node!.waitFor = ([name]) => {
    const isFetched = name!.startsWith("GET") && node!.links().some((link) => link.startsWith("bulk"));
    if (isFetched) node!.stop();
    return isFetched ? new Promise(() => {}) : undefined;
  };
  await client.send(resp("GETDEL", long));
  assertMatch(client.take(), /^-UNCERTAIN /);
  node!.start();
  await world.pass(1_000, 50);
  await client.send(resp("GET", long));
  await world.pass(RETRY_DEADLINE_MS + 1_000, 50);
  assertMatch(
    client.take(),
    /^-CLUSTERDOWN The node 127\.0\.0\.1:8081 that keeps slot \d+ cannot be reached/,
  );
  await world.stop();
});

Deno.test("Clients that take nothing of long replies make room when others wait for theirs", async () => {
  const world = await start();
  const long = world.keyOn(0);
  world.nodes[0]!.data.set(long, LONG);
  const silent = [];
  for (let i = 0; i < BULK_CONNECTIONS_MAX; i++) {
    const client = await world.client(false);
    await client.send(resp("GET", long));
    silent.push(client);
  }
  assertEquals(bulkLinksOf(world), BULK_CONNECTIONS_MAX);
  await world.pass(2 * BULK_SILENCE_MS_MAX, 100);
  const client = await world.client();
  await client.send(resp("GET", long));
  await world.pass(200, 100);
  assert(client.take() === bulk(LONG));
  silent.forEach((each) => each.read());
  await settle();
  assertEquals(silent.filter(({ isClosed }) => isClosed).length, 1);
  await world.stop();
});

Deno.test("KEYS is one array of what all nodes have, or the error of one of them", async () => {
  const world = await start();
  for (const [i, node] of world.nodes.entries()) node.data.set(world.keyOn(i), "v");
  const keys = [world.keyOn(0), world.keyOn(1)];
  const client = await world.client();
  await client.send(resp("KEYS", "*") + resp("PING"));
  assertEquals(client.take(), `*2\r\n${keys.map(bulk).join("")}+PONG\r\n`);
  await client.send("KEYS *\n");
  assertEquals(client.take(), keys.map((key) => `${key}\n`).join(""));
  world.nodes[1]!.script = ([name]) => name === "KEYS" ? "-ERR no\r\n" : null;
  assertEquals(await client.ask("KEYS", "*"), "-ERR KEYS failed on node 127.0.0.1:8082: no\r\n");
  await world.stop();
});

Deno.test("With round-robin a long reply is fetched from the node that has the key", async () => {
  const world = await start({ routing: "round-robin" });
  world.nodes[1]!.data.set("key", LONG);
  const client = await world.client();
  for (let i = 0; i < 3; i++) assert(await client.ask("GET", "key") === bulk(LONG));
  assertMatch(await client.ask("GETDEL", "key"), /^-ERR The old value is too long/);
  await world.stop();
});
