/** A node's promises, on a disk that forgets and a network that waits: durability, what reads reveal, failures. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { RefusalError } from "../../src/core/errors.ts";
import { DUMP_PAUSE_MS } from "../../src/core/limits.ts";
import { settle } from "../support/settle.ts";
import { type NodeClient, NodeWorld } from "./node_world.ts";

const MIB = 1024 * 1024;

Deno.test("A write is answered only once it is synced, and a read of it waits as well; other reads do not", async () => {
  const world = new NodeWorld();
  await world.start();
  const [writer, reader] = [await world.client(), await world.client()];
  assertEquals(await writer.ask("SET", "other", "1"), "+OK\r\n");
  world.disk.holdSyncs();
  assertEquals(await writer.ask("SET", "key", "new"), "");
  assertEquals(await reader.ask("GET", "other"), "$1\r\n1\r\n");
  assertEquals(await reader.ask("GET", "key"), "");
  world.disk.releaseSyncs();
  await settle();
  assertEquals([writer.take(), reader.take()], ["+OK\r\n", "$3\r\nnew\r\n"]);
  await world.stop();
});

Deno.test("A read that finds nothing waits for the delete that it reveals", async () => {
  const world = new NodeWorld();
  await world.start();
  const [writer, reader] = [await world.client(), await world.client()];
  assertEquals(await writer.ask("SET", "key", "1"), "+OK\r\n");
  world.disk.holdSyncs();
  assertEquals(await writer.ask("DEL", "key"), "");
  assertEquals([await reader.ask("GET", "key"), await reader.ask("DBSIZE")], ["", ""]);
  world.disk.releaseSyncs();
  await settle();
  assertEquals([writer.take(), reader.take()], [":1\r\n", "$-1\r\n:0\r\n"]);
  await world.stop();
});

Deno.test("With everysec a write is answered before it is synced", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "everysec" });
  const client = await world.client();
  world.disk.holdSyncs();
  assertEquals(await client.ask("SET", "key", "1"), "+OK\r\n");
  world.disk.releaseSyncs();
  await world.stop();
});

Deno.test("A failed sync refuses writes and reads of what was not committed, for good, and serves the rest", async () => {
  const world = new NodeWorld();
  await world.start();
  const [client, other] = [await world.client(), await world.client()];
  assertEquals(await client.ask("SET", "safe", "1"), "+OK\r\n");
  world.disk.failSyncs = new Error("Input/output error (os error 5)");
  // It ran, and nobody knows what becomes of it; what is refused before it runs may be repeated.
  assertMatch(await client.ask("SET", "lost", "1"), /^-UNCERTAIN .*Cannot sync log: Input\/output error/);
  assertMatch(await client.ask("SET", "later", "1"), /^-READONLY Cannot sync log/);
  assertMatch(await other.ask("GET", "lost"), /^-UNCERTAIN /);
  assertEquals(await other.ask("GET", "safe"), "$1\r\n1\r\n");
  assertMatch(await other.ask("DBSIZE"), /^-UNCERTAIN /);
  assertEquals(await other.ask("PING"), "+PONG\r\n");
  world.disk.failSyncs = null;
  world.clock.advance(10_000);
  assertMatch(await client.ask("SET", "later", "1"), /^-READONLY /);
  assertMatch(await client.ask("INFO", "persistence"), /write_refusal:Cannot sync log/);
  world.losePower();
  await world.start();
  const again = await world.client();
  assertEquals(await again.ask("GET", "safe"), "$1\r\n1\r\n");
  assertEquals(await again.ask("SET", "later", "1"), "+OK\r\n");
  await world.stop();
});

Deno.test("A loss of power at any moment loses nothing acknowledged, and leaves no request half there", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const world = new NodeWorld(seed);
    const acknowledged = new Map<string, number>();
    const sent = new Map<string, number>();
    for (let round = 0, version = 0; round < 4; round++) {
      await world.start({ maxMemoryBytes: MIB });
      const client = await world.client();
      for (const [key, least] of acknowledged) {
        const [, a, b] = /^\*2\r\n\$\d+\r\n(\d+)\r\n\$\d+\r\n(\d+)\r\n$/.exec(
          await client.ask("MGET", `${key}:a`, `${key}:b`),
        ) ?? [];
        assertEquals(a, b, `seed ${seed}: ${key} is half there`);
        assert(Number(a) >= least && Number(a) <= sent.get(key)!, `seed ${seed}: ${key} ${a} ${least}`);
      }
      const writes = world.random.u32() % 40;
      for (let i = 0; i < writes; i++) {
        const key = `k${world.random.u32() % 10}`;
        sent.set(key, ++version);
        const isLast = i === writes - 1 && round % 2 === 0;
        if (isLast) world.disk.holdSyncs();
        const reply = await client.ask("MSET", `${key}:a`, `${version}`, `${key}:b`, `${version}`);
        if (reply === "+OK\r\n") acknowledged.set(key, version);
        else assert(isLast, `seed ${seed}: ${reply}`);
        if (world.random.u32() % 20 === 0) await client.ask("BGSAVE");
      }
      world.losePower();
    }
  }
});

Deno.test("A dump during which everything is flushed is begun anew, and the next start holds what came after", async () => {
  const world = new NodeWorld();
  await world.start();
  const client = await world.client();
  for (let i = 0; i < 2000; i++) await client.send("SET", `before:${i}`, "v".repeat(500));
  client.take();
  await client.send("BGSAVE");
  await client.send("FLUSHALL");
  await client.send("SET", "after", "1");
  assertEquals(client.take(), "+Background saving started\r\n+OK\r\n+OK\r\n");
  for (let i = 0; i < 50 && !(await client.ask("INFO", "persistence")).includes("dump_count:1"); i++) {
    world.clock.advance(1);
    await settle();
  }
  assertMatch(await client.ask("INFO", "persistence"), /rdb_last_bgsave_status:ok[^]*dump_count:1/);
  world.losePower();
  await world.start();
  const again = await world.client();
  assertEquals([await again.ask("DBSIZE"), await again.ask("GET", "after")], [":1\r\n", "$1\r\n1\r\n"]);
  await world.stop();
});

/** A node with some chunks of a dump's data, and two clients of it. */
async function worldWithEntries(): Promise<{ world: NodeWorld; client: NodeClient; other: NodeClient }> {
  const world = new NodeWorld();
  await world.start();
  const [client, other] = [await world.client(), await world.client()];
  for (let i = 0; i < 30; i++) await client.send("SET", `k${i}`, "v".repeat(64 * 1024));
  client.take();
  return { world, client, other };
}

