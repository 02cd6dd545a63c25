/**
 * What this node is to one shard that it keeps a copy of: its primary, or a copy that follows; and which epochs it still
 * has to do with. It decides only.
 *
 *     follows ──topology names it, in an epoch that is not frozen──► leads ──a newer epoch of another node──► follows
 *
 * - Once a newer epoch is known, or one was frozen for a fail-over, nothing of it or an older one is acknowledged any more.
 * - A primary in a new run of its process knows less than its replicas may: it never goes on in the epoch that it finds,
 *   unless nobody else keeps a copy.
 */
import { assert } from "../core/assert.ts";
import { GRACE_MS } from "../core/limits.ts";
import type { Position } from "../core/mutation.ts";
import { Leadership, type LeadershipOptions, type Peers } from "./leadership.ts";

/** What a topology says about the shard, as this node sees it. */
export interface ShardPlace extends Peers {
  /** Whether this node is the primary, and the peers are the others; else they are not looked at. */
  readonly isPrimary: boolean;
  /** Whether this node is in the in-sync set. */
  readonly isMember: boolean;
}

/** Where the copy stands. */
export interface CopyEnd {
  readonly sequence: number;
  /** Where in the node's log what it has ends. */
  readonly position: Position;
}

export interface ShardRoleOptions {
  readonly shard: number;
  readonly log: LeadershipOptions["log"];
  /** What is served or committed may have changed. */
  readonly changed: () => void;
  /** The copy goes on in `epoch`, as its primary; returns where it stands then. */
  readonly beginEpoch: (epoch: number) => CopyEnd;
  /** When the process began. */
  readonly startedMs: number;
}

/** Epoch of a shard that never had another primary. */
const FIRST_EPOCH = 1;
/** Of a copy of which no topology has told yet. */
const NOWHERE: ShardPlace = { epoch: 0, ids: [], members: [], isPrimary: false, isMember: false };

export class ShardRole {
  readonly #options: ShardRoleOptions;
  #place = NOWHERE;
  /** Nothing of this epoch or an older one is acknowledged. */
  #frozenEpoch = 0;
  #acknowledgedMs: number;
  /** While this node leads the shard, and others keep copies or may have them. */
  #leadership: Leadership | null = null;
  /** While this node leads the shard without one: since the process began nobody else kept a copy. */
  #leadsAlone = false;

  constructor(options: ShardRoleOptions) {
    this.#options = options;
    this.#acknowledgedMs = options.startedMs;
  }

  get leadership(): Leadership | null {
    return this.#leadership;
  }

  /** Whether this node is the shard's primary, may be it in its epoch, and knows of no newer one. */
  get leads(): boolean {
    return this.#leadsAlone || this.#leadership !== null;
  }

  /** Whether the newest topology makes this node the primary. */
  get isPrimary(): boolean {
    return this.#place.isPrimary;
  }

  /** Whether the newest topology has this node in the in-sync set. */
  get isMember(): boolean {
    return this.#place.isMember;
  }

  /** Whether it will do nothing more in that epoch. */
  get isFrozen(): boolean {
    return this.#frozenEpoch >= this.epoch;
  }

  /** Newest epoch that a topology told of. */
  get epoch(): number {
    return this.#place.epoch;
  }

