/** A copy that follows its primary, as the receiver of streams sees it. */
import type { Mutation, Position } from "../core/mutation.ts";
import type { ShardHistory } from "../persistence/shard_history.ts";

export interface FollowedCopy {
  readonly history: ShardHistory;
  /** Position in the node's log behind its newest record; 0 where nothing of it is waiting for a commit. */
  readonly position: Position;
  /** Whether it is in the in-sync set of the topology that this node has adopted. */
  readonly isMember: boolean;
  /** Whether `mutation` fits, so that the copy has to give up nothing by itself. Says it where it does not. */
  hasRoomFor(mutation: Mutation): boolean;
  /**
   * Gives `mutation`, with which the history has just gone on, to the log as it is and to the store; returns the position
   * behind it in the log. The key of a delete or an expire may be absent, where the copy is filling.
   */
  apply(mutation: Mutation): Position;
  /** Something is acknowledged to the primary, whose time is `clockMs`: the grace counts from now. */
  acknowledging(clockMs: number): void;
}

export interface FollowedCopies {
  /**
   * The copy of `shard`, if it may take records of a primary in `epoch`; else the epoch because of which it may not, which
   * is `epoch` itself where this node keeps no copy that could follow.
   */
  ofShard(shard: number, epoch: number): FollowedCopy | number;
}
