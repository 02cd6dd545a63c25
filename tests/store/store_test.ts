import { assert, assertEquals, assertThrows } from "@std/assert";
import { AssertionError } from "../../src/core/assert.ts";
import { bytesOf } from "../../src/core/bytes.ts";
import { hashOfKey } from "../../src/core/key_hash.ts";
import { KEY_BYTES_MAX, MIB } from "../../src/core/limits.ts";
import { mutationOf } from "../support/mutations.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { BLOCK_COST_BYTES, Store } from "../../src/store/store.ts";
import { keyOf, SILENT_LISTENER, TestStore } from "./store_fixture.ts";

const SEED = { low: 3, high: 4 };

function silentStore(capBytes: number): Store {
  return new Store({ capBytes, seed: SEED, listener: SILENT_LISTENER });
}

function set(store: Store, key: Uint8Array, value?: Uint8Array): boolean {
  return store.set(store.hashOf(key, 0, key.length), mutationOf({ key, value }));
}

Deno.test("Store gives back what was set, for empty and binary keys and values too", () => {
  const test = new TestStore(100);
  for (const key of ["", "key", "\x00\xff\r\n", "long".repeat(50)]) {
    for (const value of ["", "v", "\xff\x00", "x".repeat(32), "y".repeat(33), "z".repeat(1000)]) {
      assert(test.set(key, value));
      assertEquals(test.get(key), value);
      assertEquals(keyOf(test.store, test.find(key)), key);
    }
  }
  assertEquals(test.store.entryCount, 4);
  assertEquals(test.get("other"), null);
});

Deno.test("Store copies any part of a value", () => {
  const test = new TestStore(100);
  const value = Array.from({ length: 300 }, (_, i) => String.fromCharCode(i & 0xff)).join("");
  test.set("key", value);
  const row = test.find("key");
  for (const [from, to] of [[0, 300], [0, 0], [300, 300], [28, 30], [29, 94], [93, 299]] as const) {
    const target = new Uint8Array(to - from + 2);
    test.store.copyValue(row, target, 1, from, to);
    const text = String.fromCharCode(...target);
    assertEquals(text, `\x00${value.slice(from, to)}\x00`);
  }
});

Deno.test("Store evicts the entries used longest ago, no more than needed, and tells of them first", () => {
  const test = new TestStore(16);
  for (let i = 0; i < 16; i++) test.set(`k${i}`, "");
  test.store.touch(test.find("k0"));
  const heardBefore = test.listener.heard.length;
  test.set("large", "v".repeat(19 + 2 * 56));
  const heard = test.listener.heard.slice(heardBefore).map(({ kind, key }) => `${kind} ${key}`);
  assertEquals(heard, ["delete k1", "delete k2", "delete k3", "set large"]);
  assertEquals(test.store.evictedCount, 3);
  assertEquals(test.order()[0], "k4");
  assertEquals(test.order().at(-1), "large");
});

Deno.test("Store refuses what cannot fit even alone, and then changes nothing", () => {
  const test = new TestStore(16);
  const largest = 24 + 15 * 56 - 3;
  for (let i = 0; i < 16; i++) test.set(`k${i}`, "");
  const before = [test.content(), test.order(), test.listener.heard.length];
  assert(!test.set("new", "v".repeat(largest + 1)));
  assert(!test.set("k03", "v".repeat(largest + 1)));
  assert(!test.set("k3", "v".repeat(largest + 2)));
  assertEquals([test.content(), test.order(), test.listener.heard.length], before);
  assert(test.set("new", "v".repeat(largest)));
  assertEquals(test.order(), ["new"]);
  assertEquals(test.store.usedBytes, test.store.capBytes);
});

Deno.test("Store never evicts the entry that is being set, even when it was the oldest", () => {
  const test = new TestStore(16);
  for (let i = 0; i < 16; i++) test.set(`k${i}`, "");
  assert(test.set("k0", "v".repeat(500)));
  assertEquals(test.get("k0")?.length, 500);
  test.store.check();
});

Deno.test("Store refuses keys that are too long as a bug of its caller", () => {
  const store = silentStore(MIB);
  const key = new Uint8Array(KEY_BYTES_MAX + 1);
  assert(set(store, key.subarray(0, KEY_BYTES_MAX)));
  assertThrows(
    () => set(store, key.subarray(0, KEY_BYTES_MAX + 1)),
    AssertionError,
  );
});

