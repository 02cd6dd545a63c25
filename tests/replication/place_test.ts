/** Which copies can go on from where they stand. */
import { assertEquals, assertThrows } from "@std/assert";
import { ShardHistory } from "../../src/persistence/shard_history.ts";
import { isWithin, parsePlace, placeJson } from "../../src/replication/place.ts";

const HISTORY = new ShardHistory(5, 30, [
  { epoch: 2, firstSequence: 11 },
  { epoch: 4, firstSequence: 21 },
  { epoch: 5, firstSequence: 31 },
]);

Deno.test("A copy goes on from where it stands when its history is a beginning of the primary's", () => {
  const cases: [number, number, boolean][] = [
    [0, 0, false], // it has nothing, and the beginning is not known any more
    [2, 10, true], // epoch 2 has begun there, and nothing of it has come yet
    [2, 9, false], // before what is known of epoch 2
    [2, 15, true],
    [2, 20, true],
    [2, 21, false], // its mutation 21 is another one than that of epoch 4
    [3, 15, false], // an epoch that the primary's copy has never seen
    [4, 20, true],
    [4, 30, true],
    [4, 31, false],
    [5, 30, true],
    [5, 31, false], // ahead of the primary
    [6, 30, false],
    [1, 5, false], // longer ago than what is known
  ];
  for (const [epoch, sequence, expected] of cases) {
    assertEquals(isWithin(HISTORY, { epoch, sequence }), expected, `${epoch},${sequence}`);
  }
  const whole = new ShardHistory(2, 9, [{ epoch: 2, firstSequence: 1 }]);
  assertEquals(isWithin(whole, { epoch: 0, sequence: 0 }), true);
  assertEquals(isWithin(new ShardHistory(), { epoch: 0, sequence: 0 }), true);
  assertEquals(isWithin(new ShardHistory(), { epoch: 1, sequence: 4 }), false);
});

Deno.test("A place is read as it was told, and what is none throws", () => {
  assertEquals(parsePlace(placeJson(HISTORY)), { epoch: 5, sequence: 30, isFilling: false });
  assertEquals(
    placeJson(HISTORY),
    '{"epoch":5,"sequence":30,"starts":[[2,11],[4,21],[5,31]],"isFilling":false}',
  );
  for (
    const json of ["", "[]", "{}", '{"epoch":-1,"sequence":0,"isFilling":true}', '{"epoch":1,"sequence":0}']
  ) {
    assertThrows(() => parsePlace(json), Error, "it tells no place");
  }
});
