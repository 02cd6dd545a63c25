/**
 * Where a balancer's event loop has the topology from: the controller, which makes and changes it, or, in a further
 * worker, a copy that it is sent.
 */
import type { Address } from "../io/network.ts";
import type { Asker } from "../link/ask.ts";
import type { Topology } from "../topology/topology.ts";

/** A node that was reached: which one is expected, and where. */
export interface Meeting {
  /** Its index in the topology, or, before there is one, among the addresses that were given. */
  readonly index: number;
  readonly address: Address;
  /** Whether the node with `id` is connected to at present. */
  readonly isReached: (id: string) => boolean;
}

export interface TopologySource {
  /** The document. There must be one. */
  readonly topology: Topology;
  /** Where to reach its nodes, in its order: as the document says, or as was given at the start. */
  readonly addresses: readonly Address[];
  /** The document as JSON. */
  topologyText(): string;
  /** `changed` hears of each new version from now on. */
  onChange(changed: (topology: Topology) => void): void;
  /** Whether there is a document. Rejects with `RefusalError` when it does not fit the flags. */
  load(): Promise<boolean>;
  /** Resolves when there is a document; rejects with `RefusalError` when none can be made. */
  whenCreated(): Promise<void>;
  /** Makes the node that was met fit to serve, or rejects: with `RefusalError` when it must not. */
  admit(meeting: Meeting, ask: Asker): Promise<void>;
  /** Whether the node with `id` has missed removals and must not be asked before it was emptied. */
  isStale(id: string): boolean;
  /** The node with `id` misses a removal. Resolves when that is durable. */
  markStale(id: string): Promise<void>;
  /** Whoever waits for the cluster to be created waits no longer. */
  abandon(): void;
  /** Resolves when the changes under way are over. */
  settled(): Promise<void>;
}
