/** The record's grammar: what is written is read, and nothing else is. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RECORD_BYTES_MAX, RECORD_HEADER_BYTES, SHARD_COUNT_MAX } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import {
  KIND_BEGIN_ANEW,
  KIND_BEGIN_EPOCH,
  KIND_DELETE,
  KIND_EXPIRE,
  KIND_FILL,
  KIND_FILLED,
  KIND_FLUSH,
  KIND_SET,
  Mutation,
  TYPE_STRING,
} from "../../src/core/mutation.ts";
import { decodeRecord, encodeRecord, RECORD_BAD } from "../../src/persistence/record.ts";
import { type MutationFields, mutationOf } from "../support/mutations.ts";
import { assertProperty } from "../support/property.ts";

const WITH_VALUE = [KIND_SET, KIND_FILL];
const WITH_KEY = [...WITH_VALUE, KIND_DELETE, KIND_EXPIRE];
const WITHOUT_KEY = [KIND_FLUSH, KIND_BEGIN_ANEW, KIND_BEGIN_EPOCH, KIND_FILLED];

const MUTATION = fc.record({
  kind: fc.constantFrom(...WITH_KEY, ...WITHOUT_KEY),
  shard: fc.nat(SHARD_COUNT_MAX - 1),
  epoch: fc.nat(2 ** 32 - 1),
  sequence: fc.maxSafeNat(),
  key: fc.uint8Array({ maxLength: 300 }),
  value: fc.uint8Array({ maxLength: 300 }),
  expiresAtMs: fc.constantFrom(0, 1, 1_700_000_000_123, Number.MAX_SAFE_INTEGER),
});

function encode(output: OutputBuffer, fields: MutationFields): void {
  encodeRecord(output, mutationOf(fields));
}

function assertShows(decoded: Mutation, expected: MutationFields): void {
  const { kind, shard, epoch, sequence } = expected;
  assertEquals(
    { kind: decoded.kind, shard: decoded.shard, epoch: decoded.epoch, sequence: decoded.sequence },
    { kind, shard, epoch, sequence },
  );
  assertEquals(decoded.database, 0);
  if (WITH_VALUE.includes(kind!)) assertEquals(decoded.type, TYPE_STRING);
  if (WITH_KEY.includes(kind!)) {
    assertEquals(decoded.keyBytes.slice(decoded.keyStart, decoded.keyEnd), expected.key);
  }
  if (WITH_VALUE.includes(kind!)) {
    assertEquals(decoded.valueBytes.slice(decoded.valueStart, decoded.valueEnd), expected.value);
  }
  if (WITH_VALUE.includes(kind!) || kind === KIND_EXPIRE) {
    assertEquals(decoded.expiresAtMs, expected.expiresAtMs);
  }
}

Deno.test("Records are decoded as they were encoded, one behind the other", () => {
  const decoded = new Mutation();
  assertProperty(
    fc.property(fc.array(MUTATION, { maxLength: 8 }), (mutations) => {
      const output = new OutputBuffer(1);
      for (const mutation of mutations) encode(output, mutation);
      let at = 0;
      for (const mutation of mutations) {
        const end = decodeRecord(decoded, output.bytes, at, output.length);
        assertShows(decoded, mutation);
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
    encode(output, { shard: 1, epoch: 2, sequence: 3, key: "key", value: "value", expiresAtMs });
    for (let end = 0; end < output.length; end++) {
      assertEquals(decodeRecord(new Mutation(), output.bytes, 0, end), RECORD_BAD);
    }
    assertEquals(decodeRecord(new Mutation(), output.bytes, 0, output.length), output.length);
  }
});

Deno.test("A record of unknown kind, shard or database, or impossible sequence or length is bad", () => {
  const decoded = new Mutation();
  for (
    const [at, byte] of [
      ...[[18, 0], [18, 5], [18, 6], [18, 12], [18, 0x84], [19, 1], [5, 0x04], [16, 0x20], [0, 15]],
      [3, 0x7f],
    ]
  ) {
    const output = new OutputBuffer();
    encode(output, { kind: KIND_FLUSH, shard: 1, epoch: 1, sequence: 1 });
    output.bytes[at!] = byte!;
    assertEquals(decodeRecord(decoded, output.bytes, 0, output.length), RECORD_BAD, `byte ${at} = ${byte}`);
  }
  assert(RECORD_BYTES_MAX < 0x7f00_0000);
});

Deno.test("A set of a value of unknown type is bad", () => {
  for (const expiresAtMs of [0, 4]) {
    const output = new OutputBuffer();
    encode(output, { shard: 1, epoch: 2, sequence: 3, key: "key", type: 2, expiresAtMs });
    assertEquals(decodeRecord(new Mutation(), output.bytes, 0, output.length), RECORD_BAD);
  }
});

Deno.test("A record that begins a copy or an epoch, or ends a filling, has nothing behind its header", () => {
  for (const kind of [KIND_BEGIN_ANEW, KIND_BEGIN_EPOCH, KIND_FILLED]) {
    const output = new OutputBuffer();
    encode(output, { kind, shard: 1, epoch: 2, sequence: 3 });
    assertEquals(output.length, RECORD_HEADER_BYTES);
    output.byte(0);
    output.bytes[0]!++;
    assertEquals(decodeRecord(new Mutation(), output.bytes, 0, output.length), RECORD_BAD);
  }
});

Deno.test("A set whose key would reach beyond the record is bad", () => {
  for (const [expiresAtMs, keyLengthAt] of [[0, 21], [1, 29]] as const) {
    const output = new OutputBuffer();
    encode(output, { shard: 1, epoch: 1, sequence: 1, key: "key", expiresAtMs });
    assertEquals(output.bytes[keyLengthAt], 3);
    output.bytes[keyLengthAt] = 4;
    assertEquals(decodeRecord(new Mutation(), output.bytes, 0, output.length), RECORD_BAD);
  }
});

Deno.test("A record's bytes on disk never change meaning", () => {
  for (
    const [expiresAtMs, hex] of [
      [
        1,
        "1d 00 00 00 02 01 06 05 04 03 0b 0a 09 08 07 00 00 00 01 00 01 00 00 00 00 00 00 f0 3f 01 00 6b 76",
      ],
      [0, "15 00 00 00 02 01 06 05 04 03 0b 0a 09 08 07 00 00 00 07 00 01 01 00 6b 76"],
    ] as const
  ) {
    const output = new OutputBuffer();
    const place = { shard: 0x0102, epoch: 0x03040506, sequence: 0x0708090a0b };
    encode(output, { ...place, key: "k", value: "v", expiresAtMs });
    assertEquals(hexOf(output.view()), hex);
  }
  const fill = new OutputBuffer();
  encode(fill, { kind: KIND_FILL, shard: 1, epoch: 2, sequence: 3, key: "k", value: "v" });
  assertEquals(
    hexOf(fill.view()),
    "1d 00 00 00 01 00 02 00 00 00 03 00 00 00 00 00 00 00 0a 00 01 00 00 00 00 00 00 00 00 01 00 6b 76",
  );
  for (
    const [kind, byte] of [
      [KIND_DELETE, "02"],
      [KIND_BEGIN_ANEW, "08"],
      [KIND_BEGIN_EPOCH, "09"],
      [KIND_FILLED, "0b"],
    ] as const
  ) {
    const output = new OutputBuffer();
    encode(output, { kind, shard: 1, epoch: 2, sequence: 3 });
    assertEquals(hexOf(output.view()), `10 00 00 00 01 00 02 00 00 00 03 00 00 00 00 00 00 00 ${byte} 00`);
  }
});

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
