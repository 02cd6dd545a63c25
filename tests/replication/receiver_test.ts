/** A receiver takes what goes on with its copies' histories, and says of everything else where they stand. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import {
  KIND_BEGIN_ANEW,
  KIND_BEGIN_EPOCH,
  KIND_FILL,
  KIND_FILLED,
  KIND_SET,
  type Mutation,
} from "../../src/core/mutation.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { encodeRecord } from "../../src/persistence/record.ts";
import { ShardHistory } from "../../src/persistence/shard_history.ts";
import { decodeResults, encodeSectionHead, type Result } from "../../src/replication/batch.ts";
import type { FollowedCopies, FollowedCopy } from "../../src/replication/followed_copy.ts";
import { Receiver } from "../../src/replication/receiver.ts";
import { type MutationFields, mutationOf } from "../support/mutations.ts";

const SHARD = 3;

class Copy implements FollowedCopy {
  history = new ShardHistory(2, 10, [{ epoch: 2, firstSequence: 1 }]);
  isMember = false;
  position = 70;
  hasRoom = true;
  readonly applied: string[] = [];
  /** The primary's clock at each acknowledgement. */
  readonly acknowledged: number[] = [];

  hasRoomFor(): boolean {
    return this.hasRoom;
  }

  apply({ kind, epoch, sequence, keyBytes, keyStart, keyEnd }: Mutation): number {
    const key = [KIND_SET, KIND_FILL].includes(kind) ? ` ${textOf(keyBytes, keyStart, keyEnd)}` : "";
    this.applied.push(`${kind} ${epoch},${sequence}${key}`);
    return this.applied.length * 100;
  }

  acknowledging(clockMs: number): void {
    this.acknowledged.push(clockMs);
  }
}

/** A node that keeps a copy of one shard, and knows an epoch of it. */
class Copies implements FollowedCopies {
  readonly copy = new Copy();
  epoch = 2;
  readonly receiver = new Receiver(this);

  ofShard(shard: number, epoch: number): FollowedCopy | number {
    if (shard !== SHARD) return epoch;
    return epoch < this.epoch ? this.epoch : this.copy;
  }

  receive(clockMs: number, ...sections: [epoch: number, records: MutationFields[], shard?: number][]) {
    const batch = new OutputBuffer();
    batch.f64(clockMs);
    for (const [epoch, records, shard = SHARD] of sections) {
      const encoded = new OutputBuffer();
      for (const fields of records) encodeRecord(encoded, mutationOf({ shard, ...fields }));
      encodeSectionHead(batch, { shard, epoch, byteLength: encoded.length });
      batch.copy(encoded.bytes, 0, encoded.length);
    }
    return this.receiver.receive(batch.bytes, 0, batch.length);
  }

  /** What is answered to a batch at once. */
  results(...sections: [epoch: number, records: MutationFields[], shard?: number][]): Result[] {
    return resultsOf(this.receive(7, ...sections));
  }
}

function resultsOf(received: { answer(output: OutputBuffer): void }): Result[] {
  const output = new OutputBuffer();
  received.answer(output);
  return decodeResults(output.bytes, 0, output.length)!;
}

const GOOD = { shard: SHARD, status: 0 };

Deno.test("Records that go on with a copy's history are taken, and the answer waits for the last of them", () => {
  const node = new Copies();
  const received = node.receive(7, [3, [
    { epoch: 2, sequence: 11, key: "a" },
    { kind: KIND_BEGIN_EPOCH, epoch: 3, sequence: 11 },
    { epoch: 3, sequence: 12, key: "b" },
  ]]);
  assertEquals(node.copy.applied, ["1 2,11 a", "9 3,11", "1 3,12 b"]);
  assertEquals([received.error, received.position], ["", 300]);
  assertEquals(node.copy.acknowledged, []);
  assertEquals(resultsOf(received), [{ ...GOOD, epoch: 3, sequence: 12 }]);
  assertEquals(node.copy.acknowledged, [7]);
});

Deno.test("A beat is acknowledged at once, and says nothing of what is durable", () => {
  const node = new Copies();
  const received = node.receive(7, [2, []]);
  assertEquals(received.position, 0);
  assertEquals(resultsOf(received), [{ ...GOOD, epoch: 2, sequence: 0 }]);
});

