/**
 * One shard that this node leads while others keep copies of it: what is committed, for how long it may answer, and who
 * should be in the in-sync set (DESIGN.md, "How copies agree"). It decides only; it sends, logs and waits for nothing.
 *
 *     waiting ──grace over, all counted have everything before──► open ⇄ sealed ──► lost
 *
 * A mutation is committed when the node's own log has it and every counted copy has acknowledged it. Counted are the
 * members of the set, and one that is about to join, from before it is proposed until the next epoch tells what became
 * of that: so whatever is acknowledged meanwhile is on it, whether it was taken in or not. A member is counted until an
 * epoch without it has been adopted.
 */
import { assert } from "../core/assert.ts";
import { LEASE_MS, UNACKNOWLEDGED_BYTES_MAX, UNACKNOWLEDGED_MAX } from "../core/limits.ts";
import type { Position } from "../core/mutation.ts";
import type { Acknowledgement, StreamState } from "./led_shard.ts";
import { PeerProgress } from "./peer_progress.ts";
import { PositionRing } from "./position_ring.ts";

/** Who keeps copies of a shard beside its primary, in one of its epochs. */
export interface Peers {
  readonly epoch: number;
  /** All of them. */
  readonly ids: readonly string[];
  /** Those in the in-sync set. */
  readonly members: readonly string[];
}

/** How far another copy has got. */
export interface PeerPlace {
  readonly id: string;
  readonly isMember: boolean;
  /** It has everything up to here; negative where that is unknown. */
  readonly acknowledged: number;
  /** When the newest of what it has acknowledged was sent; −Infinity before anything was. */
  readonly sentAtMs: number;
}

export interface LeadershipOptions extends Peers {
  readonly shard: number;
  /** The node's own log. */
  readonly log: { readonly committedPosition: Position };
  /** The shard's newest mutation, and where in the log what it has so far ends. */
  readonly sequence: number;
  readonly position: Position;
  /** It opens no earlier; −Infinity: it is open. On the monotonic clock, like all times here. */
  readonly opensAtMs: number;
  readonly nowMs: number;
  /** Something was committed, or what it may serve has changed. */
  readonly changed: () => void;
}

export class Leadership {
  /** It may answer until then; −Infinity while it may not at all, and never Infinity. */
  servesUntilMs = -Infinity;
  readonly #options: LeadershipOptions;
  readonly #ring: PositionRing;
  #peers = new Map<string, PeerProgress>();
  #counted: PeerProgress[] = [];
  #epoch: number;
  /** Whatever lies before this in the log is acknowledged by all that are counted. */
  #limit: Position = Infinity;
  #isOpen: boolean;
  #isSealed = false;
  #lossText = "";

  constructor(options: LeadershipOptions) {
    const { sequence, opensAtMs, epoch } = options;
    this.#options = options;
    this.#epoch = epoch;
    this.#ring = new PositionRing(sequence);
    this.#isOpen = opensAtMs === -Infinity;
    this.#use(options, Math.max(options.nowMs, opensAtMs));
    this.#count();
  }

