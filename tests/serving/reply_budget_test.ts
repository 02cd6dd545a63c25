/** Memory for the replies of all clients, and for their large requests: who waits for whom, and who makes room. */
import { assert, assertEquals } from "@std/assert";
import { MIB, READ_BUFFER_BYTES, REPLY_BUDGET_BYTES, REQUEST_SILENCE_MS_MIN } from "../../src/core/limits.ts";
import { type Connection, writeAll } from "../../src/io/network.ts";
import { bytesOf, latin1Of } from "../../src/core/bytes.ts";
import { ReadBudget, ReadBuffer } from "../../src/serving/read_buffer.ts";
import { ReplyBudget, type ReplyHolder } from "../../src/serving/reply_budget.ts";
import { NodeWorld } from "../node/node_world.ts";
import { resp } from "../support/balancer_world.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/settle.ts";

Deno.test("Long replies come in turn, each when there is room for it", async () => {
  const budget = new ReplyBudget(100);
  const turns: string[] = [];
  const wait = (name: string, bytes: number) => budget.turn(bytes).then(() => turns.push(name));
  budget.take(90);
  wait("a", 40);
  wait("b", 5);
  wait("c", 1_000);
  budget.give(20);
  await settle();
  assertEquals(turns, [], "b does not overtake a");
  budget.give(20);
  await settle();
  assertEquals(turns, ["a"]);
  budget.take(40);
  budget.passOn();
  await settle();
  assertEquals(turns, ["a", "b"]);
  budget.passOn();
  budget.give(50);
  await settle();
  assertEquals(turns, ["a", "b"], "c fits only when there is nothing else");
  budget.give(40);
  await settle();
  assertEquals(turns, ["a", "b", "c"]);
});

Deno.test("Of those that hold replies the one that holds the most is given up, beyond twice the budget", () => {
  const budget = new ReplyBudget(100);
  const given: number[] = [];
  const holders = [30, 150, 20].map((heldBytes): ReplyHolder => ({
    heldBytes,
    giveUp: () => given.push(heldBytes),
  }));
  for (const holder of holders) budget.join(holder);
  budget.take(200);
  assertEquals(given, []);
  budget.take(1);
  assertEquals(given, [150]);
});

/** Reads to the end of a reply of `byteCount` bytes; its first few bytes, and how many were missing. */
async function readReply(
  connection: Connection,
  byteCount: number,
): Promise<[beginning: string, missing: number]> {
  const buffer = new Uint8Array(MIB);
  let beginning = "";
  let left = byteCount;
  while (left > 0) {
    const count = await connection.read(left < buffer.length ? buffer.subarray(0, left) : buffer);
    if (count === null) break;
    if (beginning.length < 20) beginning += latin1Of(buffer, 0, Math.min(count, 20));
    left -= count;
  }
  return [beginning.slice(0, 20), left];
}

Deno.test("Clients that ask for much and do not read hold up nobody else, and get it all when they read", async () => {
  const world = new NodeWorld();
  await world.start({ maxMemoryBytes: 64 * MIB, fsync: "no", clientStallMs: 600_000 });
  const other = await world.client();
  const value = "x".repeat(10 * MIB);
  const writer = await world.connect();
  await writeAll(writer, bytesOf(resp("SET", "big", value)));
  await settle();
  await other.ask("SET", "small", "1");
  await other.ask("SET", "medium", value.slice(0, 100_000));
  const greedy = await Promise.all(Array.from({ length: 3 }, () => world.connect()));
  for (const connection of greedy) {
    await writeAll(connection, bytesOf(resp("GET", "small") + resp("MGET", "big", "big", "big").repeat(3)));
    await settle();
  }
  for (let i = 0; i < 3; i++) assertEquals(await other.ask("GET", "small"), "$1\r\n1\r\n");
  assertEquals(await other.ask("MGET", "small", "none"), "*2\r\n$1\r\n1\r\n$-1\r\n");
  assertEquals((await other.ask("GET", "medium")).length, "$100000\r\n".length + 100_000 + 2);
  const replyBytes = 7 + 3 * (4 + 3 * (`$${value.length}\r\n`.length + value.length + 2));
  assert(greedy.length * replyBytes > REPLY_BUDGET_BYTES, "there is not room for all at a time");
  const replies = await Promise.all(greedy.map((connection) => readReply(connection, replyBytes)));
  assertEquals(replies, greedy.map(() => ["$1\r\n1\r\n*3\r\n$10485760", 0]));
  for (const connection of greedy) connection.close();
  await world.stop();
});

Deno.test("A new large request takes the room of one of which nothing has come for a while, of the longest silent first", async () => {
  const clock = new FakeClock();
  const budget = new ReadBudget(2 * READ_BUFFER_BYTES, 0, clock);
  const dropped: string[] = [];
  const buffers = ["a", "b", "c"].map((name) => {
    const buffer: ReadBuffer = new ReadBuffer(budget, READ_BUFFER_BYTES, {
      drop: () => {
        dropped.push(name);
        queueMicrotask(() => buffer.release());
      },
    });
    return buffer;
  });
  const fill = (buffer: ReadBuffer) => buffer.filled(buffer.room().length);
  for (const buffer of buffers) {
    buffer.ensureRoom(0);
    fill(buffer);
    clock.advance(10);
  }
  const [a, b, c] = [buffers[0]!, buffers[1]!, buffers[2]!];
  assertEquals([a, b, c].map((buffer) => buffer.ensureRoom(0)), [true, true, false]);
  assertEquals([c.relief(), dropped], [null, []], "both are at it");
  clock.advance(REQUEST_SILENCE_MS_MIN / 2);
  a.filled(1);
  clock.advance(REQUEST_SILENCE_MS_MIN / 2);
  await c.relief();
  assertEquals(dropped, ["b"]);
  assertEquals(c.ensureRoom(0), true);
});
