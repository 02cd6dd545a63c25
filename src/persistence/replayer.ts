/**
 * Applies records in order, and holds back those of frames with a request that goes on until all of it is there: a
 * request applies all or none. Each record must go on with its shard's history.
 */
import { MIB } from "../core/limits.ts";
import { Mutation } from "../core/mutation.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { decodeRecord } from "./record.ts";
import { type HistoryFinding, ShardHistory } from "./shard_history.ts";

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

export class Replayer {
  readonly target: RecoveryTarget;
  /** Of every shard that anything is known of. */
  readonly histories = new Map<number, ShardHistory>();
  /** That of the shard which the last record was of, and its number. */
  #history = new ShardHistory();
  #shard = -1;
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

  /**
   * Takes the log's next record, `bytes[start, end)`, which holds `mutation`; `more`: the frame after its own goes on
   * with the same request.
   */
  take(mutation: Mutation, more: boolean, bytes: Uint8Array, start: number, end: number): HistoryFinding {
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

  #followHeld(): HistoryFinding {
    const { bytes, length } = this.#held;
    for (let at = 0; at < length;) {
      at = decodeRecord(this.#heldMutation, bytes, at, length);
      const finding = this.#follow(this.#heldMutation);
      if (finding !== "good record") return finding;
    }
    this.dropHeld();
    return "good record";
  }

  #follow(mutation: Mutation): HistoryFinding {
    if (mutation.shard !== this.#shard) {
      const known = this.histories.get(mutation.shard);
      if (known === undefined) this.histories.set(mutation.shard, this.#history = new ShardHistory());
      else this.#history = known;
      this.#shard = mutation.shard;
    }
    const finding = this.#history.follow(mutation);
    if (finding !== "good record") return finding;
    this.#recordCount++;
    this.target.apply(mutation);
    return finding;
  }
}
