/** Random operations on a store and its model side by side, for properties. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { BLOCK_COST_BYTES } from "../../src/store/store.ts";
import { replay, TestStore, valueOfLength } from "./store_fixture.ts";
import { StoreModel } from "./store_model.ts";

/** Blocks of the stores under test: few, so that nearly every write evicts. */
export const BLOCK_COUNT = 40;
const BLOCK_COUNT_MIN = 16;
const TIME_MAX = 50;

/** Keys of all kinds of length: empty, within a head, filling it, reaching behind it, over several blocks. */
export const KEYS = [
  "",
  "a",
  "b",
  "key:0001",
  "x".repeat(31),
  "y".repeat(32),
  "z".repeat(33),
  "w".repeat(200),
]
  .concat(Array.from({ length: 12 }, (_, i) => `k${i}`));

export type Operation =
  | { readonly kind: "set"; readonly key: string; readonly length: number; readonly expiresAtMs: number }
  | { readonly kind: "get" | "touch" | "delete" | "deleteKey"; readonly key: string }
  | { readonly kind: "expire"; readonly key: string; readonly expiresAtMs: number }
  | { readonly kind: "sweep"; readonly blocksMax: number; readonly deletesMax: number }
  | { readonly kind: "setCap"; readonly blocks: number }
  | { readonly kind: "shrink"; readonly entriesMax: number }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "flush" };

const key = fc.constantFrom(...KEYS);
const deadline = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: TIME_MAX }));
const valueLength = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 100 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 700 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: BLOCK_COUNT * 64 + 100 }) },
);

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("set" as const),
      key,
      length: valueLength,
      expiresAtMs: deadline,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constantFrom("get", "touch", "delete", "deleteKey"), key }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("expire" as const), key, expiresAtMs: deadline }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("sweep" as const),
      blocksMax: fc.integer({ min: 1, max: BLOCK_COUNT + 10 }),
      deletesMax: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("setCap" as const),
      blocks: fc.integer({ min: BLOCK_COUNT_MIN, max: BLOCK_COUNT }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("shrink" as const),
      entriesMax: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
);

/** A store and its model, which do the same and are compared. */
export class Pair {
  readonly test = new TestStore(BLOCK_COUNT);
  readonly model = new StoreModel(BLOCK_COUNT);
  nowMs = 0;
  #salt = 0;

  run(operation: Operation): void {
    const { test, model, nowMs } = this;
    const { store } = test;
    switch (operation.kind) {
      case "set": {
        const value = valueOfLength(operation.length, this.#salt++);
        const expected = model.set(operation.key, value, operation.expiresAtMs);
        assertEquals(test.set(operation.key, value, operation.expiresAtMs), expected);
        return;
      }
      case "get":
        assertEquals(test.find(operation.key, nowMs) !== 0, model.isThere(operation.key, nowMs));
        return;
      case "deleteKey": {
        const expected = model.isThere(operation.key, nowMs);
        if (model.entries.has(operation.key)) model.delete(operation.key);
        assertEquals(test.deleteKey(operation.key, nowMs), expected);
        return;
      }
      case "touch": {
        const row = test.find(operation.key, nowMs);
        if (row === 0) return;
        model.touch(operation.key);
        store.touch(row);
        return;
      }
      case "delete": {
        const row = test.find(operation.key, nowMs);
        if (row === 0) return;
        model.delete(operation.key);
        store.delete(row);
        return;
      }
      case "expire": {
        const row = test.find(operation.key, nowMs);
        if (row === 0) return;
        model.expire(operation.key, operation.expiresAtMs);
        store.expire(row, operation.expiresAtMs);
        return;
      }
      case "sweep":
        this.#sweep(operation.blocksMax, operation.deletesMax);
        return;
      case "setCap":
        model.blockLimit = operation.blocks;
        store.setCap(operation.blocks * BLOCK_COST_BYTES);
        return;
      case "shrink":
        assertEquals(store.shrink(operation.entriesMax), model.shrink(operation.entriesMax));
        return;
      case "wait":
        this.nowMs += operation.ms;
        return;
      case "flush":
        model.flush();
        store.flush();
        return;
    }
  }

  /** Everything that can be seen of the store is what the model says. */
  compare(): void {
    const { test, model } = this;
    const { store } = test;
    store.check();
    assertEquals(test.order(), [...model.entries.keys()]);
    assertEquals(test.content(), new Map(model.entries));
    for (const key of KEYS) {
      const expected = model.isThere(key, this.nowMs) ? model.entries.get(key)!.value : null;
      assertEquals(test.get(key, this.nowMs), expected);
    }
    assertEquals(test.listener.heard, model.heard);
    assertEquals(store.entryCount, model.entries.size);
    assertEquals(store.liveBytes, model.liveBlocks * BLOCK_COST_BYTES);
    assertEquals(store.evictedCount, model.evictedCount);
    assertEquals(store.volatileCount, [...model.entries.values()].filter((e) => e.expiresAtMs !== 0).length);
    assert(store.liveBytes <= store.usedBytes && store.usedBytes <= store.reservedCapBytes);
  }

  /** The mutations that the store told of lead to what it holds. */
  compareReplay(): void {
    assertEquals(this.test.content(), replay(this.test.listener.heard));
  }

  /** Storage order is the store's own affair: the model follows what is removed, and checks that it may be. */
  #sweep(blocksMax: number, deletesMax: number): void {
    const { test, model, nowMs } = this;
    const heardBefore = test.listener.heard.length;
    const expiredBefore = test.store.expiredCount;
    const count = test.store.sweepExpired(nowMs, blocksMax, deletesMax);
    const heard = test.listener.heard.slice(heardBefore);
    assertEquals(heard.length, count);
    assertEquals(test.store.expiredCount, expiredBefore + count);
    assert(count <= deletesMax);
    for (const { key } of heard) {
      assert(model.entries.has(key) && !model.isThere(key, nowMs), "only what expired is swept");
      model.delete(key);
    }
  }
}
