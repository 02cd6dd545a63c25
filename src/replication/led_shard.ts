/** A shard that this node leads, as the streams to its other copies see it. */
import type { ShardHistory } from "../persistence/shard_history.ts";
import type { Store } from "../store/store.ts";

/**
 * How a stream stands.
 *
 *     away ──link──► placing ──► catching up ──────────────────► live
 *                      │  └────► filling (the copy begins anew) ──┘
 *                      └───────► diverged (the copy would have to begin anew, and may not: it is a member)
 *
 *     whatever is sent ──► full (the copy has no room for it)
 *
 * From each of them it is back to `away` with the link, and to `placing` when the peer misses something; from `live` to
 * `catching up` when more waits for the peer than is kept.
 */
export type StreamState = "away" | "placing" | "catching up" | "filling" | "live" | "diverged" | "full";

/** What a peer has acknowledged. */
export interface Acknowledgement {
  /** In which this node led when it sent that. */
  readonly epoch: number;
  /** The peer has everything up to here, as durable as its policy asks; 0 where it only shows that it is there. */
  readonly sequence: number;
  /** When that was sent, by this node's monotonic clock. */
  readonly sentAtMs: number;
}

export interface LedShard {
  readonly shard: number;
  /** In which this node leads it now. The history has begun it, unless nothing is known of the shard yet. */
  readonly epoch: number;
  readonly history: ShardHistory;
  /** To fill copies from. */
  readonly store: Store;
  /** The acknowledgement is valid during the call only. */
  acknowledged(peer: string, acknowledgement: Acknowledgement): void;
  /**
   * The peer knows a newer epoch, perhaps one of this node's own that it has yet to adopt: what is sent in this one is
   * refused. The stream goes on once the shard is followed in a newer one.
   */
  outdated(newerEpoch: number): void;
  streamChanged(peer: string, state: StreamState): void;
}
