/** The buffer that connections read into. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  MIB,
  READ_BUFFER_BYTES,
  READ_BUFFER_BYTES_KEEP,
  READ_BUFFER_BYTES_MIN,
} from "../../src/core/limits.ts";
import type { Connection } from "../../src/io/network.ts";
import { ReadBudget, ReadBuffer } from "../../src/serving/read_buffer.ts";
import { assertProperty } from "../support/property.ts";

/** A connection from which the numbers 0, 1, … 255, 0, … come, `chunks` bytes at a time. */
function counting(chunks: readonly number[]): Connection {
  let sent = 0;
  let turn = 0;
  return {
    remote: "test",
    read(buffer) {
      if (turn === chunks.length) return Promise.resolve(null);
      const count = Math.min(chunks[turn++]!, buffer.length);
      for (let i = 0; i < count; i++) buffer[i] = sent++;
      return Promise.resolve(count);
    },
    write: (bytes) => Promise.resolve(bytes.length),
    closeWrite: () => Promise.resolve(),
    close: () => {},
  };
}

Deno.test("Bytes come through in order whatever is consumed when", async () => {
  await assertProperty(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 30 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }),
      async (chunks, shares) => {
        const buffer = new ReadBuffer(new ReadBudget());
        const connection = counting(chunks);
        let expected = 0;
        for (let round = 0;; round++) {
          assertEquals(buffer.ensureRoom(0), true);
          if (await buffer.fill(connection) === null) break;
          const count = Math.floor((buffer.end - buffer.start) * shares[round % shares.length]!);
          for (let i = 0; i < count; i++) assertEquals(buffer.bytes[buffer.start + i], expected++ & 0xff);
          buffer.consume(buffer.start + count);
        }
        for (let at = buffer.start; at < buffer.end; at++) assertEquals(buffer.bytes[at], expected++ & 0xff);
        buffer.release();
      },
    ),
    { numRuns: 60 },
  );
});

/** Reads `count` bytes without consuming any; returns the sizes that the buffer went through. */
async function held(buffer: ReadBuffer, count: number, announced: number, piece = MIB): Promise<number[]> {
  const sizes = new Set([buffer.bytes.length]);
  const connection = counting(new Array(10_000).fill(piece));
  while (buffer.end - buffer.start < count && buffer.ensureRoom(announced)) {
    sizes.add(buffer.bytes.length);
    await buffer.fill(connection);
  }
  return [...sizes];
}

Deno.test("An idle connection costs the smallest buffer, a busy one the common size in a few steps", async () => {
  const buffer = new ReadBuffer(new ReadBudget());
  assertEquals(buffer.bytes.length, READ_BUFFER_BYTES_MIN);
  const connection = counting(new Array(500).fill(MIB));
  const sizes: number[] = [];
  for (let i = 0; i < 5; i++) {
    buffer.ensureRoom(0);
    sizes.push(buffer.bytes.length);
    await buffer.fill(connection);
    buffer.consume(buffer.end);
  }
  const [least, most] = [READ_BUFFER_BYTES_MIN, READ_BUFFER_BYTES];
  assertEquals(sizes, [least, 4 * least, 16 * least, 64 * least, most]);
});

Deno.test("A buffer grows by doubling as bytes arrive, never to what is merely announced", async () => {
  const budget = new ReadBudget();
  const buffer = new ReadBuffer(budget);
  const sizes = await held(buffer, 200_000, 60 * MIB, 10_000);
  assertEquals(sizes, [
    READ_BUFFER_BYTES_MIN,
    4 * READ_BUFFER_BYTES_MIN,
    16 * READ_BUFFER_BYTES_MIN,
    64 * READ_BUFFER_BYTES_MIN,
    READ_BUFFER_BYTES,
    2 * READ_BUFFER_BYTES,
    4 * READ_BUFFER_BYTES,
  ]);
  assertEquals(budget.usedBytes, 3 * READ_BUFFER_BYTES);
  buffer.consume(buffer.end);
  buffer.ensureRoom(0);
  assertEquals([buffer.bytes.length, budget.usedBytes], [READ_BUFFER_BYTES, 0]);
});

Deno.test("The last step of growth takes only what the message needs", async () => {
  const budget = new ReadBudget(MIB, 0);
  const buffer = new ReadBuffer(budget);
  await held(buffer, 100_000, 100_000);
  assertEquals(buffer.bytes.length, 100_000);
  buffer.release();
  assertEquals(budget.usedBytes, 0);
});

Deno.test("Arguments that are announced one by one do not make it grow by one after the other", async () => {
  const buffer = new ReadBuffer(new ReadBudget(16 * MIB, 0));
  let growths = 0;
  for (let bytes = 100_000; bytes <= 4 * MIB; bytes += 10_000) {
    const { length } = buffer.bytes;
    await held(buffer, bytes, bytes);
    if (buffer.bytes.length > length) growths++;
  }
  assert(growths <= 20, `it grew ${growths} times`);
  buffer.release();
});

