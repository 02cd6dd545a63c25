/** A node that has as much as it may hold: who waits, who does not, and that all goes on afterwards. */
import { assert, assertEquals } from "@std/assert";
import { MIB } from "../../src/core/limits.ts";
import { bytesOf } from "../../src/core/bytes.ts";
import { settle } from "../support/settle.ts";
import { NodeWorld } from "./node_world.ts";

Deno.test("A log that waits for the disk keeps no reader waiting, and writers of much get every reply once it goes on", async () => {
  const world = new NodeWorld();
  await world.start({ maxMemoryBytes: 128 * MIB });
  const reader = await world.client();
  assertEquals(await reader.ask("SET", "before", "1"), "+OK\r\n");
  world.disk.holdSyncs();
  const value = "v".repeat(MIB);
  const writers = await Promise.all(Array.from({ length: 3 }, () => world.client()));
  await writers[0]!.send("SET", "first", value);
  assertEquals(await reader.ask("GET", "before"), "$1\r\n1\r\n");

  // Together more than a log may hold back.
  const sending = writers.map(async (writer, i) => {
    for (let key = 0; key < 7; key++) await writer.send("SET", `w${i}:${key}`, value);
  });
  for (let turn = 0; turn < 50; turn++) await settle();
  assertEquals(await reader.ask("GET", "before"), "$1\r\n1\r\n");
  await reader.sendText("GET before\nSET after 1\nGET before\n");
  assertEquals(reader.take(), "1\n", "in order: behind its own write");
  for (const writer of writers) assert(writer.isQuiet, "nothing is acknowledged that is not on the disk");
  world.disk.releaseSyncs();
  await Promise.all(sending);
  for (let turn = 0; turn < 50; turn++) await settle();
  assertEquals(reader.take(), "OK\n1\n");
  assertEquals(writers.map((writer) => writer.take()), [8, 7, 7].map((count) => "+OK\r\n".repeat(count)));
  await world.stop();
});

Deno.test("A client that does not read its replies is not read either, and the others are served", async () => {
  const world = new NodeWorld();
  await world.start();
  const writer = await world.client();
  await writer.send("SET", "large", "v".repeat(MIB));
  assertEquals(writer.take(), "+OK\r\n");
  const greedy = await world.connect();
  const request = bytesOf("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n".repeat(20_000));
  let at = 0;
  const sending = (async () => {
    while (at < request.length) at += await greedy.write(request.subarray(at));
  })().catch(() => {});
  for (let turn = 0; turn < 50; turn++) await settle();
  assert(at < request.length, "the node has stopped reading");
  assertEquals(await writer.ask("GET", "none"), "$-1\r\n");
  greedy.close();
  await sending;
  await world.stop();
});

Deno.test("Large replies that nobody reads are bounded for all clients together, and small ones go on", async () => {
  const world = new NodeWorld();
  await world.start({ maxMemoryBytes: 128 * MIB, fsync: "no" });
  const writer = await world.client();
  assertEquals(await writer.ask("SET", "large", "v".repeat(50 * MIB)), "+OK\r\n");
  const greedy = await world.connect();
  await greedy.write(bytesOf("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n"));
  await settle();
  const patient = await world.client();
  assertEquals(await patient.ask("GET", "large"), "", "there is no room for its reply");
  assertEquals(await writer.ask("GET", "none"), "$-1\r\n");
  greedy.close();
  let received = 0;
  for (let turn = 0; turn < 1_000 && received < 50 * MIB; turn++) {
    await settle();
    received += patient.take().length;
  }
  assert(received > 50 * MIB, "what was given back serves who has waited");
  await world.stop();
});
