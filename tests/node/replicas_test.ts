/** Nodes that keep copies of one shard: what they acknowledge, answer and give up. The test decides as a controller would. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { GRACE_MS, LEASE_MS, MIB, REPLICA_AWAY_MS, REPLICA_SILENT_MS } from "../../src/core/limits.ts";
import { advance } from "../support/settle.ts";
import { body, ClusterWorld } from "./cluster_world.ts";

Deno.test("A write is acknowledged once the replica's log has it durably, too", async () => {
  const world = await ClusterWorld.start(2);
  const client = await world.client(0);
  assertEquals(await client.ask("SET", "a", "1"), "+OK\r\n");
  world.nodes[1]!.disk.holdSyncs();
  await client.send("SET", "a", "2");
  await client.send("GET", "a");
  await world.pass(100);
  assertEquals(client.take(), "");
  world.nodes[1]!.disk.releaseSyncs();
  await world.pass(20);
  assertEquals(client.take(), "+OK\r\n$1\r\n2\r\n");
  world.kill(0);
  world.kill(1);
  await world.startNode(1);
  world.next(1, [1]);
  await world.tell(1);
  await world.pass(GRACE_MS + 100);
  assertEquals(await (await world.client(1)).ask("GET", "a"), "$1\r\n2\r\n");
});

Deno.test("While its replica is away a primary's writes wait, reads go on until the lease is over, and then neither", async () => {
  const world = await ClusterWorld.start(2);
  const [client, reader] = [await world.client(0), await world.client(0)];
  assertEquals(await client.ask("SET", "a", "1"), "+OK\r\n");
  world.network.cutOff(world.nodes[1]!.port);
  await client.send("SET", "b", "1");
  await world.pass(400);
  assertEquals(client.take(), "");
  assertEquals(await reader.ask("GET", "a"), "$1\r\n1\r\n");
  await world.pass(LEASE_MS);
  assertEquals(
    await reader.ask("GET", "a"),
    "-TRYAGAIN Shard 0 is not served yet: its primary does not hear from a replica\r\n",
  );
  assertMatch(await reader.ask("DBSIZE"), /^-TRYAGAIN Shard 0/);
  assertEquals((await world.copy(0)).isOpen, false);
  world.network.heal(world.nodes[1]!.port)();
  await world.pass(1_000);
  assertEquals(client.take(), "+OK\r\n");
  assertEquals(await reader.ask("GET", "b"), "$1\r\n1\r\n");
  await world.stop();
});

Deno.test("A replica that is away is proposed to leave, and without it writes go on; it joins again once it has everything", async () => {
  const world = await ClusterWorld.start(2);
  const client = await world.client(0);
  await client.ask("SET", "a", "1");
  world.kill(1);
  await client.send("SET", "b", "1");
  await world.pass(REPLICA_AWAY_MS + 100);
  assertEquals((await world.copy(0)).leave, [world.nodes[1]!.id]);
  world.next(0, [0]);
  await world.tell(0);
  await world.pass(20);
  assertEquals(client.take(), "+OK\r\n");
  assertEquals(await client.ask("SET", "c", "1"), "+OK\r\n");
  await world.startNode(1);
  await world.tell(1);
  await world.pass(1_500);
  assertEquals((await world.copy(0)).join, [world.nodes[1]!.id]);
  assertEquals((await world.copy(1)).sequence, 3);
  world.next(0, [0, 1]);
  await world.tellAll();
  await world.pass(100);
  assertEquals(await client.ask("SET", "d", "1"), "+OK\r\n");
  assertEquals((await world.copy(1)).sequence, 4);
  await world.stop();
});

Deno.test("A replica that becomes primary opens after the grace and shows every acknowledged write; the old one answers nothing", async () => {
  const world = await ClusterWorld.start(3);
  const client = await world.client(0);
  for (let i = 0; i < 20; i++) assertEquals(await client.ask("SET", `key${i}`, `${i}`), "+OK\r\n");
  // Nobody hears of the primary any more, and it of nobody: but for its clients.
  world.network.cutOff(world.nodes[1]!.port);
  world.network.cutOff(world.nodes[2]!.port);
  await client.send("SET", "lost", "1");
  await world.pass(1_000);
  world.network.heal(world.nodes[1]!.port);
  world.network.heal(world.nodes[2]!.port);
  const { epoch } = world.topology.shards[0]!;
  for (const i of [1, 2]) {
    const frozen = JSON.parse(
      body(await (await world.client(i)).ask("ROUNDEL", "FREEZE", "0", String(epoch))),
    );
    assertEquals([frozen.places[0].sequence, frozen.places[0].isFilling], [20, false]);
  }
  world.next(1, [1, 2]);
  await world.tell(1);
  await world.tell(2);
  const [fresh, old] = [await world.client(1), await world.client(0)];
  const beganMs = world.clock.monotonicMs();
  let openMs = 0;
  while (openMs === 0) {
    await world.pass(10);
    const reply = await fresh.ask("GET", "key7");
    if (reply === "$1\r\n7\r\n") openMs = world.clock.monotonicMs() - beganMs;
    else assertMatch(reply, /^-TRYAGAIN Shard 0 is not served yet: its new primary is about to begin/);
    assertMatch(await old.ask("GET", "key7"), /^-TRYAGAIN/);
    assert(openMs < 3_000, "it opens");
  }
  for (let i = 0; i < 20; i++) {
    assertEquals(await fresh.ask("GET", `key${i}`), `$${String(i).length}\r\n${i}\r\n`);
  }
  assertEquals(await fresh.ask("SET", "key0", "new"), "+OK\r\n");
  assertMatch(client.take(), /^-UNCERTAIN .* shard 0 has another primary since epoch 2\r\n$/);
  await world.tell(0);
  assertMatch(await old.ask("GET", "key0"), /^-MOVED \d+ 127\.0\.0\.1:8082/);
  await world.stop();
});

Deno.test("A former primary that has what nobody acknowledged is emptied, filled anew and joins; what it had alone is gone", async () => {
  const world = await ClusterWorld.start(2);
  const client = await world.client(0);
  for (let i = 0; i < 20; i++) await client.ask("SET", `key${i}`, `${i}`);
  world.network.cutOff(world.nodes[1]!.port);
  await client.send("SET", "lost", "1");
  await client.send("SET", "key1", "lost");
  await world.pass(1_000);
  world.network.heal(world.nodes[1]!.port);
  await (await world.client(1)).ask("ROUNDEL", "FREEZE", "0", "1");
  world.next(1, [1]);
  await world.tell(1);
  await world.pass(GRACE_MS + 200);
  const fresh = await world.client(1);
  assertEquals(await fresh.ask("SET", "key2", "new"), "+OK\r\n");
  await world.tell(0);
  await world.pass(3_000);
  assertEquals((await world.copy(1)).join, [world.nodes[0]!.id]);
  world.next(1, [0, 1]);
  await world.tellAll();
  await (await world.client(1)).ask("ROUNDEL", "FREEZE", "0", "3");
  await (await world.client(0)).ask("ROUNDEL", "FREEZE", "0", "3");
  world.next(0, [0, 1]);
  await world.tellAll();
  await world.pass(GRACE_MS + 500);
  const again = await world.client(0);
  assertEquals(await again.ask("MGET", "key1", "key2", "lost"), "*3\r\n$1\r\n1\r\n$3\r\nnew\r\n$-1\r\n");
  assertEquals(await again.ask("DBSIZE"), ":20\r\n");
  await world.stop();
});

Deno.test("A primary that is started again does not lead in its old epoch, and does in a newer one", async () => {
  const world = await ClusterWorld.start(2);
  await (await world.client(0)).ask("SET", "a", "1");
  world.kill(0);
  await world.startNode(0);
  const client = await world.client(0);
  await world.pass(2 * GRACE_MS);
  assertMatch(
    await client.ask("GET", "a"),
    /^-TRYAGAIN Shard 0 is not served yet: its primary needs a new epoch/,
  );
  const { role, isLeading, sequence } = await world.copy(0);
  assertEquals([role, isLeading, sequence], ["primary", false, 1]);
  world.next(0, [0, 1]);
  await world.tellAll();
  await world.pass(500);
  assertEquals(await client.ask("GET", "a"), "$1\r\n1\r\n");
  assertEquals(await client.ask("SET", "a", "2"), "+OK\r\n");
  await world.stop();
});

Deno.test("A replica answers nothing by itself, and neither expires nor evicts", async () => {
  const world = await ClusterWorld.start(2);
  const [client, other] = [await world.client(0), await world.client(1)];
  await client.ask("SET", "a", "1", "PX", "300");
  assertMatch(await other.ask("GET", "a"), /^-MOVED \d+ 127\.0\.0\.1:8081/);
  assertEquals(await other.ask("DBSIZE"), ":0\r\n");
  assertEquals((await world.copy(1)).sequence, 1);
  await world.pass(600);
  assertEquals([(await world.copy(0)).sequence, (await world.copy(1)).sequence], [2, 2]);
  await world.stop();
});

Deno.test("WAIT says how many replicas have what was written, INFO who they are and how far they got", async () => {
  const world = await ClusterWorld.start(3, { inSync: [0, 1] });
  const client = await world.client(0);
  await client.send("SET", "a", "1");
  assertEquals(await client.ask("WAIT", "1", "0"), "+OK\r\n:1\r\n");
  await client.send("WAIT", "2", "200");
  await world.pass(100);
  assertEquals(client.take(), "");
  await world.pass(200);
  assertEquals(client.take(), ":1\r\n");
  assertEquals(await client.ask("WAIT", "1", "x"), "-ERR value is not an integer or out of range\r\n");
  await client.send("WAIT", "2", "5000");
  assertEquals((await world.copy(0)).join, [world.nodes[2]!.id]);
  world.next(0, [0, 1, 2]);
  await world.tellAll();
  await world.pass(100);
  assertEquals(client.take(), ":2\r\n");
  assertMatch(
    await client.ask("INFO", "replication"),
    /role:master\r\nconnected_slaves:2\r\nslave0:ip=127\.0\.0\.1,port=8082,state=online,offset=1,lag=0\r\nslave1:/,
  );
  await world.stop();
});

Deno.test("On a link requests of a shard that was refused are refused until the link is told to go on", async () => {
  const world = await ClusterWorld.start(2);
  const client = await world.client(0);
  world.network.cutOff(world.nodes[1]!.port);
  await world.pass(REPLICA_SILENT_MS + LEASE_MS);
  assertEquals(await client.ask("ROUNDEL", "LINK", "b", "r", "lane", "1"), "+OK\r\n");
  assertMatch(await client.ask("GET", "a"), /TRYAGAIN Shard 0 is not served yet: its primary/);
  world.next(0, [0]);
  await world.tell(0);
  await world.pass(20);
  assertMatch(await client.ask("GET", "a"), /TRYAGAIN Shard 0 is not served yet: requests before this one/);
  assertMatch(await client.ask("ROUNDEL", "RESUME", "0"), /\+OK/);
  assertMatch(await client.ask("GET", "a"), /\$-1\r\n/);
  await world.stop();
});

Deno.test("What had expired stays expired under a new primary whose clock is an hour behind, and its time goes on", async () => {
  const HOUR_MS = 60 * 60_000;
  const world = await ClusterWorld.start(3, { aheadMs: [0, -HOUR_MS, -HOUR_MS] });
  const client = await world.client(0);
  await client.ask("SET", "a", "1", "PX", "605");
  await client.ask("SET", "b", "1", "PX", "10000");
  await world.pass(300);
  // From here on the replicas hear nothing more; and the key is looked at before it is removed.
  world.network.cutOff(world.nodes[1]!.port);
  world.network.cutOff(world.nodes[2]!.port);
  await world.pass(300);
  assertEquals(await client.ask("EXISTS", "a"), ":1\r\n");
  await advance(world.clock, 6);
  assertEquals(await client.ask("EXISTS", "a"), ":0\r\n");
  world.kill(0);
  world.network.heal(world.nodes[1]!.port);
  world.network.heal(world.nodes[2]!.port);
  world.next(1, [1, 2]);
  await world.tell(1);
  await world.tell(2);
  await world.pass(GRACE_MS + 200);
  const fresh = await world.client(1);
  assertEquals((await world.copy(1)).isOpen, true);
  assertEquals(await fresh.ask("EXISTS", "a"), ":0\r\n");
  const [, leftMs] = /^:(\d+)/.exec(await fresh.ask("PTTL", "b"))!;
  assert(Number(leftMs) > 7_500 && Number(leftMs) < 9_000, `${leftMs} ms are left of the other's`);
  await world.pass(2_000);
  const [, laterMs] = /^:(\d+)/.exec(await fresh.ask("PTTL", "b"))!;
  assertEquals(Number(leftMs) - Number(laterMs) >= 1_000, true);
  // The third has heard it of the second, and is as far.
  world.next(2, [1, 2]);
  await world.tell(1);
  await world.tell(2);
  await world.pass(GRACE_MS + 200);
  const last = await world.client(2);
  const [, lastMs] = /^:(\d+)/.exec(await last.ask("PTTL", "b"))!;
  assert(
    Number(lastMs) < Number(laterMs),
    `${lastMs} ms are left at the third, ${laterMs} were at the second`,
  );
});

Deno.test("A replica has room for a cap that was raised without its being started again, and gives up nothing by itself", async () => {
  const world = await ClusterWorld.start(2);
  const client = await world.client(0);
  world.topology = { ...world.topology, version: 2, shardCapBytes: 8 * MIB };
  await world.tellAll();
  const value = "x".repeat(MIB);
  for (let i = 0; i < 5; i++) assertEquals(await client.ask("SET", `key${i}`, value), "+OK\r\n");
  await world.pass(500);
  world.kill(0);
  await (await world.client(1)).ask("ROUNDEL", "FREEZE", "0", "1");
  world.next(1, [1]);
  await world.tell(1);
  await world.pass(GRACE_MS + 200);
  assertEquals(await (await world.client(1)).ask("DBSIZE"), ":5\r\n");
  assertEquals((await world.copy(1)).sequence, 5);
});
