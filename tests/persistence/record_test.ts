/** The record's grammar: what is written is read, and nothing else is. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { bytesOf } from "../../src/core/bytes.ts";
import { RECORD_BYTES_MAX, SHARD_COUNT_MAX } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import {
  decodeRecord,
  encodeDelete,
  encodeExpire,
  encodeFlush,
  encodeSet,
  KIND_DELETE,
  KIND_EXPIRE,
  KIND_FLUSH,
  KIND_SET,
  RECORD_BAD,
  RecordView,
} from "../../src/persistence/record.ts";
import { assertProperty } from "../support/property.ts";

interface Mutation {
  readonly kind: number;
  readonly shard: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly expiresAtMs: number;
}

const MUTATION: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(KIND_SET, KIND_DELETE, KIND_EXPIRE, KIND_FLUSH),
  shard: fc.nat(SHARD_COUNT_MAX - 1),
  epoch: fc.nat(2 ** 32 - 1),
  sequence: fc.maxSafeNat(),
  key: fc.uint8Array({ maxLength: 300 }),
  value: fc.uint8Array({ maxLength: 300 }),
  expiresAtMs: fc.constantFrom(0, 1, 1_700_000_000_123, Number.MAX_SAFE_INTEGER),
});

/** Appends the mutation's record. */
function encode(output: OutputBuffer, mutation: Mutation): void {
  const { kind, shard, epoch, sequence, key, value, expiresAtMs } = mutation;
  if (kind === KIND_SET) {
    encodeSet(output, shard, epoch, sequence, key, 0, key.length, value, 0, value.length, expiresAtMs);
  } else if (kind === KIND_DELETE) encodeDelete(output, shard, epoch, sequence, key, 0, key.length);
  else if (kind === KIND_EXPIRE) {
    encodeExpire(output, shard, epoch, sequence, key, 0, key.length, expiresAtMs);
  } else encodeFlush(output, shard, epoch, sequence);
}

function assertShows(view: RecordView, bytes: Uint8Array, mutation: Mutation): void {
  const { kind, shard, epoch, sequence } = mutation;
  assertEquals(
    { kind: view.kind, shard: view.shard, epoch: view.epoch, sequence: view.sequence },
    { kind, shard, epoch, sequence },
  );
  if (kind !== KIND_FLUSH) assertEquals(bytes.slice(view.keyStart, view.keyEnd), mutation.key);
  if (kind === KIND_SET) assertEquals(bytes.slice(view.valueStart, view.valueEnd), mutation.value);
  if (kind === KIND_SET || kind === KIND_EXPIRE) assertEquals(view.expiresAtMs, mutation.expiresAtMs);
}

Deno.test("Records are decoded as they were encoded, one behind the other", () => {
  const view = new RecordView();
  assertProperty(
    fc.property(fc.array(MUTATION, { maxLength: 8 }), (mutations) => {
      const output = new OutputBuffer(1);
      for (const mutation of mutations) encode(output, mutation);
      let at = 0;
      for (const mutation of mutations) {
        const end = decodeRecord(view, output.bytes, at, output.length);
        assertShows(view, output.bytes, mutation);
        at = end;
      }
      assertEquals(at, output.length);
    }),
    { numRuns: 200 },
  );
});

Deno.test("A record that is cut short anywhere is bad", () => {
  for (const expiresAtMs of [0, 4]) {
    const output = new OutputBuffer();
    const [key, value] = [bytesOf("key"), bytesOf("value")];
    encodeSet(output, 1, 2, 3, key, 0, key.length, value, 0, value.length, expiresAtMs);
    for (let end = 0; end < output.length; end++) {
      assertEquals(decodeRecord(new RecordView(), output.bytes, 0, end), RECORD_BAD);
    }
    assertEquals(decodeRecord(new RecordView(), output.bytes, 0, output.length), output.length);
  }
});

Deno.test("A record of unknown kind, unknown shard, or impossible sequence or length is bad", () => {
  const view = new RecordView();
  for (
    const [at, byte] of [[18, 0], [18, 5], [18, 6], [18, 8], [18, 0x84], [5, 0x04], [16, 0x20], [0, 14], [
      3,
      0x7f,
    ]]
  ) {
    const output = new OutputBuffer();
    encodeFlush(output, 1, 1, 1);
    output.bytes[at!] = byte!;
    assertEquals(decodeRecord(view, output.bytes, 0, output.length), RECORD_BAD, `byte ${at} = ${byte}`);
  }
  assert(RECORD_BYTES_MAX < 0x7f00_0000);
});

Deno.test("A set whose key would reach beyond the record is bad", () => {
  const key = bytesOf("key");
  for (const [expiresAtMs, keyLengthAt] of [[0, 19], [1, 27]] as const) {
    const output = new OutputBuffer();
    encodeSet(output, 1, 1, 1, key, 0, 3, key, 0, 0, expiresAtMs);
    assertEquals(output.bytes[keyLengthAt], 3);
    output.bytes[keyLengthAt] = 4;
    assertEquals(decodeRecord(new RecordView(), output.bytes, 0, output.length), RECORD_BAD);
  }
});

Deno.test("A record's bytes on disk never change meaning", () => {
  for (
    const [expiresAtMs, hex] of [
      [1, "1b 00 00 00 02 01 06 05 04 03 0b 0a 09 08 07 00 00 00 01 00 00 00 00 00 00 f0 3f 01 00 6b 76"],
      [0, "13 00 00 00 02 01 06 05 04 03 0b 0a 09 08 07 00 00 00 07 01 00 6b 76"],
    ] as const
  ) {
    const output = new OutputBuffer();
    encodeSet(output, 0x0102, 0x03040506, 0x0708090a0b, bytesOf("k"), 0, 1, bytesOf("v"), 0, 1, expiresAtMs);
    assertEquals(hexOf(output.view()), hex);
  }
});

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
