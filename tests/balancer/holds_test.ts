/** Shards that are not served for a while: what waits for them, for how long, and that nothing of a client overtakes. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FAILOVER_WAIT_MS } from "../../src/core/limits.ts";
import { resp, type TestClient, World } from "../support/balancer_world.ts";
import { settle } from "../support/settle.ts";

/** Three nodes that serve shards of two copies each, with one map of keys for all of them. */
async function replicated(): Promise<World> {
  const world = World.nodesOnly(3);
  for (const node of world.nodes) node.data = world.nodes[0]!.data;
  await world.startBalancer({ replicas: 1 });
  await world.pass(500);
  return world;
}

/** Whether the shards that node `index` leads open, at every node. */
function shut(world: World, index: number): void {
  const { id } = world.nodes[index]!;
  for (const [shard, { primary }] of world.topologyStore.saved.at(-1)!.shards.entries()) {
    if (primary === id) { for (const node of world.nodes) node.copies.shut.add(shard); }
  }
}

function open(world: World): void {
  for (const node of world.nodes) node.copies.shut.clear();
}

const figure = async (client: TestClient, name: string) =>
  Number(new RegExp(`${name}:(\\d+)`).exec(await client.ask("INFO", "replication"))![1]);

Deno.test("Requests for a shard that is not open wait, and go on in their order when its node says that it is", async () => {
  const world = await replicated();
  const client = await world.client();
  const key = world.keyOn(0);
  shut(world, 0);
  await client.send(resp("SET", key, "1") + resp("INCR", key) + resp("GET", key));
  await world.pass(1_000);
  assertEquals(client.take(), "");
  open(world);
  await world.pass(50);
  assertEquals(client.take(), "+OK\r\n:2\r\n$1\r\n2\r\n");
  await world.stop();
});

Deno.test("Nothing of a client overtakes, though its shard opens while some of it is under way", async () => {
  const world = await replicated();
  const client = await world.client();
  const key = world.keyOn(0);
  shut(world, 0);
  // The first is refused; when the next one comes, the shard is open.
  world.nodes[0]!.script = (args) => {
    if (args[0] === "INCR") open(world);
    return null;
  };
  await client.send(resp("SET", key, "5") + resp("INCR", key) + resp("GET", key));
  await world.pass(100);
  assertEquals(client.take(), "+OK\r\n:6\r\n$1\r\n6\r\n");
  await world.stop();
});

Deno.test("A client whose next request is for another shard is not held up", async () => {
  const world = await replicated();
  const [held, other] = [await world.client(), await world.client()];
  shut(world, 0);
  await held.send(resp("GET", world.keyOn(0)));
  assertEquals(await other.ask("SET", world.keyOn(1), "1"), "+OK\r\n");
  assertEquals(held.take(), "");
  open(world);
  await world.pass(50);
  assertEquals(held.take(), "$-1\r\n");
  await world.stop();
});

Deno.test("Requests wait for FAILOVER_WAIT_MS; then they are answered, and so are later ones at once, until it is open", async () => {
  const world = await replicated();
  const client = await world.client();
  const key = world.keyOn(0);
  shut(world, 0);
  await client.send(resp("SET", key, "1") + resp("GET", key));
  await world.pass(FAILOVER_WAIT_MS - 50);
  assertEquals(client.take(), "");
  await world.pass(100);
  const text = /-CLUSTERDOWN The node 127\.0\.0\.1:8081 does not serve slot \d+: TRYAGAIN [^\r]*\r\n/.source;
  assertMatch(client.take(), new RegExp(`^(${text}){2}$`));
  assertMatch(await client.ask("GET", key), new RegExp(`^${text}$`));
  open(world);
  await world.pass(300);
  assertEquals(await client.ask("SET", key, "2"), "+OK\r\n");
  await world.stop();
});

Deno.test("When a primary dies, requests and reads go to the next one; a write that it had is uncertain", async () => {
  const world = await replicated();
  const client = await world.client();
  const key = world.keyOn(0);
  assertEquals(await client.ask("SET", key, "1"), "+OK\r\n");
  world.nodes[0]!.hold();
  await client.send(resp("GET", key) + resp("INCR", key) + resp("GET", key));
  world.nodes[0]!.stop();
  await world.pass(20);
  const late = await world.client();
  await late.send(resp("APPEND", key, "0") + resp("GET", key));
  await world.pass(1_000);
  assertMatch(client.take(), /^\$1\r\n1\r\n-UNCERTAIN [^\r]*\r\n\$1\r\n1\r\n$/);
  assertEquals(late.take(), "-ERR the fake node does not know APPEND\r\n$1\r\n1\r\n");
  assertEquals(await figure(client, "uncertain_replies"), 1);
  assert(await figure(client, "waited_requests") >= 2);
  await world.stop();
});

Deno.test("Requests for a shard whose new primary is not open yet wait for that", async () => {
  const world = await replicated();
  const client = await world.client();
  const key = world.keyOn(0);
  shut(world, 0);
  world.nodes[0]!.stop();
  await settle();
  await client.send(resp("SET", key, "1") + resp("GET", key));
  await world.pass(1_500);
  assertEquals(client.take(), "");
  open(world);
  await world.pass(50);
  assertEquals(client.take(), "+OK\r\n$1\r\n1\r\n");
  await world.stop();
});

