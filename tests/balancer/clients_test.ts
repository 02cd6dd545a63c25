/** Clients that are slow, greedy, or broken, and what they may cost. */
import { assertEquals, assertMatch } from "@std/assert";
import { bytesOf } from "../../src/core/bytes.ts";
import {
  CLIENT_WRITE_STALL_MS,
  LARGE_REQUEST_BYTES_MAX,
  MIB,
  PARTIAL_FLUSH_MS,
  PARTIAL_FLUSH_PUT_OFFS,
  READ_BUFFER_BYTES,
} from "../../src/core/limits.ts";
import { ReadBudget } from "../../src/serving/read_buffer.ts";
import { resp, World } from "../support/balancer_world.ts";
import { settle } from "../support/settle.ts";

Deno.test("A client that never reads is dropped, and others go on", async () => {
  const world = await World.start({ clientStallMs: 2_000 });
  const [slow, other] = [await world.client(false), await world.client()];
  const key = world.keyOn(0);
  world.nodes[0]!.data.set(key, "x".repeat(MIB));
  await slow.send(resp("GET", key).repeat(4));
  await world.pass(1_900, 50);
  assertMatch(await other.ask("INFO", "clients"), /dropped_slow_clients:0\r\n/);
  await world.pass(800, 50);
  assertMatch(await other.ask("INFO", "clients"), /connected_clients:1\r\ndropped_slow_clients:1\r\n/);
  assertEquals(await other.ask("SET", key, "1"), "+OK\r\n");
  await world.stop();
});

Deno.test("A client that reads slowly but steadily is kept", async () => {
  const world = await World.start({ clientStallMs: 2_000 });
  const slow = await world.client(false);
  const key = world.keyOn(0);
  world.nodes[0]!.data.set(key, "x".repeat(MIB));
  await slow.send(resp("GET", key));
  const buffer = new Uint8Array(100_000);
  let received = 0;
  while (received < MIB) {
    await world.pass(1_000, 100);
    received += (await slow.connection.read(buffer))!;
  }
  await settle();
  await slow.connection.close();
  assertEquals(received >= MIB, true);
  await world.stop();
});

Deno.test("Who has always taken the replies before the next request, and goes on before one that is slow, waits a moment once", async () => {
  const world = await World.start();
  const client = await world.client();
  const [slow, other] = [world.keyOn(0), world.keyOn(1)];
  for (let i = 0; i < 20; i++) assertEquals(await client.ask("GET", slow), "$-1\r\n");
  world.nodes[0]!.hold();
  await client.send(resp("GET", slow));
  const asked = () => world.nodes[1]!.commands().filter((command) => command.startsWith("SET")).length;
  await client.send(resp("SET", other, "1"));
  assertEquals(asked(), 0);
  await world.pass(PARTIAL_FLUSH_MS * PARTIAL_FLUSH_PUT_OFFS, PARTIAL_FLUSH_MS);
  assertEquals(asked(), 1);
  await client.send(resp("SET", other, "2"));
  assertEquals(asked(), 2, "it is known by now for one that goes on");
  world.nodes[0]!.release();
  await settle();
  assertEquals(client.take(), "$-1\r\n+OK\r\n+OK\r\n");
  await world.stop();
});

Deno.test("Many requests for large values are asked for a few at a time", async () => {
  const world = await World.start();
  const client = await world.client(false);
  const key = world.keyOn(0);
  world.nodes[0]!.data.set(key, "x".repeat(MIB / 4));
  await client.send(resp("GET", key).repeat(100));
  for (let i = 0; i < 10; i++) await settle();
  assertEquals(world.nodes[0]!.requests.length, 16);
  const buffer = new Uint8Array(MIB);
  while (world.nodes[0]!.requests.length === 16) {
    await client.connection.read(buffer);
    await settle();
  }
  for (let i = 0; i < 10; i++) await settle();
  assertEquals(world.nodes[0]!.requests.length, 16 + 3);
  world.nodes[0]!.data.set(key, "small");
  client.read();
  for (let i = 0; i < 100; i++) await settle();
  assertEquals(world.nodes[0]!.requests.length, 100);
  await world.stop();
});

