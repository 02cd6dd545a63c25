/**
 * One shard copy of this node: its store, and its place in its own history. It hears every mutation of the store
 * and gives it to the log with the shard's number, epoch and next sequence, so that nothing changes unlogged.
 */
import type { Mutation, Position } from "../core/mutation.ts";
import type { Log } from "../persistence/log.ts";
import type { MutationListener } from "../store/mutation_listener.ts";
import type { Store } from "../store/store.ts";

export class Shard implements MutationListener {
  readonly id: number;
  readonly store: Store;
  /** Grows each time the shard changes its primary; 1 at first. */
  epoch: number;
  /** Sequence of the shard's newest mutation; 0 before the first. */
  sequence: number;
  readonly #log: Log;

  /** From here on the store's mutations go to `log`. */
  constructor(id: number, store: Store, log: Log, history: { epoch: number; sequence: number }) {
    this.id = id;
    this.store = store;
    this.epoch = history.epoch;
    this.sequence = history.sequence;
    this.#log = log;
    store.listener = this;
  }

  onMutation(mutation: Mutation): Position {
    mutation.shard = this.id;
    mutation.epoch = this.epoch;
    mutation.sequence = ++this.sequence;
    return this.#log.append(mutation);
  }
}
