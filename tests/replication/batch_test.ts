/** What is sent is read, and whatever else comes is an error, never a throw. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SHARD_COUNT_MAX } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import {
  BatchReader,
  decodeResults,
  encodeResult,
  encodeSectionHead,
  type Result,
} from "../../src/replication/batch.ts";
import { assertProperty } from "../support/property.ts";

const SECTION = fc.record({
  shard: fc.nat(SHARD_COUNT_MAX - 1),
  epoch: fc.nat(2 ** 32 - 1),
  records: fc.uint8Array({ maxLength: 40 }),
});
const RESULT = fc.record({
  shard: fc.nat(SHARD_COUNT_MAX - 1),
  status: fc.nat(3),
  epoch: fc.nat(2 ** 32 - 1),
  sequence: fc.maxSafeNat(),
});

/** The batch at some place of a larger array, as it comes off a connection. */
function batchOf(
  clockMs: number,
  sections: readonly { readonly shard: number; readonly epoch: number; readonly records: Uint8Array }[],
): OutputBuffer {
  const output = new OutputBuffer();
  output.ascii("before");
  output.f64(clockMs);
  for (const { shard, epoch, records } of sections) {
    encodeSectionHead(output, { shard, epoch, byteLength: records.length });
    output.copy(records);
  }
  return output;
}

/** The sections that `bytes[start, end)` has, and the error behind them. */
function readSections(bytes: Uint8Array, start: number, end: number): [unknown[], string, number] {
  const batch = new BatchReader(bytes, start, end);
  const sections = [];
  while (batch.next()) {
    const { shard, epoch, recordsStart, recordsEnd } = batch;
    assert(recordsEnd <= end);
    sections.push({ shard, epoch, records: bytes.slice(recordsStart, recordsEnd) });
  }
  return [sections, batch.error, batch.clockMs];
}

Deno.test("A batch is read as it was written, wherever it lies", () => {
  assertProperty(
    fc.property(fc.maxSafeInteger(), fc.array(SECTION, { maxLength: 5 }), (clockMs, sections) => {
      const output = batchOf(clockMs, sections);
      const { length } = output;
      output.ascii("behind");
      assertEquals(readSections(output.bytes, 6, length), [sections, "", clockMs]);
    }),
  );
});

Deno.test("A batch that is cut short ends with an error, unless the cut is between two sections", () => {
  const output = batchOf(5, [
    { shard: 1, epoch: 2, records: new Uint8Array(3) },
    { shard: 2, epoch: 2, records: new Uint8Array(0) },
  ]);
  const wholeAt = [8, 21, 31];
  for (let length = 0; length <= 31; length++) {
    const [sections, error] = readSections(output.bytes, 6, 6 + length);
    assertEquals([sections.length, error === ""], [
      wholeAt.filter((end) => end <= length && end > 8).length,
      wholeAt.includes(length),
    ], `${length} bytes: ${error}`);
  }
});

Deno.test("Whatever bytes come as a batch or as results, reading them ends", () => {
  assertProperty(
    fc.property(fc.uint8Array({ maxLength: 90 }), (bytes) => {
      readSections(bytes, 0, bytes.length);
      decodeResults(bytes, 0, bytes.length);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("Results are read as they were written, and what has another length, shard or status is none", () => {
  assertProperty(
    fc.property(fc.array(RESULT, { maxLength: 5 }), (results: Result[]) => {
      const output = new OutputBuffer();
      for (const result of results) encodeResult(output, result);
      assertEquals(decodeResults(output.bytes, 0, output.length), results);
      if (results.length === 0) return;
      assertEquals(decodeResults(output.bytes, 0, output.length - 1), null);
      for (const [at, byte] of [[1, 0xff], [2, 5], [14, 0xff]]) {
        const bytes = output.view().slice();
        bytes[at!] = byte!;
        assertEquals(decodeResults(bytes, 0, bytes.length), null);
      }
    }),
  );
});

Deno.test("The bytes of a batch and of a result never change meaning", () => {
  const batch = batchOf(1, [{ shard: 0x0102, epoch: 0x03040506, records: Uint8Array.of(0xaa, 0xbb) }]);
  assertEquals(
    hexOf(batch.view().subarray(6)),
    "00 00 00 00 00 00 f0 3f 02 01 06 05 04 03 02 00 00 00 aa bb",
  );
  const result = new OutputBuffer();
  encodeResult(result, { shard: 0x0102, status: 2, epoch: 0x03040506, sequence: 0x0708090a0b });
  assertEquals(hexOf(result.view()), "02 01 02 06 05 04 03 0b 0a 09 08 07 00 00 00");
});

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
