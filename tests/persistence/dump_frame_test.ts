/** The frame's grammar: what is written is read, and nothing else is. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { bytesOf } from "../../src/core/bytes.ts";
import { KIND_SET, Mutation, TYPE_STRING } from "../../src/core/mutation.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import {
  closeFrame,
  decodeEntry,
  encodeEntryHead,
  endOfFrame,
  FRAME_BAD,
  FRAME_HEADER_BYTES,
  FRAME_INCOMPLETE,
  openFrame,
  shardOfFrame,
} from "../../src/persistence/dump_frame.ts";
import { assertProperty } from "../support/property.ts";

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly expiresAtMs: number;
}

const ENTRIES: fc.Arbitrary<Entry[]> = fc.array(
  fc.record({
    key: fc.uint8Array({ maxLength: 300 }),
    value: fc.uint8Array({ maxLength: 300 }),
    expiresAtMs: fc.constantFrom(0, 1, 1_700_000_000_123, Number.MAX_SAFE_INTEGER),
  }),
  { maxLength: 5 },
);

/** Appends a frame. */
function encode(output: OutputBuffer, shard: number, entries: readonly Entry[]): void {
  const start = output.length;
  openFrame(output, shard);
  for (const { key, value, expiresAtMs } of entries) {
    const lengths = { keyLength: key.length, valueLength: value.length };
    encodeEntryHead(output, { ...lengths, expiresAtMs, database: 0, type: TYPE_STRING });
    output.copy(key);
    output.copy(value);
  }
  closeFrame(output, start);
}

Deno.test("Frames are decoded as they were encoded, one behind the other", () => {
  const frames = fc.array(fc.record({ shard: fc.nat(1023), entries: ENTRIES }), { maxLength: 4 });
  const mutation = new Mutation();
  assertProperty(fc.property(frames, (frames) => {
    const output = new OutputBuffer(1);
    for (const { shard, entries } of frames) encode(output, shard, entries);
    const { bytes, length } = output;
    let start = 0;
    for (const { shard, entries } of frames) {
      const end = endOfFrame(bytes, start, length);
      assertEquals(shardOfFrame(bytes, start), shard);
      let at = start + FRAME_HEADER_BYTES;
      for (const { key, value, expiresAtMs } of entries) {
        at = decodeEntry(mutation, bytes, new DataView(bytes.buffer), at, end);
        const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd } = mutation;
        assertEquals(keyBytes.slice(keyStart, keyEnd), key);
        assertEquals(valueBytes.slice(valueStart, valueEnd), value);
        assertEquals([mutation.kind, mutation.expiresAtMs, valueEnd], [KIND_SET, expiresAtMs, at]);
      }
      assertEquals(at, end);
      start = end;
    }
    assertEquals(start, length);
  }));
});

Deno.test("A frame that is cut short anywhere is incomplete", () => {
  const output = new OutputBuffer();
  encode(output, 3, [{ key: bytesOf("key"), value: bytesOf("value"), expiresAtMs: 4 }]);
  for (let end = 0; end < output.length; end++) {
    assertEquals(endOfFrame(output.bytes, 0, end), FRAME_INCOMPLETE);
  }
  assertEquals(endOfFrame(output.bytes, 0, output.length), output.length);
});

Deno.test("A frame with any bit flipped is never taken for a frame", () => {
  assertProperty(fc.property(ENTRIES, fc.nat(), (entries, at) => {
    const output = new OutputBuffer(1);
    encode(output, 1, entries);
    output.bytes[Math.floor(at / 8) % output.length]! ^= 1 << (at % 8);
    assert(endOfFrame(output.bytes, 0, output.length) < 0);
  }));
});

Deno.test("A frame longer than any is bad before the rest of it is there", () => {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  bytes[7] = 0x7f;
  assertEquals(endOfFrame(bytes, 0, bytes.length), FRAME_BAD);
});

Deno.test("A frame's bytes on disk never change meaning", () => {
  const output = new OutputBuffer();
  encode(output, 0x0102, [{ key: bytesOf("k"), value: bytesOf("vw"), expiresAtMs: 1 }]);
  const hex = Array.from(output.view(), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  assertEquals(
    hex.slice(12),
    "13 00 00 00 02 01 00 00 00 00 00 00 f0 3f 02 00 00 00 01 00 00 01 6b 76 77",
  );
});
