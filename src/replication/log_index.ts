/**
 * Where in the node's log the records of the shards lie that it leads, roughly: so that a copy that is a little behind is
 * sent what it lacks without the whole log being read. Kept in memory only; what is not known is looked for from the log's
 * beginning.
 */
import { LOG_INDEX_ENTRIES_MAX, LOG_INDEX_STEP_BYTES } from "../core/limits.ts";
import type { Position } from "../core/mutation.ts";

/** Notes about a shard, ascending: the record of sequence `sequences[i]` lies behind `positions[i]`. */
class ShardNotes {
  sequences: number[] = [];
  positions: Position[] = [];
  /** Nothing is noted before the log has got there. */
  nextPosition = 0;
}

export class LogIndex {
  /** Frames begin at what is committed. */
  readonly #log: { readonly committedPosition: Position; readonly beginning: Position };
  readonly #shards: (ShardNotes | undefined)[] = [];

  constructor(log: { readonly committedPosition: Position; readonly beginning: Position }) {
    this.#log = log;
  }

  /** The record of `sequence` was just given to the log. */
  note(shard: number, sequence: number): void {
    const notes = this.#shards[shard] ??= new ShardNotes();
    const { committedPosition } = this.#log;
    if (committedPosition < notes.nextPosition) return;
    notes.nextPosition = committedPosition + LOG_INDEX_STEP_BYTES;
    notes.sequences.push(sequence);
    notes.positions.push(committedPosition);
    if (notes.sequences.length <= LOG_INDEX_ENTRIES_MAX) return;
    notes.sequences = notes.sequences.filter((_, index) => index % 2 === 0);
    notes.positions = notes.positions.filter((_, index) => index % 2 === 0);
  }

  /** Where a frame begins, with or before all records of the shard that come behind `sequence`, as far as there are any. */
  before(shard: number, sequence: number): Position {
    const notes = this.#shards[shard];
    const index = notes?.sequences.findLastIndex((noted) => noted < sequence) ?? -1;
    return Math.max(this.#log.beginning, index < 0 ? 0 : notes!.positions[index]!);
  }

  forget(shard: number): void {
    this.#shards[shard] = undefined;
  }
}