  /** Epoch in which it leads now. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Everything before it is committed. */
  get committedPosition(): Position {
    return Math.min(this.#options.log.committedPosition, this.#limit);
  }

  /** Why what is not committed by now never will be, as an error; empty while it may be. */
  get lossText(): string {
    return this.#lossText;
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#isSealed && this.#lossText === "";
  }

  /** Whether so much waits for acknowledgements that no more should be added. */
  get isCongested(): boolean {
    return this.#ring.count >= UNACKNOWLEDGED_MAX || this.#ring.spanBytes >= UNACKNOWLEDGED_BYTES_MAX;
  }

  /** Copies that the controller should take into the set, and members that it should take out. In the present epoch. */
  proposals(nowMs: number): { readonly join: string[]; readonly leave: string[] } {
    const proposed = [...this.#peers.values()].filter(({ isProposed }) => isProposed);
    const unfit = this.#counted.filter((peer) =>
      (peer.isMember || peer.isProposed) && peer.whyNotFit(nowMs) !== ""
    );
    return { join: proposed.map(({ id }) => id), leave: unfit.map(({ id }) => id) };
  }

  /** How far each of the other copies has got. */
  places(): PeerPlace[] {
    return [...this.#peers.values()];
  }

  /** Why it does not answer at `nowMs`; empty while it does. */
  whyNotServed(nowMs: number): string {
    if (nowMs < this.servesUntilMs) return "";
    if (this.#lossText !== "") return "another node leads it";
    if (this.#isSealed) return "it gets another epoch";
    if (!this.#isOpen) return "its new primary is about to begin";
    return "its primary does not hear from a replica";
  }

  /** The next mutation was appended to the log, and lies before `position`. */
  appended(sequence: number, position: Position): void {
    const ring = this.#ring;
    if (this.#counted.length === 0) ring.skip();
    else {
      if (ring.count === 0) this.#limit = position - 1;
      ring.push(position);
    }
    assert(ring.last === sequence, "a shard's mutations are told in their order");
  }

  acknowledged(id: string, { epoch, sequence, sentAtMs }: Acknowledgement, nowMs: number): void {
    const peer = this.#peers.get(id);
    if (peer === undefined || epoch !== this.#epoch || this.#lossText !== "") return;
    peer.hear(sequence, sentAtMs, nowMs);
    this.#look(peer, nowMs);
    this.#openIfReady(nowMs);
    this.#recount();
  }

  streamChanged(id: string, state: StreamState, nowMs: number): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    peer.streamChanged(state, nowMs);
    this.#look(peer, nowMs);
    this.#recount();
  }

  /** Sees what has become of it in the meantime. To be called several times a second. */
  look(nowMs: number): void {
    if (this.#lossText !== "") return;
    for (const peer of this.#peers.values()) this.#look(peer, nowMs);
    this.#openIfReady(nowMs);
    this.#recount();
  }

  /** It leads on in a newer epoch, in which the set is another. */
  enterEpoch(peers: Peers, nowMs: number): void {
    assert(peers.epoch > this.#epoch && this.#lossText === "", "who leads goes on in a newer epoch");
    this.#epoch = peers.epoch;
    this.#isSealed = false;
    this.#use(peers, nowMs);
    this.#recount();
  }

  /** Other nodes keep copies, in the same epoch. */
  usePeers({ ids, members }: Peers, nowMs: number): void {
    const known = this.#peers;
    this.#peers = new Map(ids.map((id) => [id, known.get(id) ?? new PeerProgress(id, nowMs)]));
    assert(members.every((id) => known.get(id)?.isMember), "the set stays as it is within an epoch");
    this.#recount();
  }

  /** It answers nothing until it is in a newer epoch. */
  seal(): void {
    this.#isSealed = true;
    this.#recount();
  }

  /** Another node leads the shard; what is not committed may be lost. */
  lose(lossText: string): void {
    this.#limit = this.committedPosition;
    this.#lossText = lossText;
    this.#recount();
  }

  #use({ ids, members }: Peers, nowMs: number): void {
    const known = this.#peers;
    this.#peers = new Map(ids.map((id) => [id, known.get(id) ?? new PeerProgress(id, nowMs)]));
    for (const peer of this.#peers.values()) peer.enterEpoch(members.includes(peer.id));
  }

  /** Counts in who may join, and proposes it once it has everything from before that. */
  #look(peer: PeerProgress, nowMs: number): void {
    const { last } = this.#ring;
    peer.look(last, nowMs);
    if (!this.isOpen || peer.isMember) return;
    if (!peer.isCounted && peer.mayBeCounted(last, nowMs)) {
      peer.isCounted = true;
      peer.joinSequence = last;
    }
    if (!peer.isCounted || peer.isProposed) return;
    if (peer.shouldBeForgotten(nowMs)) peer.isCounted = false;
    else if (peer.acknowledged >= peer.joinSequence) peer.isProposed = true;
  }

  /** What a new primary shows is committed: it opens once all have what it has, and the one before it is over. */
  #openIfReady(nowMs: number): void {
    const { opensAtMs, log, sequence, position } = this.#options;
    if (this.#isOpen || nowMs < opensAtMs || log.committedPosition < position) return;
    this.#isOpen = [...this.#peers.values()].every((peer) => !peer.isMember || peer.acknowledged >= sequence);
  }

  #recount(): void {
    const [limitBefore, servedBefore] = [this.#limit, this.servesUntilMs];
    this.#count();
    if (this.#limit !== limitBefore || this.servesUntilMs !== servedBefore) this.#options.changed();
  }

  #count(): void {
    this.#counted = [...this.#peers.values()].filter(({ isCounted }) => isCounted);
    if (this.#lossText === "") {
      let acknowledged = Infinity;
      let sentAtMs = Infinity;
      for (const peer of this.#counted) {
        acknowledged = Math.min(acknowledged, peer.acknowledged);
        sentAtMs = Math.min(sentAtMs, peer.sentAtMs);
      }
      this.#ring.dropThrough(acknowledged);
      this.#limit = this.#ring.count === 0 ? Infinity : this.#ring.firstPosition - 1;
      this.servesUntilMs = this.isOpen ? Math.min(sentAtMs + LEASE_MS, Number.MAX_VALUE) : -Infinity;
    } else this.servesUntilMs = -Infinity;
  }
}
