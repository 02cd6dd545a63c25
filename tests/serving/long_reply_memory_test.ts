/** Memory for long replies: where their parts lie, and who waits for whom. */
import { assert, assertEquals } from "@std/assert";
import { KIB, MIB } from "../../src/core/limits.ts";
import { LONG_REPLY_FRAMING_BYTES } from "../../src/core/reply_limits.ts";
import { LongReplyMemory } from "../../src/serving/long_reply_memory.ts";
import type { ReplyBlock } from "../../src/serving/reply_buffer.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/settle.ts";
import { TickingClock } from "../support/ticking_clock.ts";

const FRAMING = LONG_REPLY_FRAMING_BYTES;

function placeOf({ bytes }: ReplyBlock): [start: number, length: number] {
  return [bytes.byteOffset, bytes.length];
}

Deno.test("Long replies lie side by side, and one that is written makes room for the next as near to the front as it fits", async () => {
  const memory = new LongReplyMemory(10 * MIB);
  const clock = new FakeClock();
  const take = (bytes: number) => memory.whenRoom(bytes - FRAMING, clock);
  const [a, b, c] = [await take(2 * MIB), await take(3 * MIB), await take(MIB)];
  assertEquals([a, b, c].map(placeOf), [[0, 2 * MIB], [2 * MIB, 3 * MIB], [5 * MIB, MIB]]);
  b.release();
  assertEquals(placeOf(await take(4 * MIB)), [6 * MIB, 4 * MIB]);
  const d = memory.take(MIB - FRAMING)!;
  const e = memory.take(2 * MIB - FRAMING)!;
  assertEquals([d, e].map(placeOf), [[2 * MIB, MIB], [3 * MIB, 2 * MIB]]);
  assertEquals(memory.take(MIB - FRAMING), null);
});

Deno.test("Who finds no room for a long reply waits in turn, and nobody overtakes", async () => {
  const memory = new LongReplyMemory(4 * MIB);
  const clock = new FakeClock();
  const held = [1, 2, 3, 4].map(() => memory.whenRoom(MIB - FRAMING, clock));
  const blocks = await Promise.all(held);
  const got: string[] = [];
  const wait = (name: string, bytes: number) =>
    memory.whenRoom(bytes - FRAMING, clock).then((block) => (got.push(name), block));
  const a = wait("a", 2 * MIB);
  void wait("b", MIB);
  blocks[0]!.release();
  blocks[2]!.release();
  await settle();
  assertEquals(got, [], "the free parts lie apart, and b comes behind a");
  assertEquals(memory.take(MIB - FRAMING), null, "nor does anybody come before those who wait");
  blocks[1]!.release();
  await settle();
  assertEquals(got, ["a", "b"]);
  assertEquals(placeOf(await a), [0, 2 * MIB]);
});

Deno.test("A reply that is longer than all memory for such gets all of it, once nobody else has any", async () => {
  const memory = new LongReplyMemory(2 * MIB);
  const other = await memory.whenRoom(MIB, new FakeClock());
  const waiting = memory.whenRoom(100 * MIB, new FakeClock());
  other.release();
  assertEquals(placeOf(await waiting), [0, 2 * MIB]);
});

Deno.test("Memory that was never used is touched in steps, and is there at once the next time", async () => {
  const memory = new LongReplyMemory(8 * MIB);
  const clock = new TickingClock();
  assertEquals(memory.take(4 * MIB), null);
  const waiting = memory.whenRoom(4 * MIB, clock);
  await clock.runAll();
  assert(clock.turns > 4 * MIB / (128 * KIB), `${clock.turns} turns`);
  (await waiting).release();
  assertEquals(placeOf(memory.take(4 * MIB)!), [0, 4 * MIB + FRAMING]);
});
