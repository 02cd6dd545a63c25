/**
 * Random requests, dumps, faults of the disk and crashes: see crash_life.ts. That the property finds what it is made for
 * is shown by leaving out one safety measure at a time.
 */
import { assertRejects } from "@std/assert";
import fc from "fast-check";
import { assertProperty } from "../support/property.ts";
import { live } from "./crash_life.ts";
import { OMISSIONS } from "./omitting_disk.ts";

const LIVES = 400;
/** Within so many lives each measure that is left out must be missed. */
const LIVES_UNTIL_FOUND = 2_000;

Deno.test("A node comes back from crashes with everything that it acknowledged, and no request by half", async () => {
  const seeds = fc.integer();
  await assertProperty(fc.asyncProperty(seeds, (seed) => live(seed)), { numRuns: LIVES, endOnFailure: true });
});

for (const [what, omission] of Object.entries(OMISSIONS)) {
  Deno.test(`${what}: then a crash loses something`, async () => {
    await assertRejects(async () => {
      for (let seed = 1; seed <= LIVES_UNTIL_FOUND; seed++) await live(seed, omission);
    });
  });
}
