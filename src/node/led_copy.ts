/** A shard that this node leads, as the streams to its other copies see it. */
import type { Clock } from "../core/clock.ts";
import type { Leadership } from "../replication/leadership.ts";
import type { Acknowledgement, LedShard, StreamState } from "../replication/led_shard.ts";
import type { ShardHistory } from "../persistence/shard_history.ts";
import type { Store } from "../store/store.ts";
import type { ShardCopy } from "./shard_copy.ts";

export class LedCopy implements LedShard {
  readonly shard: number;
  readonly history: ShardHistory;
  readonly store: Store;
  readonly leadership: Leadership;
  readonly #clock: Clock;

  constructor(copy: ShardCopy, leadership: Leadership, clock: Clock) {
    this.shard = copy.id;
    this.history = copy.history;
    this.store = copy.store;
    this.leadership = leadership;
    this.#clock = clock;
  }

  get epoch(): number {
    return this.leadership.epoch;
  }

  acknowledged(peer: string, acknowledgement: Acknowledgement): void {
    this.leadership.acknowledged(peer, acknowledgement, this.#clock.monotonicMs());
  }

  /**
   * Nothing is to be done: it may be this node itself that leads the newer epoch, as the topology on its way here says, and
   * until that is here who refuses prolongs no lease and commits nothing.
   */
  outdated(): void {}

  streamChanged(peer: string, state: StreamState): void {
    this.leadership.streamChanged(peer, state, this.#clock.monotonicMs());
  }
}
