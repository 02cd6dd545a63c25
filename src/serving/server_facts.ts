/** What the commands that node and balancer answer alike ask of the process around the connections. */
import type { SlotRange } from "../core/shard_ranges.ts";

export interface ServerFacts {
  /** What `CONFIG GET` knows, each name once. */
  settings(): readonly Setting[];
  /** What `CLUSTER` tells. */
  cluster(): ClusterView;
  /** What `INFO` knows, of the sections that `names` asks for at least; later, where others have to be asked first. */
  infoSections(names: ReadonlySet<string>): InfoSections | Promise<InfoSections>;
}

export type Setting = readonly [name: string, value: string];

/** A node, and the ranges of slots that it serves. */
export interface ServingNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly ranges: readonly SlotRange[];
  /** Id of the node that it is a replica of; `null` of one that serves slots, or keeps none. */
  readonly replicaOf: string | null;
}

/** Ranges of slots that the same nodes keep. */
interface ServedSlots {
  /** Ids of the primary and of the replicas that are in sync, in this order. */
  readonly ids: readonly string[];
  readonly ranges: readonly SlotRange[];
}

/** The topology as this process knows it. */
export interface ClusterView {
  /** False where keys are not divided by slots. */
  readonly enabled: boolean;
  /** Of this process: a node's id; a balancer, which serves no slots itself, goes by the cluster's. */
  readonly myId: string;
  readonly myPort: number;
  readonly version: number;
  /** Every node of the cluster. */
  nodes(): readonly ServingNode[];
  /** All slots by who keeps them; a node that keeps none at all has an entry without slots. */
  shards(): readonly ServedSlots[];
}

export type InfoLines = readonly (readonly [name: string, value: string | number])[];

/** The lines of each section by its title; or, as a text, why they are not known. */
export type InfoSections = Readonly<Record<string, () => InfoLines | string>>;
