/** A copy that takes what its shard's primary sends. */
import type { Clock } from "../core/clock.ts";
import type { Mutation, Position } from "../core/mutation.ts";
import type { Logger } from "../core/logger.ts";
import type { ShardHistory } from "../persistence/shard_history.ts";
import type { FollowedCopy } from "../replication/followed_copy.ts";
import type { ShardRole } from "../replication/shard_role.ts";
import { hasRoomFor } from "../store/room.ts";
import type { NodeTime } from "./node_time.ts";
import type { RecoveredStores } from "./recovered_stores.ts";
import type { ShardCopy } from "./shard_copy.ts";

export interface FollowingCopyOptions {
  readonly copy: ShardCopy;
  readonly role: ShardRole;
  readonly stores: RecoveredStores;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class FollowingCopy implements FollowedCopy {
  readonly history: ShardHistory;
  readonly #options: FollowingCopyOptions;
  /** Its primary's time when it was heard last, and when that was, on the monotonic clock. */
  #heardMs = -Infinity;
  #heardAtMs = 0;

  constructor(options: FollowingCopyOptions) {
    this.#options = options;
    this.history = options.copy.history;
  }

  get isMember(): boolean {
    return this.#options.role.isMember;
  }

  get position(): Position {
    return this.#options.copy.position;
  }

  hasRoomFor(mutation: Mutation): boolean {
    const { copy: { id, store }, logger } = this.#options;
    if (hasRoomFor(store, mutation)) return true;
    logger.error(
      "Cannot follow a shard: its primary keeps more than there is room for here; restart this node, with as much " +
        "--max-memory as the others",
      { shard: id, capBytes: store.capBytes },
    );
    return false;
  }

  apply(mutation: Mutation): Position {
    const { copy, stores } = this.#options;
    const position = copy.take(mutation);
    stores.apply(mutation);
    // Nobody was shown it here.
    copy.store.positions.take();
    return position;
  }

  acknowledging(clockMs: number): void {
    const { role, clock } = this.#options;
    this.#heardMs = clockMs;
    this.#heardAtMs = clock.monotonicMs();
    role.acknowledging(this.#heardAtMs);
  }

  /** The node is to lead the shard: `time` goes on from what was heard of the primary before it. */
  tellTime(time: NodeTime): void {
    time.goOnFrom(this.#heardMs, this.#heardAtMs);
  }
}
