/** Requests that concern several nodes. */
import { assertEquals, assertMatch } from "@std/assert";
import { bytesOf } from "../../src/core/bytes.ts";
import { shardOfCursor } from "../../src/core/scan_cursor.ts";
import { shardOfSlot } from "../../src/core/shard_ranges.ts";
import { slotOfKey } from "../../src/core/slot.ts";
import { resp, World } from "../support/balancer_world.ts";
import { array, bulk } from "../support/fake_node.ts";
import { settle } from "../support/settle.ts";

/** A cluster of three nodes with `count` keys on each. */
async function filled(count = 2): Promise<{ world: World; keys: string[] }> {
  const world = await World.start({}, 3);
  const keys = [0, 1, 2].flatMap((index) =>
    Array.from({ length: count }, (_, n) => {
      const key = world.keyOn(index, n);
      world.nodes[index]!.data.set(key, `value of ${key}`);
      return key;
    })
  );
  return { world, keys };
}

Deno.test("MGET asks each node once and puts the values into the order of the keys", async () => {
  const { world, keys } = await filled();
  const client = await world.client();
  const mixed = [keys[4]!, keys[0]!, "missing", keys[2]!, keys[1]!, keys[4]!];
  const expected = mixed.map((key) => key === "missing" ? "$-1\r\n" : bulk(`value of ${key}`));
  assertEquals(await client.ask("MGET", ...mixed), array(expected));
  for (const node of world.nodes) assertEquals(node.commands().filter((name) => name === "MGET").length, 1);
  await world.stop();
});

Deno.test("MSET, EXISTS and DEL are split by node and their replies merged", async () => {
  const world = await World.start({}, 3);
  const client = await world.client();
  const keys = [0, 1, 2].flatMap((index) => [world.keyOn(index), world.keyOn(index, 1)]);
  assertEquals(await client.ask("MSET", ...keys.flatMap((key) => [key, `v${key}`])), "+OK\r\n");
  assertEquals(world.nodes.map((node) => node.data.size), [2, 2, 2]);
  assertEquals(await client.ask("EXISTS", ...keys, "nowhere"), ":6\r\n");
  assertEquals(await client.ask("DEL", ...keys), ":6\r\n");
  assertEquals(await client.ask("DBSIZE"), ":0\r\n");
  await world.stop();
});

Deno.test("Keys that all lie on one node go there as they came", async () => {
  const world = await World.start();
  const client = await world.client();
  assertEquals(await client.ask("DEL", world.keyOn(0), world.keyOn(0, 1)), ":0\r\n");
  assertEquals(world.nodes[0]!.requests, [["DEL", world.keyOn(0), world.keyOn(0, 1)]]);
  assertEquals(world.nodes[1]!.requests, []);
  await world.stop();
});

Deno.test("A part that fails fails the whole, with its kind in front and its node named", async () => {
  const { world, keys } = await filled();
  const client = await world.client();
  world.nodes[1]!.script = ([name]) =>
    name === "SAVE" ? "-ERR disk on fire\r\n" : name === "MSET" ? "-OOM no room\r\n" : null;
  assertEquals(await client.ask("SAVE"), "-ERR SAVE failed on node 127.0.0.1:8082: disk on fire\r\n");
  assertEquals(
    await client.ask("MSET", keys[0]!, "1", keys[2]!, "2"),
    "-OOM MSET failed on node 127.0.0.1:8082: no room (it was applied on other nodes)\r\n",
  );
  world.nodes[1]!.script = () => "-no kind at all\r\n";
  assertEquals(await client.ask("DBSIZE"), "-ERR DBSIZE failed on node 127.0.0.1:8082: no kind at all\r\n");
  await world.stop();
});

Deno.test("A split write whose node goes away is uncertain", async () => {
  const { world, keys } = await filled();
  const client = await world.client();
  world.nodes[1]!.hold();
  await client.send(resp("MSET", keys[0]!, "1", keys[2]!, "2"));
  world.nodes[1]!.cut();
  await settle();
  assertMatch(client.take(), /^-UNCERTAIN MSET failed on node 127\.0\.0\.1:8082: .*applied on other nodes/);
  world.nodes[1]!.release();
  await world.stop();
});

Deno.test("Commands about all keys ask every node", async () => {
  const { world, keys } = await filled();
  const client = await world.client();
  assertEquals(await client.ask("DBSIZE"), ":6\r\n");
  assertEquals(await client.ask("KEYS", "*"), array(keys.map(bulk)));
  assertEquals(await client.ask("LASTSAVE"), ":8081\r\n");
  assertEquals(await client.ask("SAVE"), "+OK\r\n");
  assertEquals(await client.ask("FLUSHALL"), "+OK\r\n");
  assertEquals(world.nodes.map((node) => node.data.size), [0, 0, 0]);
  await world.stop();
});

Deno.test("SAVE holds up nobody else, and comes behind the writes before it", async () => {
  const world = await World.start();
  const [saving, other] = [await world.client(), await world.client()];
  const order: string[] = [];
  world.nodes[0]!.script = ([name]) => {
    order.push(name!);
    return null;
  };
  let finish = (): void => {};
  world.nodes[0]!.waitFor = ([name]) =>
    name === "SAVE" ? new Promise<void>((resolve) => finish = resolve) : undefined;
  await saving.send(resp("SET", world.keyOn(0), "1") + resp("SAVE"));
  await settle();
  assertEquals(await other.ask("GET", world.keyOn(0)), bulk("1"));
  assertEquals(saving.take(), "");
  finish();
  await settle();
  assertEquals(saving.take(), "+OK\r\n+OK\r\n");
  assertEquals(order.filter((name) => name === "SET" || name === "SAVE"), ["SET", "SAVE"]);
  await world.stop();
});

