/** What the controller is given. */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import type { Address } from "../io/network.ts";
import type { Routing } from "../topology/topology.ts";
import type { TopologyStore } from "../topology/topology_file.ts";

export interface ControllerOptions {
  /** Every node of the cluster. */
  readonly nodes: readonly Address[];
  readonly routing: Routing;
  /** Further copies of each shard of a new cluster; one that is known keeps what it has. */
  readonly replicas: number;
  /** Used when the cluster is created; must match later. */
  readonly shardCount: number;
  /** Nodes that may take the place of the one that was known at their address, whose keys are given up. */
  readonly replace: readonly Address[];
  readonly topologyStore: TopologyStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
