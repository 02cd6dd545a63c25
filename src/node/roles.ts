/**
 * What this node is to each shard that it keeps a copy of, and what follows from that: who is sent the shard's records, whose
 * records are taken, how long clients are answered, what is committed. Of round-robin and standalone nodes, and of
 * shards that nobody else keeps, there is nothing to do here.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { ROLE_LOOK_MS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Position } from "../core/mutation.ts";
import type { Log } from "../persistence/log.ts";
import type { CopyStatus, FrozenPlace } from "../protocol/roundel_exchange.ts";
import type { FollowedCopies, FollowedCopy } from "../replication/followed_copy.ts";
import type { PeerAddress, Senders } from "../replication/senders.ts";
import { type ShardPlace, ShardRole } from "../replication/shard_role.ts";
import type { Topology, TopologyShard } from "../topology/topology.ts";
import { FollowingCopy } from "./followed_copy.ts";
import { LedCopy } from "./led_copy.ts";
import type { NodeTime } from "./node_time.ts";
import type { RecoveredStores } from "./recovered_stores.ts";
import type { ShardCopy } from "./shard_copy.ts";

export interface RolesOptions {
  readonly id: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly logger: Logger;
  readonly stores: RecoveredStores;
  readonly time: NodeTime;
  /** Send what there is to the other copies of the shards that are led. */
  readonly senders: Senders;
  /** Whether a loss of power may have taken what the copies had acknowledged before the process began. */
  readonly mayLack: boolean;
}

interface Role {
  readonly copy: ShardCopy;
  readonly role: ShardRole;
  readonly followed: FollowingCopy;
  /** While this node leads it and others keep copies. */
  led: LedCopy | null;
  /** Whether this node may have sent requests of the shard elsewhere before it had the copy. */
  readonly isLate: boolean;
  /** Epoch in which it may lack what it has acknowledged; 0 = it does not. */
  lackingEpoch: number;
}

/** A node that keeps other copies of the shards that are led here. */
export interface ReplicaNode {
  readonly host: string;
  readonly port: number;
  /** Whether all those copies are in their in-sync sets. */
  readonly areInSync: boolean;
  /** Mutations that they have. */
  readonly offset: number;
  /** How long ago that was sent which it has acknowledged last, of any of the shards at most. */
  readonly silentMs: number;
}

export class Roles implements FollowedCopies {
  /** Called when something was committed, or never will be. */
  onSettled: () => void = () => {};
  readonly #options: RolesOptions;
  readonly #roles = new Map<number, Role>();
  readonly #startedMs: number;
  readonly #senders: Senders;
  #timer: Timer | null = null;
  #topology: Topology | null = null;

