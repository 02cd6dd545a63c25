/** `INFO` and `CLUSTER` at a balancer: what is the nodes' is what they told last, and nobody waits for a frozen one. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { INFO_WAIT_MS } from "../../src/core/limits.ts";
import { World } from "../support/balancer_world.ts";
import { bulk } from "../support/fake_node.ts";
import { settle } from "../support/settle.ts";

/** A cluster of three nodes with two keys on each, one of them with a deadline. */
async function filled(): Promise<World> {
  const world = await World.start({}, 3);
  for (const [index, node] of world.nodes.entries()) {
    for (const n of [0, 1]) node.data.set(world.keyOn(index, n), "value");
    node.expires = 1;
  }
  return world;
}

const KEYSPACE = (keys: number, expires: number) =>
  bulk(`# Keyspace\r\ndb0:keys=${keys},expires=${expires},avg_ttl=0\r\n`);

Deno.test("INFO tells about the balancer and the state of each node", async () => {
  const world = await filled();
  const client = await world.client();
  const info = await client.ask("INFO");
  assertStringIncludes(info, "# Server");
  assertStringIncludes(info, "connected_clients:1\r\n");
  assertStringIncludes(info, "node_0:address=127.0.0.1:8081,state=ready,entries=2\r\n");
  assertStringIncludes(info, "db0:keys=6,expires=3,");
  // What `redis-cli --stat` and client libraries look for.
  for (const line of ["used_memory:300", "blocked_clients:0", "loading:0", "aof_rewrite_in_progress:0"]) {
    assertStringIncludes(info, `\r\n${line}\r\n`);
  }
  assertStringIncludes(info, "rdb_bgsave_in_progress:0\r\n");
  const clients = await client.ask("INFO", "clients");
  assertEquals(clients.includes("# Server"), false);
  world.nodes[2]!.stop();
  await settle();
  assertMatch(await client.ask("INFO"), /node_2:address=127\.0\.0\.1:8083,state=away,entries=2,cause=/);
  await world.stop();
});

Deno.test("INFO keyspace sums what the nodes told last, soon, also while one of them is frozen", async () => {
  const world = await filled();
  const client = await world.client();
  assertEquals(await client.ask("INFO", "keyspace"), KEYSPACE(6, 3));
  world.nodes[1]!.hold();
  world.nodes[0]!.data.clear();
  for (let i = 0; i < 3; i++) {
    assertEquals(await client.ask("INFO", "keyspace"), "");
    world.clock.advance(INFO_WAIT_MS);
    await settle();
    assertEquals(client.take(), KEYSPACE(4, 2));
  }
  // The frozen node was asked once, however often its figures were wanted.
  assertEquals(world.nodes[1]!.commands().filter((name) => name === "INFO").length, 2);
  world.nodes[1]!.release();
  await world.stop();
});

Deno.test("INFO keyspace is an error, not a part of the sum, while a node has told nothing yet", async () => {
  const world = await filled();
  const client = await world.client();
  world.nodes[1]!.hold();
  assertEquals(await client.ask("INFO", "keyspace"), "");
  world.clock.advance(INFO_WAIT_MS);
  await settle();
  assertMatch(client.take(), /^-ERR INFO Keyspace: a node has not told its figures yet/);
  await client.ask("INFO");
  world.clock.advance(INFO_WAIT_MS);
  await settle();
  assertEquals(client.take().includes("Keyspace"), false);
  world.nodes[1]!.release();
  await world.stop();
});

Deno.test("A balancer is a master of its own and says whether it is a cluster everywhere alike", async () => {
  const slots = await World.start();
  const client = await slots.client();
  assertMatch(
    await client.ask("INFO", "replication"),
    /role:master\r\nconnected_slaves:0\r\n[^]*master_replid:[0-9a-f]{40}\r\n/,
  );
  assertMatch(await client.ask("INFO", "cluster"), /cluster_enabled:1\r\n/);
  assertMatch(await client.ask("CLUSTER", "INFO"), /^\$\d+\r\ncluster_state:ok\r\n/);
  assertMatch(await client.ask("CLUSTER", "NODES"), / :\d+@0 myself,master - 0 0 1 connected\n/);
  await client.ask("HELLO", "3");
  assertMatch(await client.ask("CLUSTER", "SLOTS"), /%0\r\n$/);
  await slots.stop();
  const turns = await World.start({ routing: "round-robin" });
  const other = await turns.client();
  assertMatch(await other.ask("INFO", "cluster"), /cluster_enabled:0\r\n/);
  assertEquals(await other.ask("CLUSTER", "INFO"), "-ERR This instance has cluster support disabled\r\n");
  await turns.stop();
});
