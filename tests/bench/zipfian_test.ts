import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Zipfian } from "../../bench/support/zipfian.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const KEYS = 1_000;
const DRAWS = 200_000;

function assertNear(actual: number, expected: number, tolerance: number): void {
  assert(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected} ± ${tolerance}`);
}

/** How often each rank is drawn. */
function countsOf(seed: number): Uint32Array {
  const zipfian = new Zipfian(KEYS);
  const random = new SeededRandom(seed);
  const counts = new Uint32Array(KEYS);
  for (let i = 0; i < DRAWS; i++) counts[zipfian.nextRank(random)]!++;
  return counts;
}

Deno.test("Zipfian probabilities of all ranks add up to one and fall with the rank", () => {
  const zipfian = new Zipfian(KEYS);
  const probabilities = Array.from({ length: KEYS }, (_, rank) => zipfian.probabilityOf(rank));
  assertNear(probabilities.reduce((sum, one) => sum + one), 1, 1e-9);
  assert(probabilities.every((one, rank) => rank === 0 || one < probabilities[rank - 1]!));
});

Deno.test("Zipfian draws of the first two ranks come as often as their probability says", () => {
  const zipfian = new Zipfian(KEYS);
  const counts = countsOf(7);
  for (const rank of [0, 1]) {
    const expected = zipfian.probabilityOf(rank) * DRAWS;
    assertNear(counts[rank]!, expected, expected * 0.03);
  }
});

Deno.test("Zipfian draws are spread over ranges of ranks roughly as their probabilities say", () => {
  const zipfian = new Zipfian(KEYS);
  const counts = countsOf(7);
  for (const [first, end] of [[2, 10], [10, 100], [100, 500], [500, 1_000]] as const) {
    let expected = 0;
    let drawn = 0;
    for (let rank = first; rank < end; rank++) {
      expected += zipfian.probabilityOf(rank) * DRAWS;
      drawn += counts[rank]!;
    }
    // The method is an approximation between the ranks that it treats exactly.
    assertNear(drawn, expected, expected * 0.15);
  }
});

Deno.test("Zipfian draws repeat with the seed and differ with another", () => {
  assertEquals(countsOf(7), countsOf(7));
  assertNotEquals(countsOf(7), countsOf(8));
});

Deno.test("Zipfian keys are all valid, and the popular ones are not neighbours", () => {
  const zipfian = new Zipfian(KEYS);
  const random = new SeededRandom(3);
  const counts = new Uint32Array(KEYS);
  for (let i = 0; i < DRAWS; i++) {
    const key = zipfian.next(random);
    assert(Number.isInteger(key) && key >= 0 && key < KEYS);
    counts[key]!++;
  }
  const byCount = [...counts.keys()].sort((a, b) => counts[b]! - counts[a]!);
  assert(Math.abs(byCount[0]! - byCount[1]!) > 1);
});

Deno.test("There is nothing to choose from fewer than two keys", () => {
  for (const count of [0, 1, 1.5, -3, NaN]) assertThrows(() => new Zipfian(count), RangeError, "takes 2");
});
