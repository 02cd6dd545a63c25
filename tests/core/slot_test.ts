/** Slots of keys and the shards that they belong to. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { bytesOf } from "../../src/core/bytes.ts";
import { crc16 } from "../../src/core/crc16.ts";
import { SHARD_COUNT_MAX, SLOT_COUNT } from "../../src/core/limits.ts";
import { shardOfSlot, slotRangeOf } from "../../src/core/shard_ranges.ts";
import { slotOfKey } from "../../src/core/slot.ts";
import { assertProperty } from "../support/property.ts";

function slotOf(key: string): number {
  const bytes = bytesOf(key);
  return slotOfKey(bytes, 0, bytes.length);
}

function slotOfWhole(text: string): number {
  const bytes = bytesOf(text);
  return crc16(bytes, 0, bytes.length) % SLOT_COUNT;
}

Deno.test("A key has the slot that Redis Cluster gives it", () => {
  assertEquals(slotOf(""), 0);
  assertEquals(slotOf("foo"), 12182);
  assertEquals(slotOf("bar"), 5061);
  assertEquals(slotOf("hello"), 866);
  assertEquals(slotOf("123456789"), 12739);
});

Deno.test("Of a key with a tag only the tag counts", () => {
  assertEquals(slotOf("{user1000}.following"), slotOf("{user1000}.followers"));
  const cases: [key: string, hashed: string][] = [
    ["{user1000}.following", "user1000"],
    ["foo{bar}{zap}", "bar"],
    ["foo{{bar}}zap", "{bar"],
    ["foo{}{bar}", "foo{}{bar}"],
    ["foo{bar", "foo{bar"],
    ["foo}bar{", "foo}bar{"],
    ["}{x}", "x"],
    ["{", "{"],
    ["{}", "{}"],
  ];
  for (const [key, hashed] of cases) assertEquals(slotOf(key), slotOfWhole(hashed), key);
});

Deno.test("The checksum is that of the specification, bit by bit, for any bytes", () => {
  assertProperty(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      let expected = 0;
      for (const byte of bytes) {
        expected ^= byte << 8;
        for (let bit = 0; bit < 8; bit++) {
          expected = (expected << 1) ^ ((expected & 0x8000) === 0 ? 0 : 0x1021);
        }
        expected &= 0xffff;
      }
      assertEquals(crc16(bytes, 0, bytes.length), expected);
      const forbidden = bytes[bytes.length >>> 1];
      if (forbidden !== undefined) assertEquals(crc16(bytes, 0, bytes.length, forbidden), -1);
    }),
  );
});

Deno.test("A slot depends on the key's own bytes only", () => {
  assertProperty(
    fc.property(fc.uint8Array(), fc.uint8Array(), fc.uint8Array(), (before, key, after) => {
      const bytes = Uint8Array.from([...before, ...key, ...after]);
      const slot = slotOfKey(bytes, before.length, before.length + key.length);
      assertEquals(slot, slotOfKey(key, 0, key.length));
      assertEquals(slot >= 0 && slot < SLOT_COUNT, true);
    }),
    { numRuns: 300 },
  );
});

Deno.test("Shards are contiguous ranges that cover every slot once and differ by one at most", () => {
  const shardCounts = fc.oneof(
    fc.integer({ min: 1, max: SHARD_COUNT_MAX }),
    fc.constantFrom(1, 3, 16, SHARD_COUNT_MAX),
  );
  assertProperty(
    fc.property(shardCounts, (shardCount) => {
      let next = 0;
      const sizes = new Set<number>();
      for (let shard = 0; shard < shardCount; shard++) {
        const { first, last } = slotRangeOf(shard, shardCount);
        assertEquals(first, next);
        assertEquals(shardOfSlot(first, shardCount), shard);
        assertEquals(shardOfSlot(last, shardCount), shard);
        sizes.add(last - first + 1);
        next = last + 1;
      }
      assertEquals(next, SLOT_COUNT);
      assertEquals(Math.max(...sizes) - Math.min(...sizes) <= 1, true);
    }),
    { numRuns: 60 },
  );
});
