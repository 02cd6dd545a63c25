import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { STORE_CAP_BYTES_MIN } from "../../src/core/limits.ts";
import { KIND_DELETE, KIND_SET } from "../../src/core/mutation.ts";
import { hasRoomFor } from "../../src/store/room.ts";
import { Store } from "../../src/store/store.ts";
import { mutationOf } from "../support/mutations.ts";
import { assertProperty } from "../support/property.ts";

Deno.test("A store has room for a set exactly when that evicts nothing and is not refused", () => {
  const capBytes = STORE_CAP_BYTES_MIN;
  const sets = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: capBytes })), {
    maxLength: 30,
  });
  assertProperty(fc.property(sets, (steps) => {
    const store = new Store({ capBytes, seed: { low: 1, high: 2 }, listener: { onMutation: () => 0 } });
    for (const [key, length] of steps) {
      const mutation = mutationOf({ key: `key${key}`, value: "x".repeat(length) });
      mutation.kind = KIND_SET;
      const has = hasRoomFor(store, mutation);
      const before = store.evictedCount;
      const isSet = store.set(store.hashOf(mutation.keyBytes, 0, mutation.keyEnd), mutation);
      assertEquals(has, isSet && store.evictedCount === before);
      mutation.kind = KIND_DELETE;
      assertEquals(hasRoomFor(store, mutation), true);
    }
  }));
});
