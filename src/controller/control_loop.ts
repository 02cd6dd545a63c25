/**
 * Observes the nodes, decides, and has it done, several times a second: freezes are asked for, a new topology is saved and
 * so told. Each step can be done again, by another controller too: what was decided is in the topology, and what was asked
 * is asked once more. There is nothing to do in a cluster whose shards have one copy each.
 */
import { textOf } from "../core/bytes.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { CONTROL_LOOK_MS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import { shardListText } from "../core/shard_ranges.ts";
import { freezeRequest, type NodeStatus, parseFrozen } from "../protocol/roundel_exchange.ts";
import type { Topology } from "../topology/topology.ts";
import {
  type Actions,
  type Change,
  decide,
  type Freeze,
  type FreezeAnswer,
  type NodeView,
  type ToldStatus,
  whyLost,
} from "./decide.ts";
import type { FailoverFigures, ObservedNode } from "./topology_source.ts";

export interface ControlLoopOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly figures: FailoverFigures;
  readonly topology: () => Topology;
  readonly nodes: () => readonly ObservedNode[];
  /** Puts `next` in the place of `topology`, unless that is not the present one any more. Rejects when it cannot be saved. */
  readonly replace: (topology: Topology, next: Topology) => Promise<void>;
}

const LACKING = "shards go on with what is left: what was acknowledged may be missing";
const FAILOVER = "shards fail over";
const SET_CHANGE = "in-sync set has changed";

interface AskedFreeze extends Freeze {
  readonly answers: Map<string, FreezeAnswer>;
}

export class ControlLoop {
  readonly #options: ControlLoopOptions;
  readonly #freezes = new Map<number, AskedFreeze>();
  /** Nodes that are asked to freeze and have not answered yet. */
  readonly #asked = new Set<string>();
  /** Since when shards have no primary that serves. */
  readonly #lostSince = new Map<number, number>();
  /** What was told last, and the same by shards. */
  readonly #told = new WeakMap<NodeStatus, ToldStatus>();
  readonly #timer: Timer;
  #isSaving = false;

  constructor(options: ControlLoopOptions) {
    this.#options = options;
    this.#timer = options.clock.every(CONTROL_LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#timer.cancel();
  }

  #look(): void {
    const topology = this.#options.topology();
    if (this.#isSaving || topology.shards.every(({ replicas }) => replicas.length === 0)) return;
    for (const [shard, { epoch }] of this.#freezes) {
      if (topology.shards[shard]?.epoch !== epoch) this.#freezes.delete(shard);
    }
    const nodes = this.#views(topology);
    const nowMs = this.#options.clock.monotonicMs();
    this.#measure(topology, nodes, nowMs);
    const actions = decide(topology, { nodes, freezes: this.#freezes }, nowMs);
    for (const [id, shards] of actions.freeze) this.#askToFreeze(id, shards, nowMs);
    if (actions.next !== null) this.#save(topology, actions);
  }

  #views(topology: Topology): Map<string, NodeView> {
    const observed = new Map(this.#options.nodes().map((node) => [node.id, node]));
    return new Map(topology.nodes.map(({ id }) => {
      const node = observed.get(id);
      const away = node?.away ?? null;
      const told = node === undefined || away !== null || node.status === null
        ? null
        : this.#byShards(node.status);
      return [id, { away, told }];
    }));
  }

  #byShards(status: NodeStatus): ToldStatus {
    let told = this.#told.get(status);
    if (told === undefined) {
      const { incarnation, version, writeRefusal } = status;
      told = {
        incarnation,
        version,
        writeRefusal,
        copies: new Map(status.copies.map((copy) => [copy.shard, copy])),
      };
      this.#told.set(status, told);
    }
    return told;
  }

  async #askToFreeze(id: string, shards: ReadonlyMap<number, number>, nowMs: number): Promise<void> {
    const node = this.#options.nodes().find((each) => each.id === id);
    for (const [shard, epoch] of shards) {
      if (!this.#freezes.has(shard)) this.#freezes.set(shard, { epoch, sinceMs: nowMs, answers: new Map() });
    }
    if (node === undefined || this.#asked.has(id)) return;
    this.#asked.add(id);
    const reply = await node.askAside(freezeRequest(shards));
    this.#asked.delete(id);
    // Whoever has not answered is asked again at the next look.
    if (reply.kind !== "bulk") return;
    try {
      const { incarnation, places } = parseFrozen(textOf(reply.bytes));
      for (const place of places) {
        const freeze = this.#freezes.get(place.shard);
        if (freeze?.epoch === shards.get(place.shard) && place.epoch >= freeze!.epoch) {
          freeze!.answers.set(id, { incarnation, place });
        }
      }
    } catch (error) {
      this.#options.logger.error("a node's answer cannot be read", { node: id, cause: messageOf(error) });
    }
    // Shards that several nodes answer about make one new version.
    if (this.#asked.size === 0) this.#look();
  }

  async #save(topology: Topology, { changes, next }: Actions): Promise<void> {
    const { replace, logger, figures } = this.#options;
    this.#isSaving = true;
    try {
      await replace(topology, next!);
    } catch {
      return; // told by who saves
    } finally {
      this.#isSaving = false;
    }
    const failovers = changes.filter(({ isFailover }) => isFailover);
    figures.failedOver(failovers.length);
    for (const { message, shards, ...fields } of linesOf(changes)) {
      const level = message === LACKING ? "error" : message === FAILOVER ? "warn" : "info";
      logger[level](message, { shards: shardListText(shards), ...fields });
    }
    this.#look();
  }

  /** How long shards are without a primary that serves. */
  #measure(topology: Topology, nodes: ReadonlyMap<string, NodeView>, nowMs: number): void {
    for (const [shard, { primary, replicas }] of topology.shards.entries()) {
      const { away, told } = nodes.get(primary)!;
      const sinceMs = this.#lostSince.get(shard);
      if (sinceMs === undefined) {
        const isLost = replicas.length > 0 && whyLost(topology, shard, { nodes }, nowMs) !== "";
        if (isLost) this.#lostSince.set(shard, away?.wasReached ? away.sinceMs : nowMs);
      } else if (told?.version === topology.version && told.copies.get(shard)?.isOpen) {
        this.#lostSince.delete(shard);
        this.#options.figures.failoverTook(nowMs - sinceMs);
      }
    }
  }
}

/** What became of shards, for the log: one line for all of which the same is to be said. */
interface ChangeLine {
  readonly message: string;
  readonly shards: number[];
  readonly primary: string;
  readonly inSync: string;
  readonly why: string;
}

function linesOf(changes: readonly Change[]): ChangeLine[] {
  const lines = new Map<string, ChangeLine>();
  for (const { shard, next: { primary, inSync }, why, isFailover, mayLack } of changes) {
    const line = {
      message: mayLack ? LACKING : isFailover ? FAILOVER : SET_CHANGE,
      shards: [],
      primary,
      inSync: inSync.join(),
      why,
    };
    const key = JSON.stringify(line);
    const known = lines.get(key) ?? line;
    lines.set(key, known);
    known.shards.push(shard);
  }
  return [...lines.values()];
}
