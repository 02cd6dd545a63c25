/** Runs of replies: what was written is read back however it is cut, and what is no run is refused. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { LINK_IN_FLIGHT_MAX } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { RUN_HEADER_BYTES, RunReader, writeRunHeader } from "../../src/protocol/link_run.ts";
import { INCOMPLETE, INVALID } from "../../src/protocol/progress.ts";
import { feed } from "./support.ts";
import { assertProperty } from "../support/property.ts";

interface Run {
  readonly firstRequest: number;
  readonly replies: readonly string[];
  /** Bytes of a push; then there are no replies. */
  readonly push?: string;
}

const reply = fc.oneof(
  fc.constantFrom("+OK\r\n", "+\r\n", ":12\r\n", "$-1\r\n", "*0\r\n", "-ERR no\r\n"),
  fc.string({ maxLength: 30 }).map((text) => `$${bytesOf(text).length}\r\n${text}\r\n`),
  fc.nat(4).map((count) => `*${count}\r\n${":7\r\n".repeat(count)}`),
);
const firstRequest = fc.oneof(fc.nat(10), fc.integer({ min: 2 ** 32 - 5, max: 2 ** 32 - 1 }));
const runs: fc.Arbitrary<Run[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ firstRequest, replies: fc.array(reply, { minLength: 1, maxLength: 6 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ firstRequest, replies: fc.constant([]), push: fc.string({ maxLength: 20 }) }),
    },
  ),
  { maxLength: 8 },
);

function written(runsToWrite: readonly Run[]): Uint8Array {
  const output = new OutputBuffer();
  for (const { firstRequest, replies, push = "" } of runsToWrite) {
    const at = output.length;
    output.reserve(RUN_HEADER_BYTES);
    output.length += RUN_HEADER_BYTES;
    output.copy(bytesOf(replies.join("") + push));
    const byteLength = output.length - at - RUN_HEADER_BYTES;
    writeRunHeader(output.bytes, at, { firstRequest, count: replies.length, byteLength });
  }
  return output.view().slice();
}

/** A header alone. */
function header(firstRequest: number, count: number, byteLength: number): number[] {
  return [firstRequest, count, byteLength].flatMap((value) => [
    value & 0xff,
    (value >>> 8) & 0xff,
    (value >>> 16) & 0xff,
    value >>> 24,
  ]);
}

/** `number reply` of each reply in `input`, cut at `cuts`, then the error or `incomplete`. */
function readCut(input: Uint8Array, cuts: readonly number[] = []): string[] {
  const reader = new RunReader();
  const seen: string[] = [];
  const last = feed(
    (bytes, start, end) => reader.step(bytes, start, end),
    input,
    cuts,
    (bytes, start, end) => {
      if (reader.isReply) seen.push(`${reader.request} ${textOf(bytes, start, end)}`);
    },
  );
  if (last === INVALID) seen.push(reader.error);
  if (last === INCOMPLETE) seen.push("incomplete");
  return seen;
}

Deno.test("Runs are read as they were written, wherever the bytes are cut", () => {
  assertProperty(
    fc.property(runs, fc.array(fc.nat(400), { maxLength: 12 }), (given, places) => {
      const bytes = written(given);
      const cuts = places.filter((at) => at < bytes.length).sort((a, b) => a - b);
      const expected = given.flatMap(({ firstRequest, replies }) =>
        replies.map((text, i) => `${(firstRequest + i) % 2 ** 32} ${text}`)
      );
      assertEquals(
        readCut(bytes, cuts),
        expected.length === 0 && bytes.length === 0 ? ["incomplete"] : expected,
      );
    }),
    { numRuns: 500 },
  );
});

Deno.test("A run that is cut anywhere is incomplete, and its whole replies are handed over before the rest is there", () => {
  const bytes = written([{ firstRequest: 7, replies: ["+OK\r\n", "$3\r\nabc\r\n"] }]);
  for (let length = 1; length < bytes.length; length++) {
    const seen = readCut(bytes.slice(0, length));
    if (length < RUN_HEADER_BYTES + 5) assertEquals(seen.filter((each) => each !== "incomplete"), []);
    else assertEquals(seen[0], "7 +OK\r\n");
  }
  assertEquals(readCut(bytes), ["7 +OK\r\n", "8 $3\r\nabc\r\n"]);
});

Deno.test("Any bytes are read or refused, and no step goes back", () => {
  assertProperty(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void readCut(bytes)),
    { numRuns: 1_000 },
  );
});

Deno.test("What contradicts its header is refused by name", () => {
  const cases: readonly [bytes: number[], problem: string][] = [
    [header(0, LINK_IN_FLIGHT_MAX + 1, 2 ** 31), `a run of ${LINK_IN_FLIGHT_MAX + 1} replies`],
    [header(0, 2 ** 32 - 1, 2 ** 32 - 1), "a run of 4294967295 replies"],
    [header(0, 2, 5), "2 replies in 5 bytes"],
    [[...header(0, 1, 6), ...bytesOf("+OK\r\n+")], "bytes behind the replies"],
    [[...header(0, 2, 7), ...bytesOf("+OK\r\n+\r")], "a reply exceeds its run"],
    [[...header(0, 1, 5), ...bytesOf("$9\r\nab")], "a reply exceeds its run"],
    [[...header(0, 1, 5), ...bytesOf("OK\r\n ")], "byte 79 begins no reply"],
  ];
  for (const [bytes, problem] of cases) {
    const seen = readCut(Uint8Array.from(bytes));
    assertStringIncludes(seen.at(-1)!, problem);
  }
});

Deno.test("A header that would not be read is not written", () => {
  const bytes = new Uint8Array(RUN_HEADER_BYTES);
  const count = LINK_IN_FLIGHT_MAX + 1;
  assertThrows(() => writeRunHeader(bytes, 0, { firstRequest: 0, count, byteLength: count * 3 }));
  assertThrows(() => writeRunHeader(bytes, 0, { firstRequest: 0, count: 2, byteLength: 5 }));
  assertThrows(() => writeRunHeader(bytes, 0, { firstRequest: 0, count: 1, byteLength: 2 ** 32 }));
  assertThrows(() => writeRunHeader(bytes, 1, { firstRequest: 0, count: 1, byteLength: 5 }));
});