Deno.test("An older epoch is refused with the newer, and so is a shard of which no copy follows", () => {
  const node = new Copies();
  node.epoch = 5;
  const results = node.results([4, [{ epoch: 4, sequence: 11 }]], [4, [{ epoch: 4, sequence: 1 }], 1]);
  assertEquals(results, [
    { shard: SHARD, status: 1, epoch: 5, sequence: 0 },
    { shard: 1, status: 1, epoch: 4, sequence: 0 },
  ]);
  assertEquals([node.copy.applied, node.copy.acknowledged], [[], []]);
});

Deno.test("What was taken before a newer epoch was heard of is not acknowledged after it", () => {
  const node = new Copies();
  const received = node.receive(7, [2, [{ epoch: 2, sequence: 11 }]]);
  node.epoch = 3;
  assertEquals(resultsOf(received), [{ shard: SHARD, status: 1, epoch: 3, sequence: 0 }]);
  assertEquals(node.copy.acknowledged, []);
});

Deno.test("Records behind a gap are not taken, those before it are, and the answer says where the copy stands", () => {
  const node = new Copies();
  const received = node.receive(7, [2, [11, 13, 14].map((sequence) => ({ epoch: 2, sequence, key: "k" }))]);
  assertEquals(node.copy.applied, ["1 2,11 k"]);
  assertEquals(received.position, 100);
  assertEquals(resultsOf(received), [{ shard: SHARD, status: 2, epoch: 2, sequence: 11 }]);
  assertEquals(node.copy.acknowledged, []);
});

Deno.test("A record for which there is no room is not taken, and the answer says where the copy stands", () => {
  const node = new Copies();
  node.copy.hasRoom = false;
  const full = { shard: SHARD, status: 4, epoch: 2, sequence: 10 };
  assertEquals(node.results([2, [{ epoch: 2, sequence: 11, key: "a" }]]), [full]);
  // What does not come next is told as ever.
  assertEquals(node.results([2, [{ epoch: 2, sequence: 12, key: "a" }]]), [{ ...full, status: 2 }]);
  assertEquals([node.copy.applied, node.copy.acknowledged], [[], []]);
});

Deno.test("A copy begins anew and is filled, unless it is a member of the in-sync set", () => {
  const fill: MutationFields[] = [
    { kind: KIND_BEGIN_ANEW, epoch: 3, sequence: 50 },
    { kind: KIND_FILL, epoch: 3, sequence: 50, key: "a" },
    { epoch: 3, sequence: 51, key: "b" },
    { kind: KIND_FILLED, epoch: 3, sequence: 51 },
  ];
  const node = new Copies();
  node.copy.isMember = true;
  assertEquals(node.results([3, fill]), [{ shard: SHARD, status: 3, epoch: 2, sequence: 10 }]);
  assertEquals([node.copy.applied, node.copy.history.isFilling], [[], false]);
  node.copy.isMember = false;
  assertEquals(node.results([3, fill]), [{ ...GOOD, epoch: 3, sequence: 51 }]);
  assertEquals(node.copy.applied, ["8 3,50", "10 3,50 a", "1 3,51 b", "11 3,51"]);
  assertEquals(node.copy.history, new ShardHistory(3, 51, [{ epoch: 3, firstSequence: 51 }]));
});

Deno.test("A record of another shard or of a later epoch than its section's is an error, and ends the batch", () => {
  for (const wrong of [{ shard: 4, epoch: 2, sequence: 12 }, { epoch: 3, sequence: 12 }]) {
    const node = new Copies();
    const received = node.receive(7, [2, [{ epoch: 2, sequence: 11, key: "a" }, wrong]], [2, []]);
    assertStringIncludes(received.error, "no record of its section");
    assertEquals(node.copy.applied, ["1 2,11 a"]);
  }
  const node = new Copies();
  const hostile = bytesOf("any bytes at all, as they may come");
  assertStringIncludes(node.receiver.receive(hostile, 0, hostile.length).error, "shard");
});

Deno.test("A copy's place is told to its primary, and a newer epoch to one that was", () => {
  const node = new Copies();
  const json = '{"epoch":2,"sequence":10,"starts":[[2,1]],"isFilling":false}';
  assertEquals(node.receiver.place(SHARD, 2), { json, error: "", position: 70 });
  assertEquals(node.receiver.place(SHARD, 1), { json: "", error: "STALE 2", position: 0 });
  assertEquals(node.receiver.place(0, 1).error, "STALE 1");
});
