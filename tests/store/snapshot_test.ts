import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Row, SnapshotSink, Store } from "../../src/store/store.ts";
import { type Content, contentOf, keyOf, TestStore } from "./store_fixture.ts";
import { type Operation, operation, Pair } from "./store_operations.ts";
import { assertProperty } from "../support/property.ts";

/** Keeps what it is handed, and complains about an entry that comes twice. */
class MapSink implements SnapshotSink {
  readonly content = new Map<string, Content>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  entry(row: Row): void {
    const store = this.#store;
    const key = keyOf(store, row);
    assert(!this.content.has(key), `${key} came twice`);
    this.content.set(key, contentOf(store, row));
  }
}

type Step = Operation | { readonly kind: "step"; readonly entriesMax: number };

const step = fc.record({ kind: fc.constant("step" as const), entriesMax: fc.integer({ min: 0, max: 4 }) });
const stepOrOperation: fc.Arbitrary<Step> = fc.oneof({ weight: 1, arbitrary: step }, {
  weight: 3,
  arbitrary: operation,
});

Deno.test("Snapshot is the content at its beginning, each entry once, whatever happens meanwhile", () => {
  const before = fc.array(operation, { maxLength: 40, size: "max" });
  const during = fc.array(stepOrOperation, { maxLength: 60, size: "max" });
  assertProperty(
    fc.property(
      fc.array(fc.tuple(before, during), { minLength: 1, maxLength: 4, size: "max" }),
      (snapshots) => {
        const pair = new Pair();
        const { store } = pair.test;
        for (const [before, during] of snapshots) {
          for (const next of before) pair.run(next);
          const sink = new MapSink(store);
          const expected = pair.test.content();
          store.beginSnapshot(sink);
          for (const next of during) {
            if (next.kind !== "step") pair.run(next);
            else if (store.stepSnapshot(next.entriesMax)) break;
          }
          while (!store.stepSnapshot(3));
          assert(store.stepSnapshot(0));
          if (!store.snapshotAbandoned) assertEquals(sink.content, expected);
          else for (const [key, content] of sink.content) assertEquals(content, expected.get(key));
        }
        pair.compare();
      },
    ),
    { numRuns: 200 },
  );
});

function filled(count: number): TestStore {
  const test = new TestStore(64);
  for (let i = 0; i < count; i++) test.set(`k${i}`, `v${i}`);
  return test;
}

Deno.test("Snapshot takes no more entries in a step than it is told to", () => {
  const { store } = filled(10);
  const sink = new MapSink(store);
  store.beginSnapshot(sink);
  assertEquals(store.stepSnapshot(4), false);
  assertEquals([...sink.content.keys()], ["k0", "k1", "k2", "k3"]);
  assertEquals(store.stepSnapshot(4), false);
  assertEquals(store.stepSnapshot(4), true);
  assertEquals(sink.content.size, 10);
});

Deno.test("Snapshot of an empty store is over at once", () => {
  const { store } = filled(0);
  store.beginSnapshot(new MapSink(store));
  assert(store.stepSnapshot(1));
  assert(!store.snapshotAbandoned);
});

Deno.test("Snapshot is handed the old content before an entry is overwritten, expired, deleted or evicted", () => {
  const test = filled(64);
  const sink = new MapSink(test.store);
  test.store.beginSnapshot(sink);
  test.set("k5", "changed");
  test.store.expire(test.find("k6"), 77);
  test.deleteKey("k7");
  test.set("one more", "");
  test.set("another", "");
  assertEquals(
    [...sink.content],
    ["k5", "k6", "k7", "k0"].map((key) => [key, { value: key.replace("k", "v"), expiresAtMs: 0 }]),
  );
});

Deno.test("Snapshot hands over the newest entry though it is touched just before its turn", () => {
  const test = filled(1);
  const sink = new MapSink(test.store);
  test.store.beginSnapshot(sink);
  test.store.touch(test.find("k0"));
  test.store.touch(test.find("k0"));
  assert(test.store.stepSnapshot(1));
  assertEquals([...sink.content.keys()], ["k0"]);
});

Deno.test("Snapshot leaves out what is born after its beginning", () => {
  const test = filled(3);
  const sink = new MapSink(test.store);
  test.store.beginSnapshot(sink);
  test.set("born", "later");
  test.set("born", "and changed");
  while (!test.store.stepSnapshot(1));
  assertEquals([...sink.content.keys()], ["k0", "k1", "k2"]);
});

Deno.test("Snapshot under way is abandoned by a flush, and the next one is whole again", () => {
  const test = filled(10);
  const sink = new MapSink(test.store);
  test.store.beginSnapshot(sink);
  test.store.stepSnapshot(3);
  test.store.flush();
  assert(test.store.stepSnapshot(0));
  assert(test.store.snapshotAbandoned);
  assert(test.store.stepSnapshot(1));
  assertEquals(sink.content.size, 3);
  test.set("new", "value");
  const next = new MapSink(test.store);
  test.store.beginSnapshot(next);
  assert(!test.store.snapshotAbandoned);
  while (!test.store.stepSnapshot(1));
  assertEquals([...next.content.keys()], ["new"]);
  assert(!test.store.snapshotAbandoned);
});

Deno.test("Snapshot is whole after more abandoned and finished ones than there are marks", () => {
  const test = filled(10);
  const { store } = test;
  for (let i = 0; i < 1200; i++) {
    const sink = new MapSink(test.store);
    const expected = test.content();
    store.beginSnapshot(sink);
    store.stepSnapshot(1 + i % 5);
    test.set(`k${i % 10}`, `v${i}`);
    if (i < 600 || i % 3 === 0) {
      store.abandonSnapshot();
      assert(store.snapshotAbandoned);
      continue;
    }
    while (!store.stepSnapshot(5));
    assertEquals(sink.content, expected);
  }
  store.check();
});

Deno.test("Snapshot is whole after any number of abandoned ones during which nothing changed", () => {
  for (const count of [1, 253, 254, 255, 256, 600]) {
    const { store } = filled(10);
    for (let i = 0; i < count; i++) {
      store.beginSnapshot(new MapSink(store));
      store.abandonSnapshot();
    }
    const sink = new MapSink(store);
    store.beginSnapshot(sink);
    while (!store.stepSnapshot(5));
    assertEquals(sink.content.size, 10);
  }
});
