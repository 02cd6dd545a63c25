/**
 * What a command handler gets to work with. The pipeline of a node keeps a context for all connections and fills
 * it again for every request; a handler reads the arguments by their offsets, works on the stores, and
 * says its answer through `reply`. It keeps nothing of the context beyond its own return.
 */
import type { Random } from "../core/random.ts";
import type { ServerFacts, SessionContext } from "../serving/session_commands.ts";
import type { Store } from "../store/store.ts";

export interface CommandContext extends SessionContext {
  readonly random: Random;
  /** The store of the shard that owns the key in argument `argument`. The pipeline has checked the ownership. */
  storeOf(argument: number): Store;
  /** The hash by which that store finds the key in argument `argument`. */
  hashOf(argument: number): number;
  /** Every store of this node, in shard order; an index is stable while the process runs. */
  readonly stores: readonly Store[];
  readonly server: ServerDoor;
  readonly cluster: ClusterView;
}

/** What the commands about the server ask of the process around them. */
export interface ServerDoor extends ServerFacts {
  /** Writes a dump; resolves when it is durable, rejects with the cause. */
  save(): Promise<void>;
  /** Starts a dump; `""`, or why it was not started. */
  backgroundSave(): string;
  /** When the last dump became durable, in milliseconds since 1970. */
  readonly lastSaveMs: number;
  /** The text of `INFO`. Names of sections are in lower case; none means the default ones. */
  info(sections: readonly string[]): string;
  /** Resolves to whether all that was changed up to now is committed; `false` when it never will be. */
  whenCommitted(): Promise<boolean>;
  /** Carries out `ROUNDEL …`, with which a balancer steers a node, and replies. */
  admin(context: CommandContext): void | Promise<void>;
}

/** A run of slots `first … last` and the node that serves it. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

/** The topology as this node knows it. */
export interface ClusterView {
  /** False on a standalone node: then only `slotOf` means something. */
  readonly enabled: boolean;
  /** Slot of the key `bytes[start, end)`. */
  slotOf(bytes: Uint8Array, start: number, end: number): number;
  readonly myId: string;
  /** Which node serves which slots, in the order of the slots. */
  ranges(): readonly SlotRange[];
  readonly epoch: number;
}

/** Runs one request. A promise means that the reply is complete only once it resolves. */
export type Handler = (context: CommandContext) => void | Promise<void>;
