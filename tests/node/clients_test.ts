/** Many clients of one node, which share what their requests are run with: none sees anything of another. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { LINK_HANDSHAKE_MS, ONE_SHOT_CLOSE_MS, REPLY_BLOCK_BYTES } from "../../src/core/limits.ts";
import { writeAll } from "../../src/io/network.ts";
import { advance, settle } from "../support/settle.ts";
import { NodeWorld } from "./node_world.ts";

const SET = "*3\r\n$3\r\nSET\r\n";

Deno.test("Clients whose requests arrive in pieces, byte by byte in turn, each get their own answers", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no" });
  const clients = await Promise.all(Array.from({ length: 20 }, () => world.client()));
  const texts = clients.map((_, i) =>
    i % 2 === 0
      ? `${SET}$4\r\nkey${i % 10}\r\n$2\r\n${10 + i}\r\n*2\r\n$4\r\nECHO\r\n$3\r\na${10 + i}\r\n`
      : `SET text${i} ${10 + i}\nECHO "a ${i}"\n`
  );
  for (let at = 0; texts.some(({ length }) => at < length); at++) {
    for (const [i, client] of clients.entries()) {
      if (at < texts[i]!.length) await client.sendText(texts[i]![at]!);
    }
  }
  await settle();
  assertEquals(
    clients.map((client) => client.take()),
    clients.map((_, i) => i % 2 === 0 ? `+OK\r\n$3\r\na${10 + i}\r\n` : `OK\na ${i}\n`),
  );
  await world.stop();
});

Deno.test("What a client is sent while it does not read stays as it was, whatever others are sent meanwhile", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no" });
  const [writer, other] = [await world.client(), await world.client()];
  const value = "v".repeat(1_000);
  assertEquals(await writer.ask("SET", "key", value), "+OK\r\n");
  const slow = await world.connect();
  const requests = 400;
  // More than the connection takes: the rest of the replies waits at the node.
  await slow.write(bytesOf("GET key\n".repeat(requests)));
  await settle();
  const noise = "n".repeat(2_000);
  for (let sent = 0; sent < 4 * REPLY_BLOCK_BYTES; sent += noise.length) {
    assertEquals(await other.ask("ECHO", noise), `$2000\r\n${noise}\r\n`);
  }
  const buffer = new Uint8Array(64 * 1024);
  let received = "";
  while (received.length < requests * (value.length + 1)) {
    const count = await slow.read(buffer);
    assert(count !== null);
    received += textOf(buffer, 0, count);
  }
  assertEquals(received, `${value}\n`.repeat(requests));
  slow.close();
  await world.stop();
});

Deno.test("Each client is answered in the protocol version that it chose, whoever was served before", async () => {
  const world = new NodeWorld();
  await world.start();
  const [old, young] = [await world.client(), await world.client()];
  assertMatch(await young.ask("HELLO", "3"), /^%/);
  for (let round = 0; round < 3; round++) {
    assertEquals([await old.ask("GET", "none"), await young.ask("GET", "none")], ["$-1\r\n", "_\r\n"]);
  }
  await world.stop();
});

Deno.test("While one client waits for a dump others are answered, and it gets its own answer in the end", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no" });
  const [saver, other] = [await world.client(), await world.client()];
  await saver.ask("SET", "key", "value");
  world.disk.holdSyncs();
  assertEquals(await saver.ask("SAVE"), "");
  for (let i = 0; i < 5; i++) assertEquals(await other.ask("ECHO", `${i}`), `$1\r\n${i}\r\n`);
  world.disk.releaseSyncs();
  for (let i = 0; i < 20 && saver.isQuiet; i++) {
    world.clock.advance(1);
    await settle();
  }
  assertEquals([saver.take(), other.take()], ["+OK\r\n", ""]);
  await world.stop();
});

Deno.test("A connection that asks for a transaction or another database is closed, and nothing behind runs", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no" });
  const other = await world.client();
  for (const first of ["MULTI", "SELECT 1"]) {
    const client = await world.client();
    await client.sendText(`${first}\r\nSET a 1\r\nEXEC\r\n`);
    assertMatch(client.take(), /^-ERR [^\r]*\r\n$/);
  }
  assertEquals(await other.ask("GET", "a"), "$-1\r\n");
  await world.stop();
});

Deno.test("KEYS that takes several turns lets others be served between, and its client's next request waits", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no" });
  const [client, other] = [await world.client(), await world.client()];
  for (let i = 0; i < 2_000; i += 500) {
    await client.send("MSET", ...Array.from({ length: 500 }, (_, j) => [`k${i + j}`, "v"]).flat());
  }
  client.take();
  // Each look at the clock takes a fifth of a millisecond, so that a step is some hundred keys.
  let lookedMs = 0;
  const elapsedMs = world.clock.monotonicMs.bind(world.clock);
  world.clock.monotonicMs = () => elapsedMs() + (lookedMs += 0.2);
  await client.sendText("KEYS *\r\nSET late 1\r\n");
  assertEquals(await other.ask("GET", "late"), "$-1\r\n");
  assert(client.isQuiet);
  while (client.isQuiet) {
    world.clock.advance(1);
    await settle();
  }
  await settle();
  const reply = client.take();
  assertMatch(reply, /^\*2000\r\n/);
  assertMatch(reply, /\+OK\r\n$/);
  await world.stop();
});

Deno.test("After a request of very many keys others are served before the client's next one", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no" });
  const [client, other] = [await world.client(), await world.client()];
  const keys = Array.from({ length: 5_000 }, (_, i) => `k${i}`).join(" ");
  await client.sendText(`EXISTS ${keys}\r\nSET late 1\r\nEXISTS late\r\n`);
  assertEquals(await other.ask("GET", "late"), "$-1\r\n");
  world.clock.advance(0);
  await settle();
  assertEquals(client.take(), ":0\r\n+OK\r\n:1\r\n");
  assertEquals(await other.ask("GET", "late"), "$1\r\n1\r\n");
  await world.stop();
});

/** A `GET` of `key`, and what of a `SET` does not come at once. */
const GET_KEY = "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
const SET_BEGUN = `${SET}$6\r\nbehind\r\n$3\r\n`;

