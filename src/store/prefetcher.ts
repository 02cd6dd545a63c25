/**
 * Brings near what keys will need that are known to come soon. Where a key's bucket lies is up to chance, and so is the
 * row that it points to, and the one that is split when the key is new; one key after the other waits for each of these
 * from memory. Asked for many keys in a row, in loops so short that the processor looks at many at once, they come
 * together. It changes nothing, and whoever announces what does not come has only wasted time.
 *
 * The keys may be of several stores: the more of them in a loop, the better.
 */
import { type Arena, BLOCK_WORDS } from "./arena.ts";
import { BUCKET_NEXT_WORD } from "./entry_layout.ts";
import type { KeyIndex } from "./key_index.ts";
import type { PositionStripes } from "./position_stripes.ts";

/** Keys that can be announced between two fetches; those beyond are not fetched. */
const ANNOUNCED_MAX = 128;
/** Rows of a bucket that are fetched. With as many buckets as entries, few have more. */
const ROWS_PER_BUCKET = 2;

/** What of a store is fetched from. */
export interface Fetchable {
  readonly arena: Arena;
  readonly index: KeyIndex;
  readonly positions: PositionStripes;
  /** Of use to the prefetcher only: announced keys that were counted so far. */
  announcedCount: number;
}

export class Prefetcher {
  readonly #hashes = new Int32Array(ANNOUNCED_MAX);
  /** For each announced key, of its bucket and of the one that is split when it is new, the row reached so far. */
  readonly #rows = new Int32Array(2 * ANNOUNCED_MAX);
  /** The announced keys' stores. Those of earlier fetches are kept behind them. */
  readonly #stores: Fetchable[] = [];
  #count = 0;
  /** Whether the announced keys are of several stores; if not, the loops need not ask for each. */
  #areMixed = false;
  /** Nobody uses it; but what nobody uses is not read either. */
  seen = 0;

  /** A key whose hash is `hash` will be set or looked for soon in `store`. */
  announce(store: Fetchable, hash: number): void {
    const i = this.#count;
    if (i === ANNOUNCED_MAX) return;
    this.#count = i + 1;
    this.#hashes[i] = hash;
    if (this.#stores[i] !== store) this.#stores[i] = store;
    this.#areMixed = i > 0 && (this.#areMixed || store !== this.#stores[0]);
  }

  /**
   * Fetches what the announced keys need: their rows and, where they are expected to be new, the rows that are moved to
   * make a bucket for them.
   */
  fetch(areNew: boolean): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    this.#fetchFirstRows(count);
    if (areNew) {
      this.#fetchSplits(count);
      this.#fetchChains(count, count);
    } else {
      this.#fetchPayloads(count);
    }
    this.#fetchChains(0, count);
  }

  #fetchFirstRows(count: number): void {
    const [hashes, rows, stores] = [this.#hashes, this.#rows, this.#stores];
    const { index } = stores[0]!;
    if (this.#areMixed) { for (let i = 0; i < count; i++) rows[i] = stores[i]!.index.firstRow(hashes[i]!); }
    else for (let i = 0; i < count; i++) rows[i] = index.firstRow(hashes[i]!);
  }

  #fetchSplits(count: number): void {
    const [rows, stores] = [this.#rows, this.#stores];
    for (let i = 0; i < count; i++) {
      rows[count + i] = stores[i]!.index.firstRowOfSplit(stores[i]!.announcedCount++);
    }
    for (let i = 0; i < count; i++) stores[i]!.announcedCount = 0;
  }

  /** Follows the buckets of `count` keys, whose rows begin at `from`. */
  #fetchChains(from: number, count: number): void {
    const [rows, stores] = [this.#rows, this.#stores];
    let { words } = stores[0]!.arena;
    const areMixed = this.#areMixed;
    // Row 0, at a chain's end, leads to itself.
    for (let step = 0; step < ROWS_PER_BUCKET; step++) {
      for (let i = 0; i < count; i++) {
        if (areMixed) words = stores[i]!.arena.words;
        rows[from + i] = words[rows[from + i]! * BLOCK_WORDS + BUCKET_NEXT_WORD]!;
      }
    }
  }

  /**
   * Fetches the end of each key's first block, the block that follows it, as it does in most chains, and the key's
   * stripe of positions.
   */
  #fetchPayloads(count: number): void {
    const [hashes, rows, stores] = [this.#hashes, this.#rows, this.#stores];
    let { arena: { words }, positions } = stores[0]!;
    const areMixed = this.#areMixed;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      if (areMixed) ({ arena: { words }, positions } = stores[i]!);
      const end = rows[i]! * BLOCK_WORDS + BLOCK_WORDS - 1;
      seen |= words[end]! | words[end + BLOCK_WORDS]!;
      if (positions.of(hashes[i]!) < 0) seen++;
    }
    this.seen = seen;
  }
}
