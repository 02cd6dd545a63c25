import { assertEquals } from "@std/assert";
import { bytesOf } from "../../src/core/bytes.ts";
import { TestStore } from "./store_fixture.ts";

function announce(test: TestStore, key: string): void {
  const bytes = bytesOf(key);
  test.store.prefetcher.announce(bytes, 0, bytes.length);
}

Deno.test("Announcing and fetching keys, there or not, many or none, changes nothing at any size", () => {
  const test = new TestStore(3000);
  for (let size = 0; size < 600; size += 23) {
    for (let i = 0; i < size; i++) test.set(`k${i}`, `v${i}`, i);
    const before = [test.content(), test.order(), test.listener.heard.length, test.revealed.stamp];
    test.store.prefetcher.fetch(true);
    for (let i = 0; i < 300; i++) announce(test, `k${i}`);
    test.store.prefetcher.fetch(true);
    announce(test, "one");
    test.store.prefetcher.fetch(true);
    assertEquals([test.content(), test.order(), test.listener.heard.length, test.revealed.stamp], before);
    test.store.check();
  }
});
