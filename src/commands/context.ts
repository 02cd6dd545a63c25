/**
 * What a command handler gets to work with. The pipeline of a node keeps a context for all connections and fills
 * it again for every request; a handler reads the arguments by their offsets, works on the stores, and
 * says its answer through `reply`. It keeps nothing of the context beyond its own return.
 */
import type { Position } from "../core/mutation.ts";
import type { Random } from "../core/random.ts";
import type { SessionContext } from "../serving/session_commands.ts";
import type { ServerFacts } from "../serving/server_facts.ts";
import type { Store } from "../store/store.ts";

export interface CommandContext extends SessionContext {
  readonly random: Random;
  /** The store of the shard that owns the key in argument `argument`. The pipeline has checked the ownership. */
  storeOf(argument: number): Store;
  /** The hash by which that store finds the key in argument `argument`. */
  hashOf(argument: number): number;
  /** Every store of this node, in shard order; an index is stable while the process runs. */
  readonly stores: readonly Store[];
  /** The same with the numbers of their shards. */
  readonly shards: readonly ShardStore[];
  /** The error for a shard that is not here; empty when there is none with that number. */
  whyNoShard(shard: number): string;
  /** The reply waits until the node's own log has committed everything before `position`. */
  waitForLog(position: Position): void;
  readonly server: ServerDoor;
}

/** The store of a shard. */
export interface ShardStore {
  readonly id: number;
  readonly store: Store;
}

/** What the commands about the server ask of the process around them. */
export interface ServerDoor extends ServerFacts {
  /** Writes a dump; resolves when it is durable, rejects with the cause. */
  save(): Promise<void>;
  /** Starts a dump; `""`, or why it was not started. */
  backgroundSave(): string;
  /** When the last dump became durable, in milliseconds since 1970. */
  readonly lastSaveMs: number;
  /** How many other copies have whatever is committed, of every shard at least. */
  inSyncReplicaCount(): number;
  /** Resolves to whether all that was changed up to now is committed; `false` when it never will be. */
  whenCommitted(): Promise<boolean>;
  /** Runs what holds much memory, one such thing at a time. Rejects with what `run` does. */
  inTurn(run: () => Promise<void>): Promise<void>;
  /** Carries out `ROUNDEL …`, with which a balancer steers a node, and replies. */
  admin(context: CommandContext): void | Promise<void>;
}

/** Runs one request. A promise means that the reply is complete only once it resolves. */
export type Handler = (context: CommandContext) => void | Promise<void>;
