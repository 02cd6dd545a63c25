/**
 * A file of a simulated disk, apart from its names: what it holds now, what of that was synced, and what was done to
 * it since.
 */
import { type Random, randomBelow } from "../../src/core/random.ts";

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

export type Bytes = Uint8Array<ArrayBuffer>;
export type FileChange = { readonly at: number; readonly bytes: Bytes } | { readonly length: number };

/** Bytes that grow, and remember no more than what they are. */
class Growing {
  #bytes = new Uint8Array(64);
  length = 0;

  get content(): Bytes {
    return this.#bytes.subarray(0, this.length);
  }

  apply(change: FileChange): void {
    if ("length" in change) {
      this.#resize(change.length);
      return;
    }
    if (change.at + change.bytes.length > this.length) this.#resize(change.at + change.bytes.length);
    this.#bytes.set(change.bytes, change.at);
  }

  become(content: Bytes): void {
    this.#bytes = new Uint8Array(content);
    this.length = content.length;
  }

  #resize(length: number): void {
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.content);
      this.#bytes = larger;
    }
    if (length < this.length) this.#bytes.fill(0, length, this.length);
    this.length = length;
  }
}

export class FileContent {
  readonly #visible = new Growing();
  /** Content as of the last sync. */
  readonly #durable = new Growing();
  /** What has been done to it since the last sync. */
  #unsynced: FileChange[] = [];
  /** Changes that were ever made to it. */
  changeCount = 0;

  get content(): Bytes {
    return this.#visible.content;
  }

  get length(): number {
    return this.#visible.length;
  }

  change(change: FileChange): void {
    this.#visible.apply(change);
    this.#unsynced.push(change);
    this.changeCount++;
  }

  /** Makes durable what there was after `changeCount` changes. */
  sync(changeCount: number): void {
    const newer = this.changeCount - changeCount;
    if (newer > this.#unsynced.length) return; // a sync that began later is over already
    const synced = this.#unsynced.splice(0, this.#unsynced.length - newer);
    for (const change of synced) this.#durable.apply(change);
  }

  /** The content is `content`, and safe. */
  become(content: Bytes): void {
    this.#visible.become(content);
    this.#durable.become(content);
    this.#unsynced = [];
  }

  /**
   * Forgets what was not synced, but for a random beginning of it if `random` is given; the last write may be torn. Of
   * the rest, sectors may have got to the disk that were there already, since no change of the file's length precedes.
   */
  losePower(random: Random | null): void {
    const unsynced = this.#unsynced;
    this.become(this.#durable.content);
    if (random === null) return;
    const durableLength = this.length;
    const kept = randomBelow(random, unsynced.length + 1);
    for (const change of unsynced.slice(0, kept)) this.#visible.apply(change);
    const torn = unsynced[kept];
    if (torn !== undefined && "bytes" in torn) {
      const bytes = torn.bytes.slice(0, randomBelow(random, torn.bytes.length + 1));
      this.#visible.apply({ at: torn.at, bytes });
    }
    for (const change of unsynced.slice(kept)) {
      if ("bytes" in change) this.#applySectors(change, durableLength, random);
    }
    this.become(this.content);
  }

  /** Applies some of the sectors of a write that lie within what is durable. */
  #applySectors({ at, bytes }: { at: number; bytes: Bytes }, durableLength: number, random: Random): void {
    const end = Math.min(at + bytes.length, durableLength);
    for (let from = at; from < end;) {
      const to = Math.min(end, from - from % SECTOR_BYTES + SECTOR_BYTES);
      if (randomBelow(random, 2) === 0) {
        this.#visible.apply({ at: from, bytes: bytes.slice(from - at, to - at) });
      }
      from = to;
    }
  }
}
