import { assertEquals, assertRejects } from "@std/assert";
import { OneAtATime } from "../../src/core/one_at_a_time.ts";
import { settle } from "../support/settle.ts";

Deno.test("What is done one at a time begins when what was asked before is over, failed or not", async () => {
  const turns = new OneAtATime();
  const begun: number[] = [];
  const ends = [1, 2, 3].map(() => Promise.withResolvers<void>());
  const results = ends.map(({ promise }, i) =>
    turns.run(() => {
      begun.push(i);
      return promise;
    })
  );
  await settle();
  assertEquals(begun, [0]);
  ends[0]!.reject(new Error("it failed"));
  await assertRejects(() => results[0]!, Error, "it failed");
  await settle();
  assertEquals(begun, [0, 1]);
  ends[1]!.resolve();
  ends[2]!.resolve();
  await Promise.all(results.slice(1));
  assertEquals(begun, [0, 1, 2]);
});
