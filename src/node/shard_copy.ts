/**
 * This node's copy of a shard: its store, and its place in its own history. While the node leads the shard, it hears every
 * mutation of the store and gives it to the log, and to who keeps other copies, with the shard's number, epoch and next
 * sequence, so that nothing changes unlogged. While it follows, it takes its primary's mutations as they are.
 */
import { assert } from "../core/assert.ts";
import { KIND_BEGIN_EPOCH, Mutation, type Position } from "../core/mutation.ts";
import type { Log } from "../persistence/log.ts";
import type { ShardHistory } from "../persistence/shard_history.ts";
import type { Leadership } from "../replication/leadership.ts";
import type { Senders } from "../replication/senders.ts";
import type { CopyEnd } from "../replication/shard_role.ts";
import type { Committing } from "../serving/reply_run.ts";
import type { MutationListener } from "../store/mutation_listener.ts";
import type { Store } from "../store/store.ts";

/** Hears what is in the log already. */
export const SILENT: MutationListener = { onMutation: () => 0 };

export class ShardCopy implements MutationListener {
  readonly id: number;
  readonly store: Store;
  readonly history: ShardHistory;
  /** Says how far the shard's mutations are committed, by positions in the node's log. */
  committing: Committing;
  /** Clients are answered until then, on the monotonic clock: for ever where nobody else keeps a copy. */
  servesUntilMs = Infinity;
  readonly #log: Log;
  /** Epoch in which the next mutation happens. */
  #epoch: number;
  /** While others keep copies. */
  #leadership: Leadership | null = null;
  #senders: Pick<Senders, "appended"> | null = null;
  /** Behind its newest record in the log, as far as this process has written any. */
  #position: Position = 0;

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

  /** Behind its newest record in the log; 0 where that was there when the process began. */
  get position(): Position {
    return this.#position;
  }

  /** What the store does is logged, and, with a `leadership`, sent to the other copies. */
  lead(leadership: Leadership | null, senders: Pick<Senders, "appended">): void {
    this.store.listener = this;
    this.#leadership = leadership;
    this.#senders = senders;
    this.committing = leadership ?? this.#log;
  }

  /** What the store does is in the log already. */
  follow(): void {
    this.store.listener = SILENT;
    this.#leadership = null;
  }

  /**
   * What comes from now on happens in `epoch`, unless that is older than the present one. The log says where it began;
   * but for a shard's first, which begins with its first mutation. Returns where the copy stands then.
   */
  enterEpoch(epoch: number): CopyEnd {
    if (epoch > Math.max(this.#epoch, this.history.epoch)) {
      this.#epoch = epoch;
      if (this.history.starts.length > 0) this.#beginEpoch();
    }
    return { sequence: this.history.sequence, position: this.#log.appended };
  }

  onMutation(mutation: Mutation): Position {
    return this.#append(mutation, this.history.sequence + 1);
  }

  /** A record of the shard's primary, with which the history has just gone on, is given to the log as it is. */
  take(mutation: Mutation): Position {
    this.#position = this.#log.append(mutation);
    return this.#position;
  }

  #beginEpoch(): void {
    const mutation = new Mutation();
    mutation.kind = KIND_BEGIN_EPOCH;
    this.#append(mutation, this.history.sequence);
    this.#log.endRequest();
  }

  #append(mutation: Mutation, sequence: number): Position {
    mutation.shard = this.id;
    mutation.epoch = this.#epoch;
    mutation.sequence = sequence;
    assert(this.history.follow(mutation) === "good record", "a shard's own mutations go on with its history");
    this.#position = this.#log.append(mutation);
    if (this.#leadership !== null) this.#replicate(this.#leadership, mutation, this.#position);
    return this.#position;
  }

  #replicate(leadership: Leadership, mutation: Mutation, position: Position): void {
    if (mutation.kind !== KIND_BEGIN_EPOCH) leadership.appended(mutation.sequence, position);
    this.#senders!.appended(mutation);
  }
}
