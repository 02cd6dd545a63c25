/** What a node is to its balancer, and the other way round. */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Address, Network } from "../io/network.ts";
import type { Asker } from "../link/ask.ts";
import type { Lane } from "./link_names.ts";

/** What a node needs to know of the cluster. */
export interface NodeOwner<RemoteNode> {
  /** Makes `node` fit for requests, or rejects: with `RefusalError` when it must not serve. */
  admit(node: RemoteNode, ask: Asker): Promise<void>;
  /** Makes the connection of `ask` the newest link of `lane`; the node forgets the older ones. */
  nameLink(node: RemoteNode, lane: Lane, ask: Asker): Promise<void>;
  /** The present topology as JSON. */
  topologyText(): string;
  /** The node to which a request of `slot` that came back from `from` goes. */
  ofReturned(slot: number, from: RemoteNode): RemoteNode;
}

export interface RemoteNodeOptions<RemoteNode> {
  readonly address: Address;
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly owner: NodeOwner<RemoteNode>;
}