Deno.test("A request that has come in part, behind others that a batch leaves for the next, is run as it was sent", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no" });
  const value = "v".repeat(700 * 1024);
  const client = await world.client();
  assertEquals(await client.ask("SET", "key", value), "+OK\r\n");
  const found = `$${value.length}\r\n${value}\r\n`;
  // SAVE takes longer than its turn; the replies to two GETs are as much as one batch may say.
  for (const [first, reply] of [["SAVE\r\n", "+OK\r\n"], [GET_KEY + GET_KEY, found + found]] as const) {
    await client.sendText(`${first}${SET}$1\r\na\r\n$1\r\n1\r\n${SET_BEGUN}`);
    await settle();
    await client.sendText("abc\r\n");
    await settle();
    await client.sendText("GET behind\r\n");
    assertEquals(client.take(), `${reply}+OK\r\n+OK\r\n$3\r\nabc\r\n`);
  }
  await world.stop();
});

Deno.test("What cannot be understood is answered behind the requests before it, though a batch leaves them for the next", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no" });
  const value = "v".repeat(700 * 1024);
  const client = await world.client();
  assertEquals(await client.ask("SET", "key", value), "+OK\r\n");
  await client.sendText(`${GET_KEY}${GET_KEY}${GET_KEY}*1\r\n:1\r\n`);
  await settle();
  const found = `$${value.length}\r\n${value}\r\n`;
  assertEquals(client.take(), `${found.repeat(3)}-ERR Protocol error: expected '$', got ':'\r\n`);
  await world.stop();
});

Deno.test("A lone text line that takes longer than its turn ends its connection as any other does, a RESP one does not", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no" });
  for (
    const [request, reply, isClosed] of [["SAVE\n", "OK\n", true], ["SAVE\r\n", "+OK\r\n", false]] as const
  ) {
    const client = await world.client();
    await client.sendText(request);
    await settle();
    assertEquals(client.take(), reply);
    await advance(world.clock, ONE_SHOT_CLOSE_MS);
    assertEquals(client.isClosed, isClosed, request);
  }
  await world.stop();
});

Deno.test("A node that has all its clients takes a balancer's link, and nobody else", async () => {
  const world = new NodeWorld();
  await world.start({ clientCountMax: 2, standalone: false });
  const clients = [await world.client(), await world.client()];
  for (const client of clients) assertEquals(await client.ask("PING"), "+PONG\r\n");
  const third = await world.client();
  assertEquals(await third.ask("PING"), "-ERR max number of clients reached\r\n");
  const silent = await world.client();
  const link = await world.client();
  assertStringIncludes(await link.ask("ROUNDEL", "IDENTITY"), '"id"');
  assertEquals(await link.ask("ROUNDEL", "LINK", "cluster", "run", "data", "0"), "+OK\r\n");
  world.clock.advance(LINK_HANDSHAKE_MS);
  await settle();
  assertEquals([silent.isClosed, link.isClosed, clients[0]!.isClosed], [true, false, false]);
  await link.send("PING");
  assertStringIncludes(link.take(), "+PONG\r\n");
  await world.stop();
});

Deno.test("CLIENT LIST says what each connection holds: of a request that has not all arrived, and of replies that nobody takes", async () => {
  const world = new NodeWorld();
  await world.start();
  const [asking, sending] = [await world.client(), await world.client()];
  assertEquals(await asking.ask("SET", "large", "v".repeat(100_000)), "+OK\r\n");
  await sending.sendText("*2\r\n$3\r\nGET\r\n$5\r\nla");
  const idle = await world.connect();
  for (let i = 0; i < 20; i++) await writeAll(idle, bytesOf("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n"));
  await settle();
  world.clock.advance(3_000);
  world.clock.jumpTo(0);
  const list = await asking.ask("CLIENT", "LIST");
  const figures = [
    ...list.matchAll(/ idle=(\d+) .* qbuf=(\d+) qbuf-free=\d+ .* omem=(\d+) .* events=(\S+)/g),
  ];
  const [own, partial, greedy] = figures.map(([, ...each]) => each) as [string[], string[], string[]];
  assertEquals([own[0], own[2], own[3]], ["0", "0", "r"]);
  assertEquals(partial, ["3", "19", "0", "r"]);
  assertEquals([greedy[0], greedy[3]], ["3", "rw"]);
  assert(Number(greedy[2]) >= 100_000, list);
  idle.close();
  await world.stop();
});
