/** Writes to clients that may not take them. */
import { assertEquals } from "@std/assert";
import { KIB, MIB } from "../../src/core/limits.ts";
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

  async take(): Promise<void> {
    this.#finish!.resolve(this.pieces.at(-1)!);
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

Deno.test("A client that leaves a request unfinished is dropped when nothing more of it comes in time", () => {
  const clock = new FakeClock();
  const watch = new WriteWatch(clock, STALL_MS);
  const [silent, slow, idle] = [new Stubborn(), new Stubborn(), new Stubborn()];
  const writers = [silent, slow, idle].map((connection) => new ClientWriter(connection, watch, new Told()));
  writers[0]!.reads(1 * KIB);
  writers[1]!.reads(1 * KIB);
  writers[2]!.reads(0);
  clock.advance(STALL_MS / 2);
  writers[1]!.reads(1 * KIB);
  clock.advance(STALL_MS / 2);
  assertEquals([silent.isClosed, slow.isClosed, idle.isClosed], [false, false, false]);
  clock.advance(STALL_MS / 4);
  assertEquals([silent.isClosed, slow.isClosed, idle.isClosed], [true, false, false]);
  clock.advance(STALL_MS);
  assertEquals([slow.isClosed, idle.isClosed, watch.droppedCount], [true, false, 2]);
  watch.stop();
});

Deno.test("Who needs room gets that of the client which is silent for the longest in a large request", () => {
  const clock = new FakeClock();
  const watch = new WriteWatch(clock, STALL_MS);
  const clients = Array.from({ length: 4 }, () => new Stubborn());
  const writers = clients.map((connection) => new ClientWriter(connection, watch, new Told()));
  writers[0]!.reads(1 * KIB);
  for (const writer of writers.slice(1)) {
    writer.reads(1 * MIB);
    clock.advance(STALL_MS / 8);
  }
  writers[3]!.reads(1 * MIB);
  const dropped = () => clients.map(({ isClosed }) => isClosed);
  assertEquals([watch.dropLongestSilent(), dropped()], [true, [false, true, false, false]]);
  assertEquals([watch.dropLongestSilent(), dropped()], [true, [false, true, true, false]]);
  assertEquals(watch.dropLongestSilent(), false);
  watch.stop();
});
