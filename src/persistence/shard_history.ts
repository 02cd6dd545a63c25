/**
 * A shard copy's place in the history of its shard: the epoch and sequence of its newest mutation, and where each
 * epoch began. Two copies that have the same (epoch, sequence) have the same history up to it; so a copy whose newest
 * one lies within another's history can catch up from there (Kafka calls this the leader epoch cache).
 *
 * What comes next must go on without a gap, and no epoch may come back:
 *
 *     mutation      sequence = ours + 1, epoch ≥ ours; a newer epoch begins with it
 *     begin epoch   sequence = ours,     epoch > ours: the epoch begins after it
 *     begin anew    any sequence,        epoch ≥ ours: the copy is empty, and its history is none but from there on
 *     fill, filled  sequence = ours,     epoch = ours, and only after a begin anew, until filled
 *
 * A copy that begins anew is filling until it is filled: it has only a part of what the shard has, so it is no source
 * for another copy and can never lead. One that is filling when its node starts is begun anew once more.
 */
import { EPOCH_STARTS_MAX } from "../core/limits.ts";
import {
  KIND_BEGIN_ANEW,
  KIND_BEGIN_EPOCH,
  KIND_FILL,
  KIND_FILLED,
  type Mutation,
} from "../core/mutation.ts";

export interface EpochStart {
  readonly epoch: number;
  /** Sequence of the first mutation of the epoch, whether it has come yet or not. */
  readonly firstSequence: number;
}

/** Whether a mutation goes on with a history, or why not. */
export type HistoryFinding = "good record" | "gap in a shard's sequence" | "older epoch";

export class ShardHistory {
  /** Of the newest mutation; 0 before the first. */
  epoch = 0;
  sequence = 0;
  /** Where the newest epochs began, ascending, `EPOCH_STARTS_MAX` at most; none when nothing is known of the shard. */
  starts: readonly EpochStart[];
  /** Whether the copy has only a part of what its shard has. */
  isFilling: boolean;

  /** A history that goes on behind (`epoch`, `sequence`); one that has not begun without arguments. */
  constructor(epoch = 0, sequence = 0, starts: readonly EpochStart[] = [], isFilling = false) {
    this.epoch = epoch;
    this.sequence = sequence;
    this.starts = starts;
    this.isFilling = isFilling;
  }

  /** Goes on with `mutation`, unless that cannot come next: then nothing changes. */
  follow({ kind, epoch, sequence }: Mutation): HistoryFinding {
    if (epoch < this.epoch) return "older epoch";
    if (kind === KIND_BEGIN_ANEW) {
      this.starts = [];
      this.isFilling = true;
      this.#begin(epoch, sequence + 1);
    } else if (kind === KIND_BEGIN_EPOCH) {
      if (sequence !== this.sequence) return "gap in a shard's sequence";
      if (epoch === this.epoch) return "older epoch";
      this.#begin(epoch, sequence + 1);
    } else if (kind === KIND_FILL || kind === KIND_FILLED) {
      if (!this.isFilling || sequence !== this.sequence || epoch !== this.epoch) {
        return "gap in a shard's sequence";
      }
      this.isFilling = kind === KIND_FILL;
    } else {
      if (sequence !== this.sequence + 1) return "gap in a shard's sequence";
      if (epoch !== this.epoch) this.#begin(epoch, sequence);
    }
    this.sequence = sequence;
    return "good record";
  }

  #begin(epoch: number, firstSequence: number): void {
    this.epoch = epoch;
    this.starts = [...this.starts, { epoch, firstSequence }].slice(-EPOCH_STARTS_MAX);
  }
}