const DUMP = "data/dump_8081.data";

Deno.test("A dump in the background pauses while others are served, and goes on when they are not", async () => {
  const { world, client } = await worldWithEntries();
  await client.sendText("BGSAVE\nGET missing\n");
  await settle();
  assertEquals(client.take(), "Background saving started\n(nil)\n");
  assertEquals(world.disk.paths.includes(DUMP), false);
  world.clock.advance(DUMP_PAUSE_MS);
  await settle();
  assertEquals(world.disk.paths.includes(DUMP), true);
  await world.stop();
});

Deno.test("A dump that a client waits for does not pause for others", async () => {
  const { world, client, other } = await worldWithEntries();
  await Promise.all([client.send("SAVE"), other.send("GET", "missing")]);
  await settle();
  assertEquals([client.take(), other.take()], ["+OK\r\n", "$-1\r\n"]);
  await world.stop();
});

Deno.test("A node that is stopped ends its dump without a further pause", async () => {
  const { world, client } = await worldWithEntries();
  await client.sendText("BGSAVE\nGET missing\n");
  assertEquals(world.disk.paths.includes(DUMP), false);
  await world.stop();
  assertEquals(world.disk.paths.includes(DUMP), true);
});

Deno.test("What a lower cap pushed out at a start stays away at later ones", async () => {
  const world = new NodeWorld();
  await world.start({ maxMemoryBytes: 2 * MIB });
  const client = await world.client();
  for (let i = 0; i < 1000; i++) await client.send("SET", `k${i}`, "v".repeat(1000));
  await world.stop();
  await world.start({ maxMemoryBytes: MIB });
  const smaller = await world.client();
  assertEquals(await smaller.ask("GET", "k0"), "$-1\r\n");
  assertMatch(await smaller.ask("GET", "k999"), /^\$1000\r\n/);
  const kept = await smaller.ask("DBSIZE");
  await world.stop();
  await world.start({ maxMemoryBytes: 2 * MIB });
  const again = await world.client();
  assertEquals([await again.ask("GET", "k0"), await again.ask("DBSIZE")], ["$-1\r\n", kept]);
  await world.stop();
});

Deno.test("Keys expire by themselves in bounded steps, are logged as deletes, and stay away after a start", async () => {
  const world = new NodeWorld();
  await world.start();
  const client = await world.client();
  for (let i = 0; i < 3000; i++) await client.send("SET", `k${i}`, "v", "PX", "1000");
  await client.send("SET", "stays", "v");
  client.take();
  world.clock.advance(1001);
  await settle();
  assertEquals(await client.ask("GET", "k1"), "$-1\r\n");
  for (let i = 0; i < 100; i++) world.clock.advance(10);
  assertEquals(await client.ask("DBSIZE"), ":1\r\n");
  assertMatch(await client.ask("INFO", "stats"), /expired_keys:3000/);
  await world.stop();
  await world.start();
  const again = await world.client();
  assertEquals([await again.ask("DBSIZE"), await again.ask("GET", "stays")], [":1\r\n", "$1\r\nv\r\n"]);
  await world.stop();
});

Deno.test("A folder written standalone is not taken into a cluster, nor the other way round", async () => {
  const world = new NodeWorld();
  await world.start();
  await world.stop();
  await assertRejects(() => world.start({ standalone: false }), RefusalError, "--standalone");
});

Deno.test("A node without a topology says what to do, and refuses one that does not name it", async () => {
  const world = new NodeWorld();
  await world.start({ standalone: false });
  const client = await world.client();
  assertMatch(await client.ask("GET", "k"), /^-CLUSTERDOWN .*start a balancer/);
  assertMatch(await client.ask("ROUNDEL", "TOPOLOGY", "{}"), /^-ERR /);
  assertMatch(await client.ask("ROUNDEL", "NOSUCH"), /^-ERR /);
  await world.stop();
});