Deno.test("When the budget is used up there is no room, until another gives some back", async () => {
  const budget = new ReadBudget(READ_BUFFER_BYTES, 0);
  const [first, second] = [new ReadBuffer(budget), new ReadBuffer(budget)];
  await held(first, 100_000, 0);
  await held(second, 100_000, 0);
  assertEquals(second.end, READ_BUFFER_BYTES);
  assertEquals(second.ensureRoom(0), false);
  first.consume(first.end);
  first.ensureRoom(0);
  assertEquals(second.ensureRoom(0), true);
});

Deno.test("After a run of small reads the smallest buffer is taken again", async () => {
  const buffer = new ReadBuffer(new ReadBudget());
  await held(buffer, 10_000, 0);
  buffer.consume(buffer.end);
  const connection = counting(new Array(100).fill(50));
  for (let i = 0; i < 100; i++) {
    buffer.ensureRoom(0);
    await buffer.fill(connection);
    buffer.consume(buffer.end);
  }
  assertEquals(buffer.bytes.length, READ_BUFFER_BYTES_MIN);
});

/** Reads 40 times from a connection that always has more, which come as messages of `messageBytes`. */
async function stream(buffer: ReadBuffer, messageBytes: number): Promise<void> {
  const connection = counting(new Array(40).fill(MIB));
  for (let i = 0; i < 40; i++) {
    const held = buffer.end - buffer.start;
    assertEquals(buffer.ensureRoom(held === 0 ? 0 : messageBytes), true);
    await buffer.fill(connection);
    const count = buffer.end - buffer.start;
    buffer.consume(buffer.start + count - count % messageBytes);
  }
}

Deno.test("Large messages get a larger buffer that stays, many small ones do not", async () => {
  const buffer = new ReadBuffer(new ReadBudget());
  await stream(buffer, 100);
  assertEquals(buffer.bytes.length, READ_BUFFER_BYTES);
  await stream(buffer, 65_600);
  const { bytes } = buffer;
  assertEquals(bytes.length, READ_BUFFER_BYTES_KEEP);
  await stream(buffer, 65_600);
  assertEquals(buffer.bytes, bytes);
});

Deno.test("What is kept is bounded for all connections together, and comes back when one ends", async () => {
  const budget = new ReadBudget(MIB, 2 * (READ_BUFFER_BYTES_KEEP - READ_BUFFER_BYTES));
  const buffers = Array.from({ length: 5 }, () => new ReadBuffer(budget));
  for (const buffer of buffers) await stream(buffer, 65_600);
  const keeping = buffers.filter(({ bytes }) => bytes.length === READ_BUFFER_BYTES_KEEP);
  assertEquals(keeping, buffers.slice(0, 2));
  // Those that came too late borrow for each message, and hold no more than the one under way.
  for (const { bytes } of buffers.slice(2)) assertEquals(bytes.length <= 2 * READ_BUFFER_BYTES, true);
  for (const buffer of buffers) buffer.release();
  assertEquals(budget.usedBytes, 0);
  const late = new ReadBuffer(budget);
  await stream(late, 65_600);
  assertEquals(late.bytes.length, READ_BUFFER_BYTES_KEEP);
});

Deno.test("A large buffer goes when what comes would have fitted into the common size", async () => {
  const budget = new ReadBudget(MIB, MIB);
  const buffer = new ReadBuffer(budget);
  await stream(buffer, 65_600);
  buffer.consume(buffer.end);
  const connection = counting(new Array(100).fill(10_000));
  for (let i = 0; i < 100; i++) {
    buffer.ensureRoom(0);
    await buffer.fill(connection);
    buffer.consume(buffer.end);
  }
  assertEquals(buffer.bytes.length, READ_BUFFER_BYTES);
  assertEquals(budget.keep(MIB), true);
});

Deno.test("Idle connections read into one array; whose buffer has grown, or is over, leaves its place to others", async () => {
  const budget = new ReadBudget();
  const [first, second, third] = [new ReadBuffer(budget), new ReadBuffer(budget), new ReadBuffer(budget)];
  assertEquals(new Set([first, second, third].map(({ bytes }) => bytes.buffer)).size, 1);
  const places = [first.bytes.byteOffset, second.bytes.byteOffset];
  await held(first, 10_000, 0);
  second.release();
  second.release();
  const others = [new ReadBuffer(budget), new ReadBuffer(budget), new ReadBuffer(budget)];
  assertEquals(others.slice(0, 2).map(({ bytes }) => bytes.byteOffset).sort((a, b) => a - b), places);
  const all = [third, ...others].map(({ bytes }) => bytes.byteOffset);
  assertEquals(new Set(all).size, all.length);
});
