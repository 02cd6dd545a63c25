/**
 * Where a balancer's event loop has the topology from: the controller, which makes and changes it, or, in a further
 * worker, a follower, which is told.
 */
import type { Topology } from "../topology/topology.ts";
import type { Asker } from "../link/ask.ts";

export interface TopologySource {
  /** The document. There must be one. */
  readonly topology: Topology;
  /** The document as JSON. */
  topologyText(): string;
  /** `changed` hears of each new version from now on. */
  onChange(changed: (topology: Topology) => void): void;
  /** Whether there is a document. Rejects with `RefusalError` when it does not fit the flags. */
  load(): Promise<boolean>;
  /** Resolves when there is a document; rejects with `RefusalError` when none can be made. */
  whenCreated(): Promise<void>;
  /** Makes node `index` fit to serve, or rejects; see `Greeter`. */
  greet(index: number, ask: Asker): Promise<void>;
  /** Whether node `index` has missed removals and must not be asked before it was emptied. */
  isStale(index: number): boolean;
  /** Node `index` misses a removal. Resolves when that is durable. */
  markStale(index: number): Promise<void>;
  /** Whoever waits for the cluster to be created waits no longer. */
  abandon(): void;
  /** Resolves when the changes under way are over. */
  settled(): Promise<void>;
}
