/**
 * Takes what primaries send to the copies of this node that follow: each record has to go on with its copy's history, is
 * logged as it is, and applied. What the answer waits for is told as a position in the node's log, so that it leaves
 * with the commit that brings it, like any reply.
 */
import { KIND_BEGIN_ANEW, KIND_FILL, Mutation, type Position } from "../core/mutation.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { decodeRecord, RECORD_BAD } from "../persistence/record.ts";
import {
  BatchReader,
  encodeResult,
  RESULT_DIVERGED,
  RESULT_FULL,
  RESULT_GAP,
  RESULT_GOOD,
  RESULT_OUTDATED,
} from "./batch.ts";
import type { FollowedCopies, FollowedCopy } from "./followed_copy.ts";
import { placeJson, STALE } from "./place.ts";

/** What became of a section. */
interface Taken {
  readonly shard: number;
  readonly epoch: number;
  status: number;
  /** Of the result, unless that is good. */
  resultEpoch: number;
  sequence: number;
}

/** A batch that was taken, and its answer, once that may leave. */
class Received {
  /** Why it was no batch: then the error is the answer. What came before in it is taken. */
  error = "";
  /** The answer may leave once the log has committed everything before it; 0 = at once. */
  position: Position = 0;
  readonly taken: Taken[] = [];
  readonly #copies: FollowedCopies;
  readonly #clockMs: number;

  constructor(copies: FollowedCopies, clockMs: number) {
    this.#copies = copies;
    this.#clockMs = clockMs;
  }

  /**
   * Appends the results. Whoever has heard of a newer epoch since the records were taken acknowledges nothing of the older
   * one any more.
   */
  answer(output: OutputBuffer): void {
    for (const taken of this.taken) {
      const { shard, epoch } = taken;
      if (taken.status === RESULT_GOOD) {
        const copy = this.#copies.ofShard(shard, epoch);
        if (typeof copy !== "number") copy.acknowledging(this.#clockMs);
        else Object.assign(taken, { status: RESULT_OUTDATED, resultEpoch: copy, sequence: 0 });
      }
      encodeResult(output, {
        shard,
        status: taken.status,
        epoch: taken.resultEpoch,
        sequence: taken.sequence,
      });
    }
  }
}

export class Receiver {
  readonly #copies: FollowedCopies;
  readonly #mutation = new Mutation();

  constructor(copies: FollowedCopies) {
    this.#copies = copies;
  }

  /**
   * `ROUNDEL PLACE`, whose answer leaves once the log has committed everything before `position`: where the copy of `shard`
   * stands, as JSON; or an error, where the primary in `epoch` is none for it.
   */
  place(shard: number, epoch: number): { json: string; error: string; position: Position } {
    const copy = this.#copies.ofShard(shard, epoch);
    if (typeof copy === "number") return { json: "", error: `${STALE} ${copy}`, position: 0 };
    return { json: placeJson(copy.history), error: "", position: copy.position };
  }

  /** `ROUNDEL APPEND`: takes the batch `bytes[start, end)`. The records are one request of the log. */
  receive(bytes: Uint8Array, start: number, end: number): Received {
    const batch = new BatchReader(bytes, start, end);
    const received = new Received(this.#copies, batch.clockMs);
    while (batch.next()) {
      if (!this.#take(received, bytes, batch)) batch.error = "it has what is no record of its section";
    }
    received.error = batch.error;
    this.#mutation.release();
    return received;
  }

  /** Takes a section; false when it has something that is no record. */
  #take(received: Received, bytes: Uint8Array, batch: BatchReader): boolean {
    const { shard, epoch, recordsEnd } = batch;
    const taken: Taken = { shard, epoch, status: RESULT_GOOD, resultEpoch: epoch, sequence: 0 };
    received.taken.push(taken);
    const copy = this.#copies.ofShard(shard, epoch);
    if (typeof copy === "number") {
      taken.status = RESULT_OUTDATED;
      taken.resultEpoch = copy;
      return true;
    }
    const mutation = this.#mutation;
    for (let at = batch.recordsStart; at < recordsEnd && taken.status === RESULT_GOOD;) {
      at = decodeRecord(mutation, bytes, at, recordsEnd);
      if (at === RECORD_BAD || mutation.shard !== shard || mutation.epoch > epoch) return false;
      taken.status = this.#follow(copy, mutation);
      if (taken.status === RESULT_GOOD) received.position = Math.max(received.position, copy.apply(mutation));
      else taken.resultEpoch = copy.history.epoch;
      taken.sequence = copy.history.sequence;
    }
    return true;
  }

  #follow(copy: FollowedCopy, mutation: Mutation): number {
    const { history, isMember } = copy;
    const { kind, sequence } = mutation;
    if (kind === KIND_BEGIN_ANEW && isMember) return RESULT_DIVERGED;
    const isNext = sequence === history.sequence + (kind === KIND_FILL ? 0 : 1);
    if (isNext && !copy.hasRoomFor(mutation)) return RESULT_FULL;
    return history.follow(mutation) === "good record" ? RESULT_GOOD : RESULT_GAP;
  }
}