Deno.test("Store treats an entry whose time is over as absent without removing it", () => {
  const test = new TestStore(16);
  test.set("key", "value", 100);
  const { length } = test.listener.heard;
  assertEquals(test.get("key", 99), "value");
  assertEquals(test.get("key", 100), null);
  assertEquals(test.get("key", 0), "value");
  assertEquals(test.store.entryCount, 1);
  assertEquals(test.listener.heard.length, length);
  assert(!test.deleteKey("key", 100));
  assertEquals(test.store.entryCount, 0);
  assertEquals(test.store.expiredCount, 1);
  assertEquals(test.listener.heard.at(-1)?.kind, "delete");
});

Deno.test("Store counts entries with a deadline through every way of gaining and losing one", () => {
  const test = new TestStore(16);
  const counts: number[] = [];
  const note = () => counts.push(test.store.volatileCount);
  test.set("a", "", 5), note();
  test.set("a", "", 6), note();
  test.set("a", ""), note();
  test.store.expire(test.find("a"), 7), note();
  test.store.expire(test.find("a"), 0), note();
  test.set("b", "", 5), test.deleteKey("b"), note();
  test.set("c", "", 5), test.store.sweepExpired(5, 100, 100), note();
  test.set("d", "", 5), test.store.flush(), note();
  assertEquals(counts, [1, 1, 0, 1, 0, 0, 0, 0]);
});

Deno.test("Store sweeps everything that expired in rounds, each step within its bounds", () => {
  const test = new TestStore(64);
  for (let i = 0; i < 60; i++) test.set(`k${i}`, "", i % 2 === 0 ? 10 : i % 3 === 0 ? 1000 : 0);
  assertEquals(test.store.sweepExpired(9, 1000, 1000), 0);
  assertEquals(test.store.sweepExpired(10, 10, 1000), 5);
  assertEquals(test.store.sweepExpired(10, 1000, 3), 3);
  assertEquals(test.store.sweepExpired(10, 1000, 1000), 22);
  assertEquals(test.store.entryCount, 30);
  assertEquals(test.store.expiredCount, 30);
  test.set("again", "", 10);
  assertEquals(test.store.sweepExpired(10, 1000, 1000) + test.store.sweepExpired(10, 1000, 1000), 1);
});

Deno.test("Store takes a value of 64 MB, replaces it, and has all its blocks again after its delete", () => {
  const capBytes = 80 * MIB;
  const store = silentStore(capBytes);
  const key = bytesOf("key");
  const value = new Uint8Array(64_000_000);
  for (let i = 0; i < value.length; i += 61) value[i] = i >>> 3;
  assert(set(store, key, value));
  assert(set(store, key, value.subarray(1)));
  const target = new Uint8Array(value.length - 1);
  store.copyValue(store.find(store.hashOf(key, 0, 3), key, 0, 3, 0), target, 0);
  let different = 0;
  for (let i = 0; i < target.length; i++) if (target[i] !== value[i + 1]) different++;
  assertEquals(different, 0);
  assert(store.liveBytes > 64_000_000);
  assert(store.deleteKey(store.hashOf(key, 0, 3), key, 0, 3, 0));
  assertEquals(store.liveBytes, 0);
  const { usedBytes } = store;
  assert(set(store, key, value));
  assertEquals(store.usedBytes, usedBytes);
  store.check();
});

Deno.test("Store full of large values gives all its memory to small ones later", () => {
  const store = silentStore(MIB);
  const blockCount = Math.floor(MIB / BLOCK_COST_BYTES);
  const value = new Uint8Array(1000);
  for (let i = 0; i < 3000; i++) {
    set(store, bytesOf(`large${i}`), value.subarray(0, 1000));
  }
  assertEquals(store.entryCount, Math.floor(blockCount / 19));
  for (let i = 0; i < 20_000; i++) {
    set(store, bytesOf(`small${i}`), value.subarray(0, 10));
  }
  assertEquals(store.entryCount, blockCount);
  assertEquals(store.usedBytes, blockCount * BLOCK_COST_BYTES);
  for (let i = 0; i < 3000; i++) {
    set(store, bytesOf(`large${i}`), value.subarray(0, 1000));
  }
  assertEquals(store.entryCount, Math.floor(blockCount / 19));
  store.check();
});

