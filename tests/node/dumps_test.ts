/** When dumps are tried again that could not be written. */
import { assertEquals, assertMatch } from "@std/assert";
import { advance } from "../support/settle.ts";
import { NodeWorld } from "./node_world.ts";

const HOUR_MS = 3_600_000;

function failures(world: NodeWorld): unknown[] {
  return world.logger.of("dump failed").map(({ fields }) => fields["retryMs"]);
}

Deno.test("A dump that cannot be written is tried again after pauses that double, and INFO names the next", async () => {
  const world = new NodeWorld();
  await world.start({ dumpIntervalMs: HOUR_MS });
  const client = await world.client();
  await client.ask("SET", "a", "1");
  // A folder cannot be replaced by the dump.
  await world.disk.makeDirectory("data/dump_8081.data.tmp");
  await advance(world.clock, HOUR_MS);
  assertEquals(failures(world), [5_000]);
  assertMatch(await client.ask("INFO", "persistence"), /\r\ndump_retry_ms:5000\r\n/);
  await advance(world.clock, 5_000);
  await advance(world.clock, 9_000);
  assertEquals(failures(world), [5_000, 10_000]);
  await advance(world.clock, 1_000);
  assertEquals(failures(world), [5_000, 10_000, 20_000]);
  await world.stop();
});

Deno.test("A clock that is set does not put a dump off", async () => {
  const world = new NodeWorld();
  await world.start({ dumpIntervalMs: HOUR_MS });
  const client = await world.client();
  await client.ask("SET", "a", "1");
  world.clock.jumpTo(world.clock.nowMs() - 24 * HOUR_MS);
  await advance(world.clock, HOUR_MS);
  assertEquals(world.logger.of("dump written").length, 1);
  assertMatch(await client.ask("INFO", "server"), /\r\nuptime_in_seconds:3600\r\n/);
  await world.stop();
});

Deno.test("A client that asks again and again for a dump that fails makes one line in the log", async () => {
  const world = new NodeWorld();
  await world.start();
  const client = await world.client();
  await world.disk.makeDirectory("data/dump_8081.data.tmp");
  for (let i = 0; i < 20; i++) assertMatch(await client.ask("SAVE"), /^-ERR /);
  assertEquals(failures(world).length, 1);
  await world.stop();
});

Deno.test("A node tells its status: what it keeps, and why it takes no writes", async () => {
  const world = new NodeWorld();
  await world.start();
  const client = await world.client();
  await client.ask("SET", "a", "1", "EX", "100");
  await client.ask("SET", "b", "1");
  assertMatch(await client.ask("ROUNDEL", "STATUS"), /\{"entries":2,"expiring":1,.*"writeRefusal":""\}/);
  world.disk.failSyncs = new Error("Input/output error (os error 5)");
  await client.ask("SET", "c", "1");
  assertMatch(await client.ask("ROUNDEL", "STATUS"), /"writeRefusal":".*Input\/output error/);
  world.disk.failSyncs = null;
  await world.stop();
});
