/** Desks: the room in which replies of several batches lie, and how many desks there are. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { DESK_COUNT_KEPT, DESK_ROOM_BYTES } from "../../src/core/limits.ts";
import { textOf } from "../../src/core/bytes.ts";
import { spareMemory } from "../../src/core/spare_memory.ts";
import { Desk, Desks } from "../../src/node/desk.ts";
import type { NodeServices } from "../../src/node/executor.ts";
import { Session, SessionRegistry } from "../../src/serving/session.ts";

const services = { shards: null, sessions: new SessionRegistry() } as unknown as NodeServices;
const session = new Session(1, "test", 0);

/** A batch whose only reply is an error of `text`; the reply, and its room. */
function batch(desk: Desk, text: string) {
  desk.begin(session);
  if (text.startsWith("ERR ")) desk.executor.refuse(text);
  else desk.executor.reply.bulkText(text);
  const { room } = desk;
  return { room, replies: desk.end() };
}

function textOfReplies({ replies }: { replies: Uint8Array }): string {
  return textOf(replies, 0, replies.length);
}

Deno.test("Replies stay as they are until they are written, however many batches come meanwhile", () => {
  const desk = new Desk(services);
  const batches = Array.from({ length: 20_000 }, (_, i) => batch(desk, `ERR ${i}`));
  batches.forEach((each, i) => assertEquals(textOfReplies(each), `-ERR ${i}\r\n`));
  assert(batches.every(({ replies }) => replies.byteOffset < DESK_ROOM_BYTES));
});

Deno.test("A room is used from its front again once all that lies in it is written, and not before", () => {
  const desk = new Desk(services);
  const [first, second] = [batch(desk, "ERR first"), batch(desk, "ERR second")];
  desk.written(first.room);
  const third = batch(desk, "ERR third");
  assertEquals(textOfReplies(second), "-ERR second\r\n");
  desk.written(second.room);
  desk.written(third.room);
  const fourth = batch(desk, "ERR fourth");
  assertEquals([fourth.replies.byteOffset, fourth.replies.buffer], [0, first.replies.buffer]);
});

/** Batches that fill the present room; the last of them is in the next one. */
function fill(desk: Desk, text: string) {
  const batches = [batch(desk, text)];
  while (batches.at(-1)!.room === batches[0]!.room) batches.push(batch(desk, text));
  return batches;
}

Deno.test("A full room comes back once all that lies in it is written, and not before", () => {
  const desk = new Desk(services);
  const long = `ERR ${"long".repeat(100)}`;
  const [first, ...others] = fill(desk, long);
  for (const { room } of others.slice(0, -1)) desk.written(room);
  fill(desk, "ERR filling another");
  assert(desk.room !== first!.room);
  assertEquals(textOfReplies(first!), `-${long}\r\n`);
  desk.written(first!.room);
  fill(desk, "ERR filling one more");
  assertStrictEquals(desk.room, first!.room);
  assertEquals(textOfReplies(others.at(-1)!), `-${long}\r\n`);
});

Deno.test("A large room is for others once all that lies in it is written, and not before", () => {
  const desk = new Desk(services);
  const large = "x".repeat(1_500_000);
  const batches = [batch(desk, large), batch(desk, large), batch(desk, large)];
  const spares = () => {
    const taken = Array.from({ length: 4 }, () => spareMemory.take(2_097_152));
    for (const each of taken) spareMemory.give(each);
    return batches.map(({ replies }) => taken.some(({ buffer }) => buffer === replies.buffer));
  };
  assertEquals(spares(), [false, false, false]);
  desk.written(batches[1]!.room);
  assertEquals(spares(), [false, true, false]);
  assertEquals(
    [batches[0]!, batches[2]!].map(textOfReplies),
    [large, large].map((text) => `$${text.length}\r\n${text}\r\n`),
  );
  desk.written(batches[2]!.room);
  // As much is expected of the next batch, which takes it.
  assertStrictEquals(batch(desk, "ERR small").replies.buffer, batches[2]!.replies.buffer);
});

Deno.test("Replies of a batch can be cut, those of earlier batches stay", () => {
  const desk = new Desk(services);
  const first = batch(desk, "ERR first");
  desk.begin(session);
  desk.executor.refuse("ERR kept");
  const { replyBytes } = desk;
  desk.executor.refuse("ERR cut");
  desk.cutReplies(replyBytes);
  assertEquals([textOfReplies(first), textOfReplies({ replies: desk.end() })], [
    "-ERR first\r\n",
    "-ERR kept\r\n",
  ]);
});

Deno.test("A desk that was given back is the next to be taken; of many only so many are kept", () => {
  const desks = new Desks(services);
  const taken = Array.from({ length: DESK_COUNT_KEPT + 1 }, () => desks.take());
  assertEquals(new Set(taken).size, taken.length);
  for (const desk of taken) desks.give(desk);
  const again = taken.map(() => desks.take());
  assertStrictEquals(again[0], taken[DESK_COUNT_KEPT - 1]);
  assertEquals(again.filter((desk) => taken.includes(desk)).length, DESK_COUNT_KEPT);
});