/** Shard of a key in a cluster of 16. */
function shardOf(key: string): number {
  return shardOfSlot(slotOfKey(bytesOf(key), 0, key.length), 16);
}

/** One SCAN: the next cursor, and the keys. */
async function scanStep(
  client: Awaited<ReturnType<World["client"]>>,
  ...args: string[]
): Promise<[string, string[]]> {
  const reply = await client.ask("SCAN", ...args);
  const [, cursor, rest] = /^\*2\r\n\$\d+\r\n(\d+)\r\n(\*[^]*)$/.exec(reply)!;
  return [cursor!, [...rest!.matchAll(/\$\d+\r\n(.*)\r\n/g)].map((match) => match[1]!)];
}

Deno.test("SCAN goes from shard to shard, each at its node, and gives every key once", async () => {
  const { world, keys } = await filled(3);
  const client = await world.client();
  for (const count of ["1", "2", "10", "1000"]) {
    const found: string[] = [];
    let cursor = "0";
    let steps = 0;
    do {
      const [next, some] = await scanStep(client, cursor, "COUNT", count);
      found.push(...some);
      cursor = next;
    } while (cursor !== "0" && ++steps < 100);
    assertEquals(found.sort(), [...keys].sort(), `COUNT ${count}`);
  }
  assertMatch(await client.ask("SCAN", "x"), /^-ERR invalid cursor/);
  assertMatch(await client.ask("SCAN", "-1"), /^-ERR invalid cursor/);
  assertEquals(await client.ask("SCAN", "77"), array([bulk("0"), array([])]));
  assertEquals(await client.ask("SCAN", "18446744073709551615"), array([bulk("0"), array([])]));
  await world.stop();
});

Deno.test("SCAN of a few keys gives them all at once, from whichever shards and nodes", async () => {
  const { world, keys } = await filled(1);
  const client = await world.client();
  assertEquals((await scanStep(client, "0"))[1].sort(), keys.sort());
  assertEquals((await scanStep(client, "0"))[0], "0");
  await world.stop();
});

Deno.test("SCAN keeps what it found when a node fails, and the next call says the failure", async () => {
  const { world, keys } = await filled(1);
  const client = await world.client();
  const last = Math.max(...keys.map(shardOf));
  const fails = ([name, cursor]: readonly string[]) =>
    name === "SCAN" && shardOfCursor(Number(cursor)) === last;
  for (const node of world.nodes) node.script = (args) => fails(args) ? "-LOADING not yet\r\n" : null;
  const [cursor, found] = await scanStep(client, "0");
  assertEquals([found.length, shardOfCursor(Number(cursor))], [2, last]);
  assertMatch(await client.ask("SCAN", cursor), /^-LOADING SCAN failed on node 127\.0\.0\.1:808.: not yet/);
  for (const node of world.nodes) node.script = () => null;
  assertEquals([...found, ...(await scanStep(client, cursor))[1]].sort(), keys.sort());
  await world.stop();
});

Deno.test("RANDOMKEY asks other nodes when one is empty", async () => {
  const world = await World.start({}, 3);
  const client = await world.client();
  assertEquals(await client.ask("RANDOMKEY"), "$-1\r\n");
  world.nodes[2]!.data.set("only", "1");
  for (let i = 0; i < 5; i++) assertEquals(await client.ask("RANDOMKEY"), bulk("only"));
  await world.stop();
});

Deno.test("A request about all keys waits for its turn among the client's own writes", async () => {
  const { world, keys } = await filled();
  const client = await world.client();
  await client.send(
    resp("SET", keys[0]!, "new") + resp("FLUSHALL") + resp("SET", keys[2]!, "kept") + resp("DBSIZE"),
  );
  assertEquals(client.take(), "+OK\r\n+OK\r\n+OK\r\n:1\r\n");
  await world.stop();
});

Deno.test("KEYS holds up nobody else, comes behind the client's requests before it and before those behind it", async () => {
  const { world, keys } = await filled();
  const [client, other] = [await world.client(), await world.client()];
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  for (const node of world.nodes) node.waitFor = ([name]) => name === "KEYS" ? held : undefined;
  await client.send(resp("DEL", keys[0]!) + resp("KEYS", "*") + resp("SET", "later", "1"));
  assertEquals(await other.ask("GET", keys[2]!), bulk(`value of ${keys[2]}`));
  release();
  await settle();
  const text = client.take();
  assertEquals([text.startsWith(":1\r\n*"), text.endsWith("+OK\r\n")], [true, true]);
  assertEquals([text.includes(bulk(keys[0]!)), text.includes(bulk(keys[1]!)), text.includes("later")], [
    false,
    true,
    false,
  ]);
  await world.stop();
});

Deno.test("What is wrong with one key or value of several is found before any node does its part", async () => {
  const world = await World.start();
  const client = await world.client();
  const [here, there] = [world.keyOn(0), world.keyOn(1)];
  const long = "x".repeat(65_536);
  const tooLong = "-ERR key exceeds maximum allowed size (65535 bytes)\r\n";
  for (
    const args of [["EXISTS", here, long, there], ["DEL", here, there, long], ["MSET", here, "1", long, "2"]]
  ) {
    assertEquals(await client.ask(...args), tooLong);
  }
  assertEquals(
    await client.ask("MSET", here, "1", there),
    "-ERR wrong number of arguments for 'mset' command\r\n",
  );
  assertEquals(world.nodes.map((node) => node.commands()), [[], []]);
  await world.stop();
});
