/** What a primary may tell and answer, and whom it wants in the in-sync set: decisions, by the time that a test gives. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  LEASE_MS,
  REPLICA_AWAY_MS,
  REPLICA_LAG_MS,
  REPLICA_SILENT_MS,
  UNACKNOWLEDGED_BYTES_MAX,
  UNACKNOWLEDGED_MAX,
} from "../../src/core/limits.ts";
import { Leadership } from "../../src/replication/leadership.ts";

/** Shard 3 in epoch 5, whose log has 10 mutations; the next ones lie before 11, 12, … of the log, which has them all. */
class TestShard {
  readonly log = { committedPosition: 1_000_000 };
  readonly leadership: Leadership;
  changes = 0;
  #sequence = 10;

  constructor(members: string[], ids = ["a", "b"], opensAtMs = 0) {
    this.leadership = new Leadership({
      shard: 3,
      epoch: 5,
      ids,
      members,
      log: this.log,
      sequence: 10,
      position: 10,
      opensAtMs,
      nowMs: 0,
      changed: () => this.changes++,
    });
    for (const id of ids) this.leadership.streamChanged(id, "live", 0);
  }

  append(count = 1, position = 0): void {
    for (let i = 0; i < count; i++) {
      this.#sequence++;
      this.leadership.appended(this.#sequence, position + this.#sequence);
    }
  }

  hear(id: string, sequence: number, atMs = 0, epoch = 5): void {
    this.leadership.acknowledged(id, { epoch, sequence, sentAtMs: atMs }, atMs);
  }

  /** Whether the mutation with `sequence` is committed. */
  has(sequence: number): boolean {
    return sequence <= this.leadership.committedPosition;
  }
}

Deno.test("A mutation is committed when the log and every member have it, whoever is the last", () => {
  const shard = new TestShard(["a", "b"]);
  shard.hear("a", 10);
  shard.hear("b", 10);
  shard.append(3);
  assertEquals([10, 11].map((n) => shard.has(n)), [true, false]);
  shard.hear("a", 13);
  assert(!shard.has(11));
  const { changes } = shard;
  shard.hear("b", 12);
  assertEquals([12, 13].map((n) => shard.has(n)), [true, false]);
  assert(shard.changes > changes, "who waits is told");
  shard.log.committedPosition = 11;
  assertEquals([11, 12].map((n) => shard.has(n)), [true, false]);
});

Deno.test("What is acknowledged in another epoch, or of another history, counts for nothing", () => {
  const shard = new TestShard(["a"]);
  shard.hear("a", 10);
  shard.append();
  shard.hear("a", 11, 0, 4);
  assert(!shard.has(11));
  shard.leadership.streamChanged("a", "placing", 0);
  shard.hear("a", 11);
  assert(!shard.has(11), "it says where it stands, not what it has of this history");
  shard.leadership.streamChanged("a", "catching up", 0);
  shard.hear("a", 11);
  assert(shard.has(11));
});

Deno.test("A new primary opens when the one before is over and every member and the log have what it has", () => {
  const shard = new TestShard(["a", "b"], ["a", "b", "c"], 1_000);
  shard.log.committedPosition = 9;
  shard.hear("a", 10, 900);
  shard.hear("b", 9, 900);
  assertMatch(shard.leadership.whyNotServed(900), /about to begin/);
  shard.hear("a", 10, 1_000);
  shard.hear("b", 10, 1_000);
  assert(!shard.leadership.isOpen, "its own log is behind");
  shard.log.committedPosition = 10;
  shard.leadership.look(1_050);
  assertEquals(shard.leadership.whyNotServed(1_050), "");
});

Deno.test("A primary answers for as long as every member has acknowledged what was sent within the lease", () => {
  const shard = new TestShard(["a", "b"]);
  shard.hear("a", 10, 100);
  shard.hear("b", 10, 300);
  assertEquals(shard.leadership.servesUntilMs, 100 + LEASE_MS);
  shard.hear("a", 10, 200);
  assertEquals(shard.leadership.servesUntilMs, 200 + LEASE_MS);
  shard.hear("a", 10, 150);
  assertEquals(shard.leadership.servesUntilMs, 200 + LEASE_MS, "replies may overtake each other");
  assertMatch(shard.leadership.whyNotServed(200 + LEASE_MS), /does not hear from a replica/);
});

Deno.test("A copy that follows closely is counted in first, and proposed once it has everything from before that", () => {
  const shard = new TestShard([], ["a"]);
  shard.leadership.look(0);
  shard.append();
  assert(shard.has(11), "nobody is waited for");
  shard.hear("a", 10);
  shard.append();
  assert(!shard.has(12), "it is counted in");
  assertEquals(shard.leadership.proposals(0).join, []);
  shard.hear("a", 11);
  assertEquals(shard.leadership.proposals(0).join, ["a"]);
  assert(!shard.has(12));
});

Deno.test("A copy that is about to join is forgotten when it falls away, but not once it was proposed", () => {
  const shard = new TestShard([], ["a"]);
  shard.leadership.look(0);
  shard.append(2);
  shard.hear("a", 11);
  shard.append();
  assert(!shard.has(13));
  shard.leadership.streamChanged("a", "away", 10);
  shard.leadership.look(10 + REPLICA_AWAY_MS);
  assert(shard.has(13));

  const proposed = new TestShard([], ["a"]);
  proposed.leadership.look(0);
  proposed.hear("a", 10);
  proposed.append();
  proposed.leadership.streamChanged("a", "away", 10);
  proposed.leadership.look(10 + REPLICA_AWAY_MS);
  assert(!proposed.has(11), "it may be a member by now");
  assertEquals(proposed.leadership.proposals(10 + REPLICA_AWAY_MS), { join: ["a"], leave: ["a"] });
  proposed.leadership.enterEpoch({ epoch: 6, ids: ["a"], members: [] }, 600);
  assert(proposed.has(11), "it was not taken in");
});

Deno.test("A member is proposed to leave when it is away, silent, behind for too long or has another history", () => {
  const at = (ms: number, change: (shard: TestShard) => void) => {
    const shard = new TestShard(["a"]);
    shard.hear("a", 10);
    change(shard);
    shard.leadership.look(ms - 1);
    const before = shard.leadership.proposals(ms - 1).leave;
    shard.leadership.look(ms);
    return [before, shard.leadership.proposals(ms).leave];
  };
  assertEquals(at(REPLICA_AWAY_MS, (s) => s.leadership.streamChanged("a", "away", 0)), [[], ["a"]]);
  assertEquals(at(REPLICA_SILENT_MS, () => {}), [[], ["a"]]);
  assertEquals(
    at(REPLICA_LAG_MS, (shard) => {
      shard.append();
      shard.leadership.look(0);
      for (let ms = 0; ms < REPLICA_LAG_MS; ms += 100) shard.hear("a", 10, ms);
    }),
    [[], ["a"]],
  );
  assertEquals(at(1, (s) => s.leadership.streamChanged("a", "diverged", 0)), [["a"], ["a"]]);
  assertEquals(at(1, (s) => s.leadership.streamChanged("a", "filling", 0)), [["a"], ["a"]]);
});

Deno.test("A member is waited for until an epoch without it is adopted, and what others have stays true", () => {
  const shard = new TestShard(["a", "b"]);
  shard.hear("a", 10);
  shard.hear("b", 10);
  shard.append();
  shard.hear("b", 11, 50);
  shard.leadership.streamChanged("a", "diverged", 60);
  assert(!shard.has(11));
  shard.leadership.enterEpoch({ epoch: 6, ids: ["a", "b"], members: ["b"] }, 100);
  assert(shard.has(11));
  assertEquals(shard.leadership.servesUntilMs, 50 + LEASE_MS);
});

Deno.test("A primary that lost its shard commits nothing more, says so, and answers nothing", () => {
  const shard = new TestShard(["a"]);
  shard.hear("a", 10);
  shard.append(2);
  shard.hear("a", 11);
  shard.leadership.lose("UNCERTAIN lost");
  shard.hear("a", 12);
  assertEquals([11, 12].map((n) => shard.has(n)), [true, false]);
  assertEquals(shard.leadership.lossText, "UNCERTAIN lost");
  assertMatch(shard.leadership.whyNotServed(0), /another node leads/);
});

Deno.test("A primary that is sealed answers nothing until its next epoch, and commits what is acknowledged", () => {
  const shard = new TestShard(["a"]);
  shard.hear("a", 10);
  shard.append();
  shard.leadership.seal();
  assertMatch(shard.leadership.whyNotServed(1), /another epoch/);
  shard.hear("a", 11);
  assert(shard.has(11));
  shard.leadership.enterEpoch({ epoch: 6, ids: ["a"], members: ["a"] }, 10);
  assertEquals(shard.leadership.whyNotServed(1), "");
});

Deno.test("What waits for acknowledgements is bounded in bytes of the log, too", () => {
  const shard = new TestShard(["a"], ["a"]);
  shard.hear("a", 10);
  shard.append(3);
  shard.append(1, UNACKNOWLEDGED_BYTES_MAX - 4);
  assert(!shard.leadership.isCongested);
  shard.append(1, UNACKNOWLEDGED_BYTES_MAX - 4);
  assert(shard.leadership.isCongested);
  shard.hear("a", 11);
  assert(!shard.leadership.isCongested);
});

Deno.test("What waits for acknowledgements is bounded, and what is kept of it can outgrow its first room", () => {
  const shard = new TestShard(["a"], ["a"]);
  shard.hear("a", 10);
  shard.append(UNACKNOWLEDGED_MAX - 1);
  assert(!shard.leadership.isCongested);
  shard.append();
  assert(shard.leadership.isCongested);
  shard.hear("a", UNACKNOWLEDGED_MAX);
  assert(shard.has(UNACKNOWLEDGED_MAX) && !shard.has(UNACKNOWLEDGED_MAX + 1));
  shard.append(1_000);
  shard.hear("a", UNACKNOWLEDGED_MAX + 1_005);
  assert(shard.has(UNACKNOWLEDGED_MAX + 1_005) && !shard.has(UNACKNOWLEDGED_MAX + 1_006));
});
