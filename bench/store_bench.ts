/**
 * What the store's operations cost by themselves: no sockets, no log. Each iteration is 1,000 operations on random
 * keys out of 100,000, so microseconds an iteration are nanoseconds an operation.
 *
 *     deno bench bench/store_bench.ts
 */
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { GIB, MIB } from "../src/core/limits.ts";
import { Mutation } from "../src/core/mutation.ts";
import type { MutationListener } from "../src/store/mutation_listener.ts";
import { Store } from "../src/store/store.ts";

const KEY_COUNT = 100_000;
const KEY_BYTES = 16;
const OPERATIONS = 1_000;

let position = 0;
const listener: MutationListener = { onMutation: () => ++position };
const mutation = new Mutation();
const random = new SeededRandom(1);
const target = new Uint8Array(4096);

/** `count` keys side by side, `KEY_BYTES` each. */
function keysFrom(first: number, count: number): Uint8Array {
  const keys = new Uint8Array(count * KEY_BYTES);
  for (let i = 0; i < count; i++) {
    const text = `key:${String(first + i).padStart(KEY_BYTES - 4, "0")}`;
    for (let j = 0; j < KEY_BYTES; j++) keys[i * KEY_BYTES + j] = text.charCodeAt(j);
  }
  return keys;
}

const keys = keysFrom(0, KEY_COUNT);
const absentKeys = keysFrom(KEY_COUNT, KEY_COUNT);
/** Starts of random keys, so that the benchmark does not measure the making of random numbers. */
const starts = Int32Array.from({ length: 1 << 17 }, () => random.u32() % KEY_COUNT * KEY_BYTES);
let cursor = 0;

function nextStart(): number {
  cursor = (cursor + 1) & (starts.length - 1);
  return starts[cursor]!;
}

function newStore(capBytes: number): Store {
  return new Store({ capBytes, seed: { low: 1, high: 2 }, listener });
}

function set(store: Store, keys: Uint8Array, at: number, value: Uint8Array): void {
  mutation.setKey(keys, at, at + KEY_BYTES);
  mutation.setValue(value, 0, value.length);
  store.set(store.hashOf(keys, at, at + KEY_BYTES), mutation);
}

function filledStore(capBytes: number, value: Uint8Array): Store {
  const store = newStore(capBytes);
  for (let at = 0; at < keys.length; at += KEY_BYTES) {
    set(store, keys, at, value);
  }
  return store;
}

const small = new Uint8Array(64).fill(1);
const large = new Uint8Array(1000).fill(2);
const smallStore = filledStore(64 * MIB, small);
const largeStore = filledStore(256 * MIB, large);
const evictingStore = filledStore(4 * MIB, small);
const growingStore = newStore(8 * GIB);
const growingKey = keysFrom(0, 1);
let growingCount = 0;

/** Makes the growing store's next key: a counter in its last bytes. */
function nextGrowingKey(): void {
  growingCount++;
  for (let byte = 0; byte < 4; byte++) growingKey[KEY_BYTES - 1 - byte] = growingCount >>> (8 * byte);
}

Deno.bench(`${OPERATIONS} × find hit`, () => {
  for (let i = 0; i < OPERATIONS; i++) {
    const at = nextStart();
    smallStore.find(smallStore.hashOf(keys, at, at + KEY_BYTES), keys, at, at + KEY_BYTES, 1);
  }
});

Deno.bench(`${OPERATIONS} × find miss`, () => {
  for (let i = 0; i < OPERATIONS; i++) {
    const at = nextStart();
    smallStore.find(smallStore.hashOf(absentKeys, at, at + KEY_BYTES), absentKeys, at, at + KEY_BYTES, 1);
  }
});

Deno.bench(`${OPERATIONS} × find, touch, copy 64 bytes`, () => {
  for (let i = 0; i < OPERATIONS; i++) {
    const at = nextStart();
    const row = smallStore.find(smallStore.hashOf(keys, at, at + KEY_BYTES), keys, at, at + KEY_BYTES, 1);
    smallStore.touch(row);
    smallStore.copyValue(row, target, 0);
  }
});

Deno.bench(`${OPERATIONS} × set overwrite 64 bytes`, () => {
  for (let i = 0; i < OPERATIONS; i++) {
    const at = nextStart();
    set(smallStore, keys, at, small);
  }
});

Deno.bench(`${OPERATIONS} × set new 64 bytes`, () => {
  for (let i = 0; i < OPERATIONS; i++) {
    nextGrowingKey();
    set(growingStore, growingKey, 0, small);
  }
});

Deno.bench(`${OPERATIONS} × set evicting 64 bytes`, () => {
  for (let i = 0; i < OPERATIONS; i++) {
    const at = nextStart();
    set(evictingStore, keys, at, small);
  }
});

Deno.bench(`${OPERATIONS} × set overwrite 1,000 bytes`, () => {
  for (let i = 0; i < OPERATIONS; i++) {
    const at = nextStart();
    set(largeStore, keys, at, large);
  }
});

Deno.bench(`${OPERATIONS} × find, touch, copy 1,000 bytes`, () => {
  for (let i = 0; i < OPERATIONS; i++) {
    const at = nextStart();
    const row = largeStore.find(largeStore.hashOf(keys, at, at + KEY_BYTES), keys, at, at + KEY_BYTES, 1);
    largeStore.touch(row);
    largeStore.copyValue(row, target, 0);
  }
});
