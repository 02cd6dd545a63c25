/** What a node is to a shard, by what topologies say and whom it hears. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { GRACE_MS } from "../../src/core/limits.ts";
import { type ShardPlace, ShardRole } from "../../src/replication/shard_role.ts";

function roleOf(startedMs = 0): { role: ShardRole; begun: number[] } {
  const begun: number[] = [];
  const role = new ShardRole({
    shard: 3,
    log: { committedPosition: 100 },
    changed: () => {},
    beginEpoch: (epoch) => {
      begun.push(epoch);
      return { sequence: 10, position: 100 };
    },
    startedMs,
  });
  return { role, begun };
}

function place(epoch: number, place: Partial<ShardPlace>): ShardPlace {
  const { isPrimary = false } = place;
  return { epoch, ids: [], members: [], isPrimary, isMember: isPrimary, ...place };
}

const LEADS_WITH_A = { isPrimary: true, ids: ["a"], members: ["a"] };

Deno.test("The primary of a shard that nobody else keeps serves at once, also after a restart", () => {
  const { role } = roleOf();
  role.adopt(place(4, { isPrimary: true }), 0);
  assertEquals([role.leadership, role.servesUntilMs], [null, Infinity]);
  const again = roleOf(50);
  again.role.resume(place(4, { isPrimary: true }));
  assertEquals(again.role.servesUntilMs, Infinity);
});

Deno.test("A shard that gets its first replica is served on without a pause", () => {
  const { role } = roleOf();
  role.adopt(place(1, { isPrimary: true }), 0);
  role.adopt(place(1, { isPrimary: true, ids: ["a"] }), 10);
  assert(role.leadership!.isOpen);
  assertEquals(role.servesUntilMs, Number.MAX_VALUE, "it is no member yet");
});

Deno.test("A primary in a new run of its process does not go on in the epoch that it finds, and does in a newer one", () => {
  const { role, begun } = roleOf(500);
  role.resume(place(4, LEADS_WITH_A));
  assertMatch(role.whyNotServed(600), /needs a new epoch/);
  role.adopt(place(4, LEADS_WITH_A), 600);
  assert(!role.leads);
  role.adopt(place(5, { isPrimary: true, ids: ["a"] }), 700);
  assertEquals([role.leads, begun], [true, [5]]);
  role.leadership!.look(500 + GRACE_MS - 1);
  assert(!role.leadership!.isOpen, "before that it may have acknowledged something that it does not know of");
  role.leadership!.look(500 + GRACE_MS);
  assert(role.leadership!.isOpen);
});

Deno.test("The first primary of a shard need not wait for another one", () => {
  const { role } = roleOf();
  role.adopt(place(1, { isPrimary: true, ids: ["a"] }), 0);
  assert(role.leadership!.isOpen);
});

Deno.test("A replica that becomes primary waits until its last acknowledgement is old enough", () => {
  const { role } = roleOf();
  role.adopt(place(4, { isMember: true }), 0);
  assertEquals(role.refusalOf(4), 0);
  role.follow(4);
  role.acknowledging(5_000);
  role.freeze(4);
  role.adopt(place(5, { isPrimary: true, ids: ["a"] }), 5_100);
  role.leadership!.look(5_000 + GRACE_MS - 1);
  assert(!role.leadership!.isOpen);
  role.leadership!.look(5_000 + GRACE_MS);
  assert(role.leadership!.isOpen);
});

Deno.test("Who knows a newer epoch, or has frozen one, takes nothing of an older", () => {
  const { role } = roleOf();
  role.adopt(place(4, { isMember: true }), 0);
  assertEquals([3, 4, 5].map((epoch) => role.refusalOf(epoch)), [4, 0, 0]);
  role.follow(6);
  assertEquals([4, 5, 6].map((epoch) => role.refusalOf(epoch)), [5, 5, 0]);
  role.freeze(6);
  assertEquals([6, 7].map((epoch) => role.refusalOf(epoch)), [6, 0]);
});

Deno.test("A primary that is asked to freeze its epoch serves nothing, with replicas and without", () => {
  for (const ids of [[], ["a"]]) {
    const { role } = roleOf();
    role.adopt(place(1, { isPrimary: true, ids }), 0);
    role.freeze(1);
    assertEquals(role.servesUntilMs, -Infinity);
    role.adopt(place(2, { isPrimary: true, ids }), 10);
    assert(role.servesUntilMs >= Number.MAX_VALUE);
  }
});

Deno.test("A primary that meets a newer one, or reads of it, leads no more, and never again in that epoch", () => {
  const { role } = roleOf();
  role.adopt(place(1, LEADS_WITH_A), 0);
  const { leadership } = role;
  assertEquals([role.refusalOf(1), role.refusalOf(2)], [1, 0]);
  role.follow(2);
  assertMatch(leadership!.lossText, /^UNCERTAIN .* shard 3 has another primary since epoch 2$/);
  assertEquals([role.leads, role.servesUntilMs], [false, -Infinity]);
  role.adopt(place(1, LEADS_WITH_A), 10);
  assert(!role.leads);
  const told = roleOf().role;
  told.adopt(place(1, LEADS_WITH_A), 0);
  told.adopt(place(2, { isMember: true }), 10);
  assert(!told.leads);
});
