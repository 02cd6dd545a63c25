/** What a balancer is given: where to listen, which nodes to use, and the world around it. */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import type { ControllerOptions } from "../controller/options.ts";
import type { Address, Network } from "../io/network.ts";
import type { Routing } from "../topology/topology.ts";
import type { Counters } from "./counters.ts";

/** What one event loop of a balancer needs to serve. */
export interface ServingOptions {
  readonly listen: Address;
  /** Whether other listeners, of the same user, may share the port. */
  readonly sharesPort?: boolean;
  /** Every node of the cluster. */
  readonly nodes: readonly Address[];
  readonly routing: Routing;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** A client that takes none of its replies for this long is dropped; `CLIENT_WRITE_STALL_MS` by default. */
  readonly clientStallMs?: number;
  /** Further clients, of all workers together, are refused; `CLIENT_COUNT_MAX` by default. */
  readonly clientCountMax?: number;
  /** Names the process among those that have this topology in turn; shared by its workers, by default random. */
  readonly run?: string;
  /** Which of the workers of its process this is; by default the first. */
  readonly worker?: number;
  /** Shared by the workers of a process; by default this is the only one. */
  readonly counters?: Counters;
}

/** What the one event loop needs that also holds the controller. */
export interface BalancerOptions extends ServingOptions, ControllerOptions {}
