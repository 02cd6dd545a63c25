/**
 * Applies records in order, and holds back those of frames with a request that goes on until all of it is there: a
 * request applies all or none. Each shard's sequence must go on without a gap, and its epoch must not go back.
 */
import { MIB, SHARD_COUNT_MAX } from "../core/limits.ts";
import { Mutation } from "../core/mutation.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { decodeRecord } from "./record.ts";

/** Most room that is kept for the next request once one is applied. */
const HELD_BYTES_KEEP = 1 * MIB;

/** Takes the entries of one shard of a dump. */
export interface EntryLoader {
  /** Takes an entry, as the set that makes it. No key comes twice. */
  add(mutation: Mutation): void;
  end(): void;
}

/** Takes what was recovered. Mutations are valid during the call only. */
export interface RecoveryTarget {
  /** Before all else: a dump's entries of a shard, `entryCount` of them. All loaders end before the first mutation. */
  load(shard: number, entryCount: number): EntryLoader;
  apply(mutation: Mutation): void;
  /** The key will come soon, unless what was read is damaged. A hint: nothing may change. */
  announce(mutation: Mutation): void;
  /** All keys that will come soon were announced. */
  fetchAnnounced(): void;
}

/** Where a shard's history has got to. */
export interface ShardHistory {
  readonly epoch: number;
  /** Sequence of the newest mutation. */
  readonly sequence: number;
}

/** What applying a record said. */
export type ReplayFinding = "good record" | "gap in a shard's sequence" | "older epoch";

export class Replayer {
  readonly target: RecoveryTarget;
  readonly #epochs = new Uint32Array(SHARD_COUNT_MAX);
  readonly #sequences = new Float64Array(SHARD_COUNT_MAX);
  readonly #isKnown = new Uint8Array(SHARD_COUNT_MAX);
  /** Records of frames with a request whose last record is yet to come. */
  readonly #held = new OutputBuffer();
  readonly #heldMutation = new Mutation();
  #recordCount = 0;

  constructor(target: RecoveryTarget) {
    this.target = target;
  }

  /** Bytes of records that are held back. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** Records applied. */
  get recordCount(): number {
    return this.#recordCount;
  }

  /** Where every shard stands that anything is known of. */
  histories(): Map<number, ShardHistory> {
    const histories = new Map<number, ShardHistory>();
    for (let shard = 0; shard < SHARD_COUNT_MAX; shard++) {
      if (this.#isKnown[shard] === 0) continue;
      histories.set(shard, { epoch: this.#epochs[shard]!, sequence: this.#sequences[shard]! });
    }
    return histories;
  }

  /** The shard's history goes on from here. */
  startShard(shard: number, history: ShardHistory): void {
    this.#isKnown[shard] = 1;
    this.#epochs[shard] = history.epoch;
    this.#sequences[shard] = history.sequence;
  }

  /**
   * Takes the log's next record, `bytes[start, end)`, which holds `mutation`; `more`: the frame after its own goes on
   * with the same request.
   */
  take(mutation: Mutation, more: boolean, bytes: Uint8Array, start: number, end: number): ReplayFinding {
    if (more) {
      this.#held.copy(bytes, start, end);
      return "good record";
    }
    const finding = this.#held.length > 0 ? this.#followHeld() : "good record";
    return finding === "good record" ? this.#follow(mutation) : finding;
  }

  /** Drops what is held back. */
  dropHeld(): void {
    this.#held.clear(HELD_BYTES_KEEP);
  }

  #followHeld(): ReplayFinding {
    const { bytes, length } = this.#held;
    for (let at = 0; at < length;) {
      at = decodeRecord(this.#heldMutation, bytes, at, length);
      const finding = this.#follow(this.#heldMutation);
      if (finding !== "good record") return finding;
    }
    this.dropHeld();
    return "good record";
  }

  #follow(mutation: Mutation): ReplayFinding {
    const { shard, sequence, epoch } = mutation;
    if (sequence !== this.#sequences[shard]! + 1) return "gap in a shard's sequence";
    if (epoch < this.#epochs[shard]!) return "older epoch";
    this.#sequences[shard] = sequence;
    this.#epochs[shard] = epoch;
    this.#isKnown[shard] = 1;
    this.#recordCount++;
    this.target.apply(mutation);
    return "good record";
  }
}
