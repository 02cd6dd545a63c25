/** Log lines for a reader that takes them, one that stands still, and one that is gone. */
import { assertEquals } from "@std/assert";
import { textOf } from "../../src/core/bytes.ts";
import { LOG_QUEUE_LENGTH_MAX } from "../../src/core/limits.ts";
import { type LineSink, LineWriter } from "../../src/io/line_writer.ts";
import { settle } from "../support/settle.ts";

class PausedSink implements LineSink {
  written = "";
  isGone = false;
  #go = Promise.resolve();
  #release: () => void = () => {};

  pause(): void {
    this.#go = new Promise((resolve) => this.#release = resolve);
  }

  async goOn(): Promise<void> {
    this.#release();
    await settle();
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#go;
    if (this.isGone) throw new Deno.errors.BrokenPipe("gone");
    // A pipe takes what fits.
    const part = bytes.subarray(0, 4_000);
    this.written += textOf(part);
    return part.length;
  }
}

function setUp() {
  const sink = new PausedSink();
  return { sink, writer: new LineWriter(sink, (count) => `${count} dropped`) };
}

Deno.test("Lines are written in their order, those of one turn together", async () => {
  const { sink, writer } = setUp();
  writer.write("one");
  writer.write("two");
  await writer.flushed();
  writer.write("three");
  await writer.flushed();
  assertEquals(sink.written, "one\ntwo\nthree\n");
});

Deno.test("A reader that stands still holds up nobody; lines beyond the bound are dropped, counted and told", async () => {
  const { sink, writer } = setUp();
  sink.pause();
  writer.write("first");
  await settle();
  const line = "x".repeat(999);
  const fitting = Math.floor(LOG_QUEUE_LENGTH_MAX / 1000);
  for (let i = 0; i < fitting + 7; i++) writer.write(line);
  await settle();
  assertEquals(sink.written, "");
  await sink.goOn();
  await writer.flushed();
  assertEquals(sink.written, `first\n${`${line}\n`.repeat(fitting)}7 dropped\n`);
  writer.write("last");
  await writer.flushed();
  assertEquals(sink.written.endsWith("dropped\nlast\n"), true);
});

Deno.test("A reader that is gone ends nothing", async () => {
  const { sink, writer } = setUp();
  sink.isGone = true;
  writer.write("lost");
  await writer.flushed();
  sink.isGone = false;
  writer.write("heard");
  await writer.flushed();
  assertEquals(sink.written, "heard\n");
});