Deno.test("Store is empty after a flush, keeps its resident memory, and can be filled again", () => {
  const test = new TestStore(64);
  for (let i = 0; i < 200; i++) test.set(`k${i}`, "v".repeat(i), i);
  const { usedBytes } = test.store;
  const row = test.store.newerRow(test.store.oldestRow());
  test.store.flush();
  assertEquals([test.store.entryCount, test.store.liveBytes, test.store.volatileCount], [0, 0, 0]);
  assertEquals([test.store.rowAfter(0), test.store.rowAfter(row), test.store.oldestRow()], [0, 0, 0]);
  assertEquals(test.get("k199"), null);
  assertEquals(test.store.usedBytes, usedBytes);
  const { evictedCount } = test.store;
  for (let i = 0; i < 64; i++) {
    test.set(`n${i}`, "");
    assertEquals(test.store.usedBytes, usedBytes);
  }
  assertEquals([test.store.entryCount, test.store.evictedCount], [64, evictedCount]);
  test.store.check();
});

Deno.test("Store under a lowered cap shrinks in bounded steps, and grows again when the cap is raised", () => {
  const test = new TestStore(64);
  for (let i = 0; i < 64; i++) test.set(`k${i}`, "");
  test.store.setCap(20 * BLOCK_COST_BYTES);
  assert(test.store.shrink(40));
  assertEquals(test.store.entryCount, 24);
  assert(test.set("new", ""));
  assertEquals(test.store.entryCount, 24);
  assert(!test.store.shrink(40));
  assertEquals(test.store.entryCount, 20);
  assertEquals(test.store.evictedCount, 45);
  assertEquals(test.store.liveBytes, test.store.capBytes);
  assertEquals(test.store.usedBytes, 64 * BLOCK_COST_BYTES);
  assert(!test.set("larger than the cap", "v".repeat(20 * 64)));
  test.store.setCap(test.store.reservedCapBytes);
  for (let i = 0; i < 100; i++) test.set(`n${i}`, "");
  assertEquals(test.store.entryCount, 64);
  assertThrows(() => test.store.setCap(test.store.reservedCapBytes + 1), AssertionError);
});

Deno.test("Store's random row is any of its entries, also when they are few and far between", () => {
  const test = new TestStore(4000);
  const random = new SeededRandom(5);
  assertEquals(test.store.randomRow(random), 0);
  for (const key of ["a", "b", "c"]) test.set(key, "v".repeat(64 * 1000));
  const seen = new Set<string>();
  for (let i = 0; i < 100; i++) seen.add(keyOf(test.store, test.store.randomRow(random)));
  assertEquals([...seen].sort(), ["a", "b", "c"]);
});

Deno.test("Store's look at a key reveals the last mutation of that key, found or not, and not that of another", () => {
  const test = new TestStore(64);
  const hashes = ["a", "b", "c"].map((key) =>
    hashOfKey({ low: 0x1234567, high: 0x89abcde }, bytesOf(key), 0, 1)
  );
  assertEquals(new Set(hashes.map((hash) => hash & 4095)).size, 3, "the keys have stripes of their own");
  test.set("a", "");
  assertEquals(test.store.positions.take(), 1);
  test.set("b", "");
  test.deleteKey("b");
  assertEquals(test.store.positions.take(), 3);
  const look = (key: string) => {
    test.store.positions.take();
    test.find(key);
    return test.store.positions.take();
  };
  assertEquals(["a", "b", "c"].map(look), [1, 3, 0]);
  test.store.expire(test.find("a"), 9);
  assertEquals(["a", "b", "c"].map(look), [4, 3, 0]);
  test.store.positions.take();
  test.store.positions.lookAtAll();
  assertEquals(test.store.positions.take(), 4);
  test.store.flush();
  assertEquals(["a", "b", "c"].map(look), [5, 5, 5]);
});

Deno.test("Store's look at an evicted key reveals the eviction", () => {
  const test = new TestStore(16);
  for (let i = 0; i <= 16; i++) test.set(`k${i}`, "");
  test.store.positions.take();
  assertEquals(test.find("k0"), 0);
  assertEquals(test.store.positions.take(), 17);
  assertEquals(test.listener.heard[16]?.kind, "delete");
});
