/**
 * This node's copy of a shard: its store, and its place in its own history. It hears every mutation of the store
 * and gives it to the log with the shard's number, epoch and next sequence, so that nothing changes unlogged.
 */
import { assert } from "../core/assert.ts";
import { KIND_BEGIN_EPOCH, Mutation, type Position } from "../core/mutation.ts";
import type { Log } from "../persistence/log.ts";
import type { ShardHistory } from "../persistence/shard_history.ts";
import type { Committing } from "../serving/reply_run.ts";
import type { MutationListener } from "../store/mutation_listener.ts";
import type { Store } from "../store/store.ts";

export class ShardCopy implements MutationListener {
  readonly id: number;
  readonly store: Store;
  readonly history: ShardHistory;
  /** Says how far the shard's mutations are committed, by positions in the node's log. */
  readonly committing: Committing;
  readonly #log: Log;
  /** Epoch in which the next mutation happens. */
  #epoch: number;

  /** From here on the store's mutations go to `log`, behind `history`. */
  constructor(id: number, store: Store, log: Log, history: ShardHistory) {
    this.id = id;
    this.store = store;
    this.history = history;
    this.#epoch = history.epoch;
    this.#log = log;
    this.committing = log;
    store.listener = this;
  }

  /**
   * What comes from now on happens in `epoch`, unless that is older than the present one. The log says where it began;
   * but for a shard's first, which begins with its first mutation.
   */
  enterEpoch(epoch: number): void {
    if (epoch <= this.#epoch) return;
    this.#epoch = epoch;
    if (this.history.starts.length === 0) return;
    const mutation = new Mutation();
    mutation.kind = KIND_BEGIN_EPOCH;
    this.#append(mutation, this.history.sequence);
    this.#log.endRequest();
  }

  onMutation(mutation: Mutation): Position {
    return this.#append(mutation, this.history.sequence + 1);
  }

  #append(mutation: Mutation, sequence: number): Position {
    mutation.shard = this.id;
    mutation.epoch = this.#epoch;
    mutation.sequence = sequence;
    assert(this.history.follow(mutation) === "good record", "a shard's own mutations go on with its history");
    return this.#log.append(mutation);
  }
}
