/**
 * A file of a simulated disk, apart from its names: what it holds now, what of that is on the disk itself, and what was
 * done to it since that is not there yet.
 */
import { type Random, randomBelow } from "../../src/core/random.ts";

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

export type Bytes = Uint8Array<ArrayBuffer>;
export type FileChange = { readonly at: number; readonly bytes: Bytes } | { readonly length: number };

/** Bytes that grow. */
class Content {
  #bytes: Bytes = new Uint8Array(64);
  length = 0;

  get view(): Bytes {
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

  become(bytes: Bytes): void {
    if (bytes.length > this.#bytes.length) this.#bytes = new Uint8Array(bytes.length);
    this.#bytes.set(bytes);
    this.#bytes.fill(0, bytes.length);
    this.length = bytes.length;
  }

  #resize(length: number): void {
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.view);
      this.#bytes = larger;
    }
    if (length < this.length) this.#bytes.fill(0, length, this.length);
    this.length = length;
  }
}

export class FileContent {
  readonly #visible = new Content();
  readonly #durable = new Content();
  /** What has been done to it that is not on the disk itself, in order, each with its number. */
  #unsynced: { readonly number: number; readonly change: FileChange }[] = [];
  /** Changes that were ever made to it. */
  #changeCount = 0;
  #hasLost = false;

  get length(): number {
    return this.#visible.length;
  }

  get content(): Bytes {
    return this.#visible.view;
  }

  /** Whether anything of it is not on the disk itself. */
  get hasUnsynced(): boolean {
    return this.#unsynced.length > 0;
  }

  /** What a sync that begins now will make durable, for {@linkcode FileContent.sync}. */
  get changeCount(): number {
    return this.#changeCount;
  }

  change(change: FileChange): void {
    this.#visible.apply(change);
    this.#unsynced.push({ number: ++this.#changeCount, change });
  }

  /** Makes the first `changeCount` changes durable. */
  sync(changeCount: number): void {
    const count = this.#countUpTo(changeCount);
    for (const { change } of this.#unsynced.splice(0, count)) this.#durable.apply(change);
  }

  /**
   * As a sync that fails: what was written is taken for clean, so no later sync writes it, unless it is written again.
   * Changes of the file's length are the file system's own, and stay to be done.
   */
  failSync(changeCount: number): void {
    const failed = this.#unsynced.splice(0, this.#countUpTo(changeCount));
    const kept = failed.filter(({ change }) => "length" in change);
    this.#unsynced.unshift(...kept);
    if (kept.length < failed.length) this.#hasLost = true;
  }

  /** What a failed sync has taken for clean is read anew from the disk, as when memory was short. */
  evict(): void {
    if (!this.#hasLost) return;
    this.#hasLost = false;
    this.#visible.become(this.#durable.view);
    for (const { change } of this.#unsynced) this.#visible.apply(change);
  }

  /** The content is `content`, and safe. */
  become(content: Bytes): void {
    this.#visible.become(content);
    this.#durable.become(content);
    this.#unsynced = [];
    this.#hasLost = false;
  }

  /** The same content, but none of it is on the disk yet, as of a copy that was just made. */
  unsync(): void {
    const bytes = this.content.slice();
    this.become(new Uint8Array(0));
    this.change({ at: 0, bytes });
  }

  /**
   * Forgets what was not synced, but for a random beginning of it if `random` is given; the last write may be torn. Of
   * the rest, sectors may have got to the disk that were there already, since no change of the file's length precedes.
   */
  losePower(random: Random | null): void {
    const unsynced = this.#unsynced.map(({ change }) => change);
    this.#unsynced = [];
    this.#hasLost = false;
    if (random !== null && unsynced.length > 0) this.#keepSome(unsynced, random);
    this.#visible.become(this.#durable.view);
  }

  #keepSome(unsynced: readonly FileChange[], random: Random): void {
    const durableLength = this.#durable.length;
    const kept = randomBelow(random, unsynced.length + 1);
    for (const change of unsynced.slice(0, kept)) this.#durable.apply(change);
    const torn = unsynced[kept];
    if (torn !== undefined && "bytes" in torn) {
      const length = randomBelow(random, torn.bytes.length + 1);
      this.#durable.apply({ at: torn.at, bytes: torn.bytes.subarray(0, length) });
    }
    for (const change of unsynced.slice(kept)) {
      if ("bytes" in change) this.#applySectors(change, durableLength, random);
    }
  }

  /** Applies some of the sectors of a write that lie within what is durable. */
  #applySectors({ at, bytes }: { at: number; bytes: Bytes }, durableLength: number, random: Random): void {
    const end = Math.min(at + bytes.length, durableLength);
    for (let from = at; from < end;) {
      const to = Math.min(end, from - from % SECTOR_BYTES + SECTOR_BYTES);
      if (randomBelow(random, 2) === 0) {
        this.#durable.apply({ at: from, bytes: bytes.subarray(from - at, to - at) });
      }
      from = to;
    }
  }

  #countUpTo(number: number): number {
    const count = this.#unsynced.findIndex((entry) => entry.number > number);
    return count < 0 ? this.#unsynced.length : count;
  }
}
