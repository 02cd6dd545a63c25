import { assertEquals } from "@std/assert";
import { bytesOf } from "../../src/core/bytes.ts";
import { Prefetcher } from "../../src/store/prefetcher.ts";
import { TestStore } from "./store_fixture.ts";

const prefetcher = new Prefetcher();

function announce({ store }: TestStore, key: string): void {
  const bytes = bytesOf(key);
  prefetcher.announce(store.fetchable, store.hashOf(bytes, 0, bytes.length));
}

Deno.test("Announcing and fetching keys, there or not, many or none, of one store or of two, changes nothing at any size", () => {
  const test = new TestStore(3000);
  const other = new TestStore(300);
  other.set("one", "1");
  for (let size = 0; size < 600; size += 23) {
    for (let i = 0; i < size; i++) test.set(`k${i}`, `v${i}`, i);
    test.store.positions.take();
    const before = [test.content(), test.order(), test.listener.heard.length, 0];
    prefetcher.fetch(true);
    for (let i = 0; i < 100; i++) announce(i % 3 === 0 ? other : test, `k${i}`);
    prefetcher.fetch(false);
    assertEquals([test.store.fetchable.announcedCount, other.store.fetchable.announcedCount], [0, 0]);
    for (let i = 0; i < 300; i++) announce(test, `k${i}`);
    prefetcher.fetch(true);
    announce(test, "one");
    prefetcher.fetch(true);
    assertEquals(
      [test.content(), test.order(), test.listener.heard.length, test.store.positions.take()],
      before,
    );
    test.store.check();
    other.store.check();
    assertEquals(other.content().size, 1);
  }
});
