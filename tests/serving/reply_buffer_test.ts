/** The buffer that clients' replies are written to: what lies in its blocks, and when a block is used again. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { REPLY_BLOCK_BYTES } from "../../src/core/limits.ts";
import { spareMemory } from "../../src/core/spare_memory.ts";
import { ReplyBuffer } from "../../src/serving/reply_buffer.ts";

/** A batch whose only reply is `text`; the reply, and its block, which is held. */
function batch(buffer: ReplyBuffer, text: string) {
  buffer.begin();
  const { output, block } = buffer;
  const from = output.length;
  output.copy(bytesOf(text));
  block.hold();
  return { block, replies: output.bytes.subarray(from, output.length) };
}

function textOfReplies({ replies }: { replies: Uint8Array }): string {
  return textOf(replies, 0, replies.length);
}

Deno.test("Replies stay as they are until they are written, however many batches come meanwhile", () => {
  const buffer = new ReplyBuffer();
  const batches = Array.from({ length: 20_000 }, (_, i) => batch(buffer, `ERR ${i}`));
  batches.forEach((each, i) => assertEquals(textOfReplies(each), `ERR ${i}`));
  assert(batches.every(({ replies }) => replies.byteOffset < REPLY_BLOCK_BYTES));
});

Deno.test("A block is used from its front again once all that lies in it is written, and not before", () => {
  const buffer = new ReplyBuffer();
  const [first, second] = [batch(buffer, "ERR first"), batch(buffer, "ERR second")];
  first.block.release();
  const third = batch(buffer, "ERR third");
  assertEquals(textOfReplies(second), "ERR second");
  second.block.release();
  third.block.release();
  const fourth = batch(buffer, "ERR fourth");
  assertEquals([fourth.replies.byteOffset, fourth.replies.buffer], [0, first.replies.buffer]);
});

/** Batches that fill the present block; the last of them is in the next one. */
function fill(buffer: ReplyBuffer, text: string) {
  const batches = [batch(buffer, text)];
  while (batches.at(-1)!.block === batches[0]!.block) batches.push(batch(buffer, text));
  return batches;
}

Deno.test("A full block comes back once all that lies in it is written, and not before", () => {
  const buffer = new ReplyBuffer();
  const long = `ERR ${"long".repeat(100)}`;
  const [first, ...others] = fill(buffer, long);
  for (const { block } of others.slice(0, -1)) block.release();
  fill(buffer, "ERR filling another");
  assert(buffer.block !== first!.block);
  assertEquals(textOfReplies(first!), long);
  first!.block.release();
  fill(buffer, "ERR filling one more");
  assertStrictEquals(buffer.block, first!.block);
  assertEquals(textOfReplies(others.at(-1)!), long);
});

Deno.test("A large block is for others once all that lies in it is written, and not before", () => {
  const buffer = new ReplyBuffer();
  const large = `ERR ${"x".repeat(1_500_000)}`;
  const batches = [batch(buffer, large), batch(buffer, large), batch(buffer, large)];
  const spares = () => {
    const taken = Array.from({ length: 4 }, () => spareMemory.take(2_097_152));
    for (const each of taken) spareMemory.give(each);
    return batches.map(({ replies }) => taken.some(({ buffer }) => buffer === replies.buffer));
  };
  assertEquals(spares(), [false, false, false]);
  batches[1]!.block.release();
  assertEquals(spares(), [false, true, false]);
  assertEquals([batches[0]!, batches[2]!].map(textOfReplies), [large, large]);
  batches[2]!.block.release();
  // As much is expected of the next batch, which takes it.
  assertStrictEquals(batch(buffer, "ERR small").replies.buffer, batches[2]!.replies.buffer);
});
