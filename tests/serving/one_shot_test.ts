/** The rule that ends the connection of an `nc` that waits for the server to close. */
import { assertEquals } from "@std/assert";
import { ONE_SHOT_CLOSE_MS, ONE_SHOT_LINE_MS } from "../../src/core/limits.ts";
import { OneShotRule } from "../../src/serving/one_shot.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** Runs `script` on a new connection and tells whether the rule has closed it in the end. */
function closes(script: (rule: OneShotRule, clock: FakeClock) => void): boolean {
  const clock = new FakeClock();
  let closed = false;
  const rule = new OneShotRule(clock, { drop: () => closed = true });
  script(rule, clock);
  clock.advance(10 * ONE_SHOT_CLOSE_MS);
  return closed;
}

/** `count` requests came and were answered. */
function served(rule: OneShotRule, count: number, isText: boolean, bytesLeft = 0): void {
  rule.bytesArrived();
  rule.requestsCame(count, isText, bytesLeft);
  rule.drained();
}

Deno.test("One text line in time, and then silence, closes", () => {
  assertEquals(closes((rule) => served(rule, 1, true)), true);
  assertEquals(
    closes((rule, clock) => {
      clock.advance(ONE_SHOT_LINE_MS);
      served(rule, 1, true);
    }),
    true,
  );
});

Deno.test("A line that comes in two pieces, both in time, closes", () => {
  assertEquals(
    closes((rule) => {
      served(rule, 0, true, 3);
      served(rule, 1, true);
    }),
    true,
  );
});

Deno.test("The close comes after the silence, not before", () => {
  const clock = new FakeClock();
  let closedAtMs = 0;
  const rule = new OneShotRule(clock, { drop: () => closedAtMs = clock.monotonicMs() });
  served(rule, 1, true);
  clock.advance(ONE_SHOT_CLOSE_MS - 1);
  assertEquals(closedAtMs, 0);
  clock.advance(1);
  assertEquals(closedAtMs, ONE_SHOT_CLOSE_MS);
});

Deno.test("A late line, two lines, RESP, or half a line more does not close", () => {
  assertEquals(
    closes((rule, clock) => {
      clock.advance(ONE_SHOT_LINE_MS + 1);
      served(rule, 1, true);
    }),
    false,
  );
  assertEquals(closes((rule) => served(rule, 2, true)), false);
  assertEquals(closes((rule) => served(rule, 1, false)), false);
  assertEquals(closes((rule) => served(rule, 1, true, 5)), false);
});

Deno.test("Bytes that follow within the silence call the close off for good", () => {
  assertEquals(
    closes((rule, clock) => {
      served(rule, 1, true);
      clock.advance(ONE_SHOT_CLOSE_MS - 1);
      served(rule, 1, true);
    }),
    false,
  );
  assertEquals(
    closes((rule) => {
      served(rule, 1, true);
      rule.bytesArrived();
    }),
    false,
  );
});

Deno.test("A connection that is over is not closed again", () => {
  assertEquals(
    closes((rule) => {
      served(rule, 1, true);
      rule.stop();
    }),
    false,
  );
});

Deno.test("A line whose reply takes long is closed after its reply, not before", () => {
  const clock = new FakeClock();
  let isClosed = false;
  const rule = new OneShotRule(clock, { drop: () => isClosed = true });
  rule.bytesArrived();
  rule.requestsCame(1, true, 0);
  clock.advance(10 * ONE_SHOT_CLOSE_MS);
  assertEquals(isClosed, false);
  rule.drained();
  clock.advance(ONE_SHOT_CLOSE_MS);
  assertEquals(isClosed, true);
});