  /** It may answer until then, on the monotonic clock. */
  get servesUntilMs(): number {
    if (this.#leadership !== null) return this.#leadership.servesUntilMs;
    return this.#leadsAlone && this.#frozenEpoch < this.epoch ? Infinity : -Infinity;
  }

  /** Why the shard is not served here at `nowMs`; empty while it is. */
  whyNotServed(nowMs: number): string {
    if (this.#leadership !== null) return this.#leadership.whyNotServed(nowMs);
    return this.servesUntilMs === Infinity ? "" : "its primary needs a new epoch";
  }

  /** 0 when this node may take records of a primary in `epoch`; else the newest epoch that it knows, for which it refuses. */
  refusalOf(epoch: number): number {
    if (epoch > this.#frozenEpoch && (epoch > this.epoch || (epoch === this.epoch && !this.isPrimary))) {
      return 0;
    }
    return Math.max(this.#frozenEpoch, this.epoch);
  }

  /** Follows a primary in `epoch`, which was not refused: this node leads no more, if it did. */
  follow(epoch: number): void {
    assert(this.refusalOf(epoch) === 0, "only who is not refused is followed");
    this.#frozenEpoch = Math.max(this.#frozenEpoch, epoch - 1);
    if (this.leads) this.#stopLeading(epoch);
  }

  /** An acknowledgement is given to whoever leads. */
  acknowledging(nowMs: number): void {
    this.#acknowledgedMs = nowMs;
  }

  /** From now on nothing of `epoch` or an older one is acknowledged, and a primary of such serves nothing. */
  freeze(epoch: number): void {
    this.#frozenEpoch = Math.max(this.#frozenEpoch, epoch);
    if (this.#leadership !== null && this.#leadership.epoch <= epoch) this.#leadership.seal();
    else this.#options.changed();
  }

  /** The process has started and finds `place` in its folder. */
  resume(place: ShardPlace): void {
    assert(this.#place === NOWHERE, "a process starts once");
    this.#place = place;
    this.#leadsAlone = place.isPrimary && place.ids.length === 0;
    // Its replicas may have more than it, and the controller may know of a newer epoch.
    const isUnfit = place.isPrimary && !this.#leadsAlone;
    this.#frozenEpoch = isUnfit ? place.epoch : place.epoch - 1;
    if (this.#leadsAlone) this.#options.beginEpoch(place.epoch);
    this.#options.changed();
  }

  /** A topology was adopted. */
  adopt(place: ShardPlace, nowMs: number): void {
    const before = this.#place;
    assert(place.epoch >= before.epoch, "epochs only grow");
    this.#place = place;
    this.#frozenEpoch = Math.max(this.#frozenEpoch, place.epoch - 1);
    if (!place.isPrimary) {
      if (this.leads) this.#stopLeading(place.epoch);
    } else if (this.#leadership !== null) this.#leadOn(this.#leadership, nowMs);
    else if (place.epoch > this.#frozenEpoch) this.#lead(before, nowMs);
    this.#options.changed();
  }

  #leadOn(leadership: Leadership, nowMs: number): void {
    const place = this.#place;
    if (place.epoch === leadership.epoch) return leadership.usePeers(place, nowMs);
    leadership.enterEpoch(place, nowMs);
    this.#options.beginEpoch(place.epoch);
  }

  #lead(before: ShardPlace, nowMs: number): void {
    const { shard, log, changed, beginEpoch } = this.#options;
    const place = this.#place;
    const { sequence, position } = beginEpoch(place.epoch);
    const wasAlone = this.#leadsAlone;
    // A copy that no topology told of before, and nobody else has, is a new one.
    this.#leadsAlone = place.ids.length === 0 && (wasAlone || before === NOWHERE);
    if (this.#leadsAlone) return;
    const opensAtMs = wasAlone ? -Infinity : this.#opensAt(nowMs);
    this.#leadership = new Leadership({
      ...place,
      ...{ shard, log, changed, sequence, position, opensAtMs, nowMs },
    });
    this.#leadership.look(nowMs);
  }

  /** When no other primary answers any more. */
  #opensAt(nowMs: number): number {
    return this.epoch === FIRST_EPOCH ? nowMs : Math.max(nowMs, this.#acknowledgedMs + GRACE_MS);
  }

  #stopLeading(epoch: number): void {
    this.#leadership?.lose(
      `UNCERTAIN What this request changed or saw may be lost: shard ${this.#options.shard} has another primary ` +
        `since epoch ${epoch}`,
    );
    this.#leadership = null;
    this.#leadsAlone = false;
    this.#options.changed();
  }
}