Deno.test("Half a request costs its client a small buffer and nobody anything else, and not for ever", async () => {
  const world = await World.start();
  const half = await Promise.all(Array.from({ length: 20 }, () => world.client()));
  for (const client of half) await client.send("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$60000000\r\nabc");
  const other = await world.client();
  assertEquals(await other.ask("PING"), "+PONG\r\n");
  await world.pass(CLIENT_WRITE_STALL_MS / 2, 1_000);
  for (const client of half.slice(0, 10)) await client.send("more");
  await world.pass(CLIENT_WRITE_STALL_MS * 0.7, 1_000);
  assertEquals(half.map((client) => client.isClosed), half.map((_, i) => i >= 10));
  await world.pass(CLIENT_WRITE_STALL_MS, 1_000);
  assertEquals(half.map((client) => client.isClosed), half.map(() => true));
  assertEquals(other.isClosed, false);
  await world.stop();
});

Deno.test("A budget for large requests gives what there is and no more", () => {
  const budget = new ReadBudget();
  assertEquals(budget.take(LARGE_REQUEST_BYTES_MAX), true);
  assertEquals(budget.take(READ_BUFFER_BYTES), false);
  budget.give(LARGE_REQUEST_BYTES_MAX);
  assertEquals(budget.take(READ_BUFFER_BYTES), true);
});

Deno.test("A client that breaks off in the middle of a pipeline leaves nothing behind", async () => {
  const world = await World.start();
  const [client, other] = [await world.client(), await world.client()];
  world.nodes[0]!.hold();
  await client.send(resp("SET", world.keyOn(0), "1").repeat(10));
  client.connection.cut();
  world.nodes[0]!.release();
  await settle();
  assertMatch(await other.ask("INFO", "clients"), /connected_clients:1\r\n/);
  assertMatch(await other.ask("INFO", "stats"), /upstream_requests_in_flight:0\r\n/);
  await world.stop();
});

Deno.test("A client beyond the limit is told so and refused", async () => {
  const world = await World.start({ clientCountMax: 1 });
  const [first, second] = [await world.client(), await world.client()];
  await settle();
  assertEquals(second.take(), "-ERR max number of clients reached\r\n");
  assertEquals(second.isClosed, true);
  assertEquals(await first.ask("PING"), "+PONG\r\n");
  first.connection.close();
  await settle();
  assertEquals(await (await world.client()).ask("PING"), "+PONG\r\n");
  await world.stop();
});

Deno.test("A balancer is healthy when it serves and no node is missing", async () => {
  const world = World.nodesOnly();
  world.balancer = world.make();
  assertEquals(world.balancer.health().isHealthy, false);
  await world.balancer.start();
  assertEquals(world.balancer.health(), {
    isHealthy: true,
    clients: 0,
    nodes: [8081, 8082].map((port) => ({ address: `127.0.0.1:${port}`, state: "ready" as const, cause: "" })),
    shardsWithoutPrimary: [],
    shardsShortOfCopies: [],
  });
  world.nodes[1]!.stop();
  await settle();
  assertEquals(world.balancer.health().isHealthy, false);
  await world.stop();
});

Deno.test("Two thousand clients are served at once", async () => {
  const world = await World.start();
  const clients = await Promise.all(Array.from({ length: 2_000 }, () => world.client()));
  const key = world.keyOn(0);
  for (const client of clients) client.connection.write(bytesOf(resp("INCR", key)));
  for (let i = 0; i < 20; i++) await settle();
  const replies = clients.map((client) => Number(client.take().slice(1))).sort((a, b) => a - b);
  assertEquals(replies, Array.from({ length: 2_000 }, (_, i) => i + 1));
  await world.stop();
});