  constructor(options: RolesOptions) {
    this.#options = options;
    this.#senders = options.senders;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** The process has started, and goes on with what it knows. */
  resume(copies: readonly ShardCopy[], topology: Topology): void {
    this.#topology = topology;
    for (const copy of copies) {
      const role = this.#add(copy, false);
      role.role.resume(placeOf(topology.shards[copy.id]!, this.#options.id));
      if (this.#options.mayLack) role.lackingEpoch = role.role.epoch;
      this.#changed(role);
    }
  }

  /** A topology was adopted; `copies` are what the node keeps by it. */
  adopt(copies: readonly ShardCopy[], topology: Topology): void {
    const isLate = this.#topology !== null;
    this.#topology = topology;
    const nowMs = this.#options.clock.monotonicMs();
    for (const copy of copies) {
      const role = this.#roles.get(copy.id) ?? this.#add(copy, isLate);
      const place = placeOf(topology.shards[copy.id]!, this.#options.id);
      if (place.isPrimary && copy.history.isFilling && !role.role.leads) {
        this.#options.logger.error("shard not led, since its copy here has only a part of it", {
          shard: copy.id,
        });
        role.role.freeze(place.epoch);
      }
      if (place.isMember && place.epoch > role.lackingEpoch) role.lackingEpoch = 0;
      role.role.adopt(place, nowMs);
      this.#changed(role);
      // Addresses may be others.
      if (role.led !== null) this.#senders.follow(role.led, this.#peersOf(role.copy.id));
    }
  }

  ofShard(shard: number, epoch: number): FollowedCopy | number {
    const role = this.#roles.get(shard);
    if (role === undefined) return epoch;
    const refusal = role.role.refusalOf(epoch);
    if (refusal !== 0) return refusal;
    role.role.follow(epoch);
    return role.followed;
  }

  /** From now on nothing of `epoch` or an older one of `shard` is acknowledged. `null` where no copy of it is kept. */
  freeze(shard: number, epoch: number): FrozenPlace | null {
    const role = this.#roles.get(shard);
    if (role === undefined) return null;
    role.role.freeze(epoch);
    return { ...copyPlace(role), epoch };
  }

  /** Why clients are not answered for `shard` at `nowMs`; empty while they are. */
  whyNotServed({ id, servesUntilMs }: ShardCopy, nowMs: number): string {
    return nowMs < servesUntilMs ? "" : this.#roles.get(id)!.role.whyNotServed(nowMs);
  }

  /** Whether a shard that is served has so much that waits for acknowledgements that no more should be added. */
  isCongested(): boolean {
    if (this.#timer === null) return false;
    for (const { led } of this.#roles.values()) {
      if (led === null || !led.leadership.isCongested) continue;
      if (this.#options.clock.monotonicMs() < led.leadership.servesUntilMs) return true;
    }
    return false;
  }

  /** Whether everything before `position`, which the log has committed, is committed in every shard; `null`: not yet. */
  areCommitted(position: Position): boolean | null {
    let areAll = true;
    for (const { led, role } of this.#roles.values()) {
      if (role.isPrimary && !role.leads) return false;
      if (led !== null && led.leadership.committedPosition < position) areAll = false;
    }
    return areAll ? true : null;
  }

  statuses(): CopyStatus[] {
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#roles.values()].map((entry) => {
      const { role, copy, led } = entry;
      return {
        ...copyPlace(entry),
        epoch: role.epoch,
        role: role.isPrimary ? "primary" : "replica",
        isLeading: role.leads && !role.isFrozen,
        isOpen: nowMs < copy.servesUntilMs,
        ...led?.leadership.proposals(nowMs) ?? { join: [], leave: [] },
      };
    });
  }

  /** How many of the other copies of every shard of the cluster are in sync, at least. */
  get inSyncReplicaCount(): number {
    const shards = this.#topology?.shards ?? [];
    return shards.length === 0 ? 0 : Math.min(...shards.map(({ inSync }) => inSync.length - 1));
  }

  /** The nodes that keep other copies of the shards that are led here. */
  replicaNodes(): ReplicaNode[] {
    const nowMs = this.#options.clock.monotonicMs();
    const places = [...this.#roles.values()].flatMap(({ led }) => led?.leadership.places() ?? []);
    return (this.#topology?.nodes ?? []).flatMap(({ id, host, port }) => {
      const own = places.filter((place) => place.id === id);
      if (own.length === 0) return [];
      return [{
        host,
        port,
        areInSync: own.every(({ isMember }) => isMember),
        offset: own.reduce((sum, { acknowledged }) => sum + Math.max(acknowledged, 0), 0),
        silentMs: Math.max(...own.map(({ sentAtMs }) => nowMs - Math.max(sentAtMs, this.#startedMs))),
      }];
    });
  }

  /** Mutations of the shards that are led here, since the cluster was made. */
  get offset(): number {
    let sum = 0;
    for (const { role, copy } of this.#roles.values()) if (role.isPrimary) sum += copy.history.sequence;
    return sum;
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#senders.stop();
  }

  #add(copy: ShardCopy, isLate: boolean): Role {
    const { clock, log, logger, stores } = this.#options;
    const role = new ShardRole({
      shard: copy.id,
      log,
      startedMs: this.#startedMs,
      beginEpoch: (epoch) => copy.enterEpoch(epoch),
      changed: () => this.#changed(entry),
    });
    const followed = new FollowingCopy({ copy, role, stores, clock, logger });
    const entry: Role = { copy, role, followed, led: null, isLate, lackingEpoch: 0 };
    this.#roles.set(copy.id, entry);
    return entry;
  }

  /** Brings everything in line with what the role is now. */
  #changed(entry: Role): void {
    const { copy, role } = entry;
    const { leadership } = role;
    if (leadership !== (entry.led?.leadership ?? null)) {
      if (entry.led !== null) this.#senders.forget(copy.id);
      entry.led = leadership === null ? null : new LedCopy(copy, leadership, this.#options.clock);
      if (entry.led !== null) {
        entry.followed.tellTime(this.#options.time);
        this.#senders.follow(entry.led, this.#peersOf(copy.id));
      }
    }
    if (role.leads) copy.lead(leadership, this.#senders);
    else copy.follow();
    copy.servesUntilMs = Math.min(role.servesUntilMs, entry.isLate ? Number.MAX_VALUE : Infinity);
    if (leadership !== null) this.#timer ??= this.#options.clock.every(ROLE_LOOK_MS, () => this.#look());
    this.onSettled();
  }

  #look(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const { role } of this.#roles.values()) role.leadership?.look(nowMs);
  }

  #peersOf(shard: number): PeerAddress[] {
    const { nodes, shards } = this.#topology!;
    const { primary, replicas } = shards[shard]!;
    return nodes.filter(({ id }) => id !== this.#options.id && (id === primary || replicas.includes(id)));
  }
}

function placeOf({ epoch, primary, replicas, inSync }: TopologyShard, id: string): ShardPlace {
  return {
    epoch,
    ids: [primary, ...replicas].filter((other) => other !== id),
    members: inSync.filter((other) => other !== id),
    isPrimary: primary === id,
    isMember: inSync.includes(id),
  };
}

function copyPlace({ copy: { id, history }, lackingEpoch }: Role) {
  const { sequence, epoch, isFilling } = history;
  return { shard: id, sequence, lastEpoch: epoch, isFilling, mayLack: lackingEpoch > 0 };
}
