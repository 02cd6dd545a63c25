/** What the primary of a shard hears of the streams to the other copies. */

/** How a stream stands. */
export type StreamState = "away" | "placing" | "catching up" | "filling" | "live" | "diverged";

/** What a peer has acknowledged. */
export interface Acknowledgement {
  /** In which this node led when it sent that. */
  readonly epoch: number;
  /** The peer has everything up to here; 0 where it only shows that it is there. */
  readonly sequence: number;
  /** When that was sent, by this node's monotonic clock. */
  readonly sentAtMs: number;
}
