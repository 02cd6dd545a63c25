/** The streams of a node: from each shard that it leads to each node that keeps another copy of it. */
import type { Mutation } from "../core/mutation.ts";
import type { Address } from "../io/network.ts";
import type { LedShard } from "./led_shard.ts";

/** A node that keeps a copy of a shard. */
interface PeerAddress extends Address {
  readonly id: string;
}

interface Senders {
  /** From now on the records of `led` go to `peers`, and to nobody else. Called again with each topology. */
  follow(led: LedShard, peers: readonly PeerAddress[]): void;
  /** This node does not lead `shard` any more. */
  forget(shard: number): void;
  /** `mutation` of a led shard was just given to the log, and what comes before it, too. */
  appended(mutation: Mutation): void;
  stop(): Promise<void>;
}

export type { PeerAddress, Senders };
