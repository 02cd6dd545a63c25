/** The steps of a dump, on a source whose every entry takes some of a clock's time. */
import { assert, assertEquals } from "@std/assert";
import { DUMP_STEP_MS } from "../../src/core/limits.ts";
import { type DumpSink, type DumpSource, DumpStream } from "../../src/persistence/dump_stream.ts";
import { EntryHead } from "../../src/persistence/dump_frame.ts";
import { ShardHistory } from "../../src/persistence/shard_history.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle, UNPACED } from "./test_node.ts";

const ENTRIES = 10_000;
const ENTRY_MS = DUMP_STEP_MS / 100;
const IDENTITY = "00000000-0000-4000-8000-000000000000";

class SlowSource implements DumpSource {
  readonly shard = 0;
  readonly history = new ShardHistory(1, ENTRIES);
  readonly entryCount = ENTRIES;
  readonly abandoned = false;
  readonly #clock: FakeClock;
  #sink: DumpSink | undefined;
  #given = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  begin(sink: DumpSink): void {
    this.#sink = sink;
  }

  step(entriesMax: number): boolean {
    for (let i = 0; i < entriesMax && this.#given < ENTRIES; i++, this.#given++) {
      const output = this.#sink!.entryStart(Object.assign(new EntryHead(), { keyLength: 1, valueLength: 1 }));
      output.length += 2;
      this.#sink!.entryEnd();
      this.#clock.advance(ENTRY_MS);
    }
    return this.#given === ENTRIES;
  }

  abandon(): void {}
}

Deno.test("no step of a dump holds the loop for longer than it may, and all entries come", async () => {
  const clock = new FakeClock();
  const stream = new DumpStream([new SlowSource(clock)], clock, IDENTITY, 0);
  let beganMs = clock.monotonicMs();
  let longestMs = 0;
  for await (const _chunk of stream.chunks(() => {}, UNPACED)) {
    longestMs = Math.max(longestMs, clock.monotonicMs() - beganMs);
    beganMs = clock.monotonicMs();
  }
  assertEquals(stream.entryCount, ENTRIES);
  assert(longestMs >= DUMP_STEP_MS && longestMs <= 1.5 * DUMP_STEP_MS, `${longestMs}`);
});

Deno.test("A dump makes a step only when its pace lets it", async () => {
  const clock = new FakeClock();
  const stream = new DumpStream([new SlowSource(clock)], clock, IDENTITY, 0);
  const waiting: (() => void)[] = [];
  let chunkCount = 0;
  const pace = { nextStep: () => new Promise<void>((resolve) => waiting.push(resolve)) };
  const reading = (async () => {
    for await (const _chunk of stream.chunks(() => {}, pace)) chunkCount++;
  })();
  for (let step = 1; step <= 5; step++) {
    await settle();
    assertEquals([chunkCount, waiting.length], [step, 1]);
    waiting.pop()!();
  }
  while (stream.entryCount < ENTRIES) {
    await settle();
    waiting.pop()?.();
  }
  await reading;
  assertEquals(waiting.length, 0);
});
