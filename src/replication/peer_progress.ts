/** What the primary of a shard knows of another copy of it: how far that has got, and how well it follows. */
import {
  JOIN_LAG_MAX,
  LEASE_MS,
  REPLICA_AWAY_MS,
  REPLICA_LAG_MS,
  REPLICA_SILENT_MS,
} from "../core/limits.ts";
import type { StreamState } from "./led_shard.ts";

/** It has not acknowledged anything that counts. */
const NOTHING = -1;

export class PeerProgress {
  readonly id: string;
  /** Of the in-sync set. */
  isMember = false;
  /** Whether commits wait for it: a member, or one that is about to join. */
  isCounted = false;
  /** Whether the controller may have been asked to take it into the set. */
  isProposed = false;
  /** What it has to have acknowledged before it is proposed. */
  joinSequence = 0;
  /** It has everything up to here. */
  acknowledged = NOTHING;
  /** When the newest of what it has acknowledged was sent. */
  sentAtMs = -Infinity;
  #state: StreamState = "away";
  #stateSinceMs: number;
  /** When it was heard last, or was given time to be. */
  #heardMs: number;
  /** What was the newest mutation at some time, and that time: set again once it is acknowledged. */
  #markSequence = 0;
  #markMs: number;
  #wasLive = false;

  /** Nothing is expected of it before `nowMs`. */
  constructor(id: string, nowMs: number) {
    this.id = id;
    this.#heardMs = this.#stateSinceMs = this.#markMs = nowMs;
  }

  /** Whether what it says of its place is about the history that it is sent. */
  get #follows(): boolean {
    return this.#state === "live" || this.#state === "catching up";
  }

  /** An epoch begins: all that was proposed in the one before is void, and what a member has acknowledged is not. */
  enterEpoch(isMember: boolean): void {
    if (!isMember || !this.isCounted) this.acknowledged = NOTHING;
    this.isMember = this.isCounted = isMember;
    this.isProposed = false;
  }

  /** It has acknowledged something that was sent at `sentAtMs`, and has everything up to `sequence`. */
  hear(sequence: number, sentAtMs: number, nowMs: number): void {
    this.#heardMs = Math.max(this.#heardMs, nowMs);
    this.sentAtMs = Math.max(this.sentAtMs, sentAtMs);
    if (this.#follows) this.acknowledged = Math.max(this.acknowledged, sequence);
  }

  streamChanged(state: StreamState, nowMs: number): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#stateSinceMs = nowMs;
    if (state === "live") this.#wasLive = true;
    // Of a member it stays true: that is on its disk.
    if (!this.#follows && !this.isCounted) this.acknowledged = NOTHING;
  }

  /** `last` is the shard's newest mutation now. */
  look(last: number, nowMs: number): void {
    if (this.acknowledged < this.#markSequence) return;
    this.#markSequence = last;
    this.#markMs = nowMs;
  }

  /** Whether it follows so closely that commits may wait for it. */
  mayBeCounted(last: number, nowMs: number): boolean {
    return this.#state === "live" && this.acknowledged !== NOTHING &&
      last - this.acknowledged <= JOIN_LAG_MAX &&
      this.sentAtMs + LEASE_MS / 2 > nowMs;
  }

  /** Whether it was counted in to join, and no longer follows closely enough, while nobody was asked to take it in. */
  shouldBeForgotten(nowMs: number): boolean {
    return this.isCounted && !this.isMember && !this.isProposed && this.whyNotFit(nowMs) !== "";
  }

  /** Why commits should not wait for it; empty while they may. */
  whyNotFit(nowMs: number): string {
    if (this.#state === "diverged") return "its history is another one";
    if (this.#state === "full") return "it has no room for what there is";
    if (this.#state === "filling") return "it has to be filled anew";
    if (this.#state === "away" && this.#wasLive && nowMs - this.#stateSinceMs >= REPLICA_AWAY_MS) {
      return "it is away";
    }
    if (nowMs - this.#heardMs >= REPLICA_SILENT_MS) return "it is silent";
    if (this.acknowledged < this.#markSequence && nowMs - this.#markMs >= REPLICA_LAG_MS) {
      return "it lags behind";
    }
    return "";
  }
}
