/** The steps of a dump, on a source whose every entry takes some of a clock's time. */
import { assert, assertEquals } from "@std/assert";
import { DUMP_STEP_MS } from "../../src/core/limits.ts";
import { type DumpSink, type DumpSource, DumpStream } from "../../src/persistence/dump_stream.ts";
import { FakeClock } from "../support/fake_clock.ts";

const ENTRIES = 10_000;
const ENTRY_MS = DUMP_STEP_MS / 100;
const IDENTITY = "00000000-0000-4000-8000-000000000000";

class SlowSource implements DumpSource {
  readonly shard = 0;
  readonly epoch = 1;
  readonly sequence = ENTRIES;
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
      const output = this.#sink!.entryStart(1, 1, 0);
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
  for await (const _chunk of stream.chunks(() => {})) {
    longestMs = Math.max(longestMs, clock.monotonicMs() - beganMs);
    beganMs = clock.monotonicMs();
  }
  assertEquals(stream.entryCount, ENTRIES);
  assert(longestMs >= DUMP_STEP_MS && longestMs <= 1.5 * DUMP_STEP_MS, `${longestMs}`);
});
