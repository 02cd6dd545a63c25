/** Writes to clients that may not take them. */
import { assertEquals } from "@std/assert";
import { DRIP_BYTES_MIN, KIB, MIB } from "../../src/core/limits.ts";
import { ClientWriter, WriteWatch } from "../../src/serving/client_writer.ts";
import type { Connection } from "../../src/io/network.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/settle.ts";

const STALL_MS = 8_000;

/** Most that the connection takes at once. */
const PIECE_BYTES = 128 * KIB;

/** A connection whose every write waits until the test lets it through, and then takes a piece. */
class Stubborn implements Connection {
  readonly remote = "test";
  readonly pieces: number[] = [];
  isClosed = false;
  #finish: { resolve: (count: number) => void; reject: (error: Error) => void } | null = null;

  read(): Promise<null> {
    return Promise.resolve(null);
  }

  write(bytes: Uint8Array): Promise<number> {
    this.pieces.push(Math.min(bytes.length, PIECE_BYTES));
    return new Promise((resolve, reject) => this.#finish = { resolve, reject });
  }

  async take(count = this.pieces.at(-1)!): Promise<void> {
    this.#finish!.resolve(count);
    await settle();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
    this.#finish?.reject(new Deno.errors.BadResource("closed"));
  }
}

/** What the one who writes was told. */
class Told {
  readonly words: string[] = [];
  heldBytes = 0;
  isSilent = false;

  isSilentSince(): boolean {
    return this.isSilent;
  }

  writeTaken(): void {
    this.words.push("taken");
  }

  writeFailed(): void {
    this.words.push("failed");
  }
}

Deno.test("A client that takes nothing for the time-out is dropped, and the write fails", async () => {
  const clock = new FakeClock();
  const watch = new WriteWatch(clock, STALL_MS);
  const connection = new Stubborn();
  const told = new Told();
  new ClientWriter(connection, watch, told).write(new Uint8Array(10));
  clock.advance(STALL_MS);
  assertEquals(connection.isClosed, false);
  clock.advance(STALL_MS / 4);
  assertEquals([connection.isClosed, watch.droppedCount], [true, 1]);
  await settle();
  assertEquals(told.words, ["failed"]);
  watch.stop();
});

Deno.test("Each piece of a large output has the whole time-out", async () => {
  const clock = new FakeClock();
  const watch = new WriteWatch(clock, STALL_MS);
  const connection = new Stubborn();
  const told = new Told();
  new ClientWriter(connection, watch, told).write(new Uint8Array(MIB + 1));
  const pieceCount = 9;
  for (let i = 0; i < pieceCount; i++) {
    clock.advance(STALL_MS - 1_000);
    await connection.take();
  }
  assertEquals(told.words, ["taken"]);
  assertEquals(connection.pieces.length, pieceCount);
  assertEquals(connection.pieces.reduce((sum, length) => sum + length), MIB + 1);
  assertEquals(connection.isClosed, false);
  watch.stop();
});

Deno.test("A client that is not being written to may be idle for ever", async () => {
  const clock = new FakeClock();
  const watch = new WriteWatch(clock, STALL_MS);
  const connection = new Stubborn();
  const writer = new ClientWriter(connection, watch, new Told());
  writer.write(new Uint8Array(10));
  await connection.take();
  clock.advance(100 * STALL_MS);
  assertEquals(connection.isClosed, false);
  writer.close();
  watch.stop();
  assertEquals(clock.timerCount, 0);
});

Deno.test("A client that takes a little now and then, of much that it holds, is dropped; one that holds little is kept", async () => {
  for (const [heldBytes, isDropped] of [[MIB, true], [DRIP_BYTES_MIN, false]] as const) {
    const clock = new FakeClock();
    const watch = new WriteWatch(clock, STALL_MS);
    const connection = new Stubborn();
    const told = new Told();
    told.heldBytes = heldBytes;
    const writer = new ClientWriter(connection, watch, told);
    writer.write(new Uint8Array(heldBytes));
    for (let i = 0; i < 20; i++) {
      clock.advance(STALL_MS / 8);
      if (!connection.isClosed) await connection.take(100);
    }
    assertEquals([connection.isClosed, watch.droppedCount], [isDropped, isDropped ? 1 : 0]);
    writer.close();
    watch.stop();
  }
});

Deno.test("A client that takes an eighth of what it holds in each time-out is kept", async () => {
  const clock = new FakeClock();
  const watch = new WriteWatch(clock, STALL_MS);
  const connection = new Stubborn();
  const told = new Told();
  told.heldBytes = MIB;
  const writer = new ClientWriter(connection, watch, told);
  writer.write(new Uint8Array(MIB));
  for (let i = 0; i < 7; i++) {
    clock.advance(STALL_MS / 2);
    await connection.take(PIECE_BYTES / 2);
    clock.advance(STALL_MS / 2);
    await connection.take(PIECE_BYTES / 2);
  }
  assertEquals(connection.isClosed, false);
  writer.close();
  watch.stop();
});

Deno.test("A client that does not go on with a request that it has begun is dropped", () => {
  const clock = new FakeClock();
  const watch = new WriteWatch(clock, STALL_MS);
  const connection = new Stubborn();
  const told = new Told();
  new ClientWriter(connection, watch, told);
  clock.advance(2 * STALL_MS);
  assertEquals(connection.isClosed, false);
  told.isSilent = true;
  clock.advance(STALL_MS);
  assertEquals([connection.isClosed, watch.droppedCount > 0], [true, true]);
  watch.stop();
});
