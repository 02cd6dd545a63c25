/**
 * Where a balancer's event loop has the topology from: the controller, which makes and changes it, or, in a further
 * worker, a copy that it is sent.
 */
import type { Address } from "../io/network.ts";
import type { Asker } from "../link/ask.ts";
import type { NodeStatus } from "../protocol/roundel_exchange.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import type { Topology } from "../topology/topology.ts";

/** A node that was reached: which one is expected, and where. */
export interface Meeting {
  /** Its index in the topology, or, before there is one, among the addresses that were given. */
  readonly index: number;
  readonly address: Address;
  /** Whether the node with `id` is connected to at present. */
  readonly isReached: (id: string) => boolean;
}

/** A node as a balancer's links show it. */
export interface ObservedNode {
  /** `null` until it is known. */
  readonly id: string | null;
  /** Since when it is not reached, on the monotonic clock; of one that never was: since it is sought. `null` while it is. */
  readonly away: { readonly sinceMs: number; readonly wasReached: boolean; readonly cause: string } | null;
  /** What it told last since it was reached; `null` before. */
  readonly status: NodeStatus | null;
  /** Asks it beside the requests of clients; resolves to its reply, which is an error where it cannot be asked just now. */
  askAside(args: readonly string[]): Promise<ReplyValue>;
}

/** What is counted of fail-overs. */
export interface FailoverFigures {
  /** `count` shards got another primary, or the same one anew. */
  failedOver(count: number): void;
  /** The last of them took this long, from when its primary was lost until its new one served. */
  failoverTook(ms: number): void;
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
  /** From now on `nodes` are what is known of the nodes, and what becomes of them is counted. */
  observe(nodes: () => readonly ObservedNode[], figures: FailoverFigures): void;
  /** Whether the node with `id` has missed removals and must not be asked before it was emptied. */
  isStale(id: string): boolean;
  /** The node with `id` misses a removal. Resolves when that is durable. */
  markStale(id: string): Promise<void>;
  /** Whoever waits for the cluster to be created waits no longer. */
  abandon(): void;
  /** Nothing is changed any more; resolves when the changes under way are over. */
  settled(): Promise<void>;
}
