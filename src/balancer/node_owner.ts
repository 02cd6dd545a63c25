/** What a node is to its balancer, and the other way round. */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Address, Network } from "../io/network.ts";
import type { Asker } from "../link/ask.ts";
import type { ReturnedRequest } from "../link/in_flight.ts";
import type { NodeStatus } from "../protocol/roundel_exchange.ts";
import type { Lane } from "./link_names.ts";

/** What a node needs to know of the cluster. */
export interface NodeOwner<RemoteNode> {
  /** Makes `node` fit for requests, or rejects: with `RefusalError` when it must not serve. */
  admit(node: RemoteNode, ask: Asker): Promise<void>;
  /** Makes the connection of `ask` the newest link of `lane`; the node forgets the older ones. */
  nameLink(node: RemoteNode, lane: Lane, ask: Asker): Promise<void>;
  /** The present topology as JSON. */
  topologyText(): string;
  /** `request` came back from `from` without having been executed. */
  cameBack(request: ReturnedRequest, from: RemoteNode): void;
  /** So did `request`, which has a slot: `from` has refused it with the error `text`. */
  refused(request: ReturnedRequest, from: RemoteNode, text: string): void;
  /** For how long requests wait for a node that is away. */
  readonly patienceMs: number;
  /** A client is told that nobody knows whether its write was applied. */
  wasUncertain(): void;
  shardOf(slot: number): number;
  /** Whether the node that has told `status`, or nothing yet, would execute a request of `shard`, as far as is known. */
  isServed(shard: number, status: NodeStatus | null): boolean;
  /** `node` has told how it is, or has become ready. */
  told(node: RemoteNode): void;
}

export interface RemoteNodeOptions<RemoteNode> {
  readonly address: Address;
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly owner: NodeOwner<RemoteNode>;
}
