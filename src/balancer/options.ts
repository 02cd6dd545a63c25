/** What a balancer is given: where to listen, which nodes to use, and the world around it. */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import type { Address, Network } from "../io/network.ts";
import type { Routing } from "../topology/topology.ts";
import type { TopologyStore } from "../topology/topology_file.ts";

export interface BalancerOptions {
  readonly listen: Address;
  /** Every node of the cluster. */
  readonly nodes: readonly Address[];
  /** Further copies of each shard. */
  readonly replicas: 0;
  /** Used when the cluster is created; must match later. */
  readonly shardCount: number;
  readonly routing: Routing;
  /** Nodes that may take the place of the one that was known at their address, whose keys are given up. */
  readonly replace: readonly Address[];
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly topologyStore: TopologyStore;
  readonly logger: Logger;
  /** Version of the program, for INFO. */
  readonly version: string;
  /** A client that takes none of its replies for this long is dropped; `CLIENT_WRITE_STALL_MS` by default. */
  readonly clientStallMs?: number;
  /** Further clients are turned away; `CLIENT_COUNT_MAX` by default. */
  readonly clientCountMax?: number;
}