Deno.test("Without anybody who may lead a shard its requests are answered in time, and others go on", async () => {
  const world = await replicated();
  const client = await world.client();
  const shard = world.topologyStore.saved[0]!.shards.findIndex(({ primary }) =>
    primary === world.nodes[0]!.id
  );
  const copies = [world.topologyStore.saved[0]!.shards[shard]!].flatMap((
    { primary, replicas },
  ) => [primary, ...replicas]);
  for (const node of world.nodes) if (copies.includes(node.id)) node.stop();
  await settle();
  let key = 0;
  while (world.shardOf(`key${key}`) !== shard) key++;
  await client.send(resp("GET", `key${key}`));
  await world.pass(FAILOVER_WAIT_MS + 200, 50);
  assertMatch(
    client.take(),
    /^-CLUSTERDOWN The node 127\.0\.0\.1:\d+ that keeps slot \d+ cannot be reached: /,
  );
  await world.stop();
});

Deno.test("What is asked of all nodes waits for shards that are closed", async () => {
  const world = await replicated();
  const [client, other] = [await world.client(), await world.client()];
  shut(world, 0);
  await client.send(resp("SET", world.keyOn(0), "1"));
  await other.send(resp("FLUSHALL"));
  assertEquals(other.take(), "");
  open(world);
  await world.pass(50);
  assertEquals(client.take(), "+OK\r\n");
  assertEquals(other.take(), "+OK\r\n");
  await world.stop();
});

Deno.test("Keys of several shards of one node are asked one by one, so that each follows its own shard", async () => {
  const world = await replicated();
  const client = await world.client();
  const keys = [0, 1, 2, 3, 4, 5].map((number) => world.keyOn(0, number));
  assertEquals(await client.ask("MSET", ...keys.flatMap((key) => [key, key])), "+OK\r\n");
  world.nodes[0]!.stop();
  await settle();
  await client.send(resp("MGET", ...keys));
  await world.pass(1_000);
  assertEquals(client.take(), `*6\r\n${keys.map((key) => `$${key.length}\r\n${key}\r\n`).join("")}`);
  await world.stop();
});

for (
  const [request, reply] of [
    [["DBSIZE"], /^:3\r\n$/],
    [["KEYS", "*"], /^\*3\r\n(\$\d\r\nk\d\r\n){3}$/],
    [["SCAN", "0", "COUNT", "100"], /^\*2\r\n\$1\r\n0\r\n\*3\r\n(\$\d\r\nk\d\r\n){3}$/],
    [["RANDOMKEY"], /^\$2\r\nk\d\r\n$/],
    [["FLUSHALL"], /^\+OK\r\n$/],
  ] as const
) {
  Deno.test(`${request[0]} waits while a shard is not served, and holds up nobody else`, async () => {
    const world = await World.start({ replicas: 1 });
    await world.pass(500);
    const [client, other] = [await world.client(), await world.client()];
    for (const key of ["k0", "k1", "k2"]) assertEquals(await client.ask("SET", key, "1"), "+OK\r\n");
    let isServed = false;
    for (const node of world.nodes) {
      node.script = ([name]) =>
        name === request[0] && !isServed ? "-TRYAGAIN Shard 3 is not served yet: a test\r\n" : null;
    }
    await client.send(resp(...request) + resp("SET", "k9", "1"));
    await world.pass(1_000);
    assertEquals(client.take(), "");
    assertEquals(await other.ask("GET", "k9"), "$-1\r\n");
    isServed = true;
    await world.pass(500);
    const [answer, rest] = client.take().split(/(\+OK\r\n)$/);
    assertMatch(answer!, reply);
    assertEquals(rest, "+OK\r\n");
    await world.stop();
  });
}

Deno.test("FLUSHALL reaches a shard that goes meanwhile from a node that has yet to answer to one that has answered", async () => {
  const world = await replicated();
  const client = await world.client();
  let isServed = false;
  const flushes = [0, 0, 0];
  for (const [i, node] of world.nodes.entries()) {
    node.script = ([name]) => {
      if (name !== "FLUSHALL") return null;
      if (i === 0 && !isServed) return "-TRYAGAIN Shard 3 is not served yet: a test\r\n";
      flushes[i]!++;
      return null;
    };
  }
  await client.send(resp("FLUSHALL"));
  await world.pass(100);
  assertEquals([client.take(), ...flushes], ["", 0, 1, 1]);
  for (const [shard, { primary }] of world.topologyStore.saved.at(-1)!.shards.entries()) {
    if (primary === world.nodes[0]!.id) world.nodes[0]!.copies.unusual.set(shard, { isLeading: false });
  }
  const version = world.topologyStore.saved.length;
  await world.pass(600);
  assert(world.topologyStore.saved.length > version, "the shards are given to others");
  isServed = true;
  world.nodes[0]!.copies.unusual.clear();
  await world.pass(500);
  assertEquals(client.take(), "+OK\r\n");
  assert(flushes[1]! >= 2 && flushes[2]! >= 2, `flushed ${flushes} times`);
  await world.stop();
});
