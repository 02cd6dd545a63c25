/**
 * A list of rows from the one used longest ago to the one used last. The links lie in a caller's words, `stride`
 * words a row, so that they can share a cache line with the rest of the row; nothing is allocated.
 *
 * Row 0 is no row but the list's sentinel: it is newer than the newest and older than the oldest, which makes a
 * ring, and so {@linkcode LruList.append} and {@linkcode LruList.remove} have no special cases.
 *
 * Only rows in the list may be removed or touched; only rows outside may be appended.
 *
 * Touches gather, and take effect together before anyone looks: moving a row writes to three others, which lie
 * anywhere in memory. One behind the other these writes wait for memory at the same time; between other work each
 * waited by itself. The order is exact all the same.
 */

/** Touches that gather at most. */
const TOUCHED_MAX = 64;

/** Where a list's links lie. */
export interface LruFields {
  /** Words from one row to the next. */
  readonly stride: number;
  /** Word of a row that holds the next older row. */
  readonly older: number;
  /** Word of a row that holds the next newer row. */
  readonly newer: number;
}

export class LruList {
  readonly #words: Int32Array;
  readonly #stride: number;
  readonly #older: number;
  readonly #newer: number;
  /** Rows touched since the links were last set right, in that order. */
  readonly #touched = new Int32Array(TOUCHED_MAX);
  #touchedCount = 0;

  constructor(words: Int32Array, fields: LruFields) {
    this.#words = words;
    this.#stride = fields.stride;
    this.#older = fields.older;
    this.#newer = fields.newer;
    this.clear();
  }

  /** The row used longest ago; 0 when the list is empty. */
  get oldest(): number {
    if (this.#touchedCount > 0) this.#settle();
    return this.#words[this.#newer]!;
  }

  /** The row used last; 0 when the list is empty. */
  get newest(): number {
    if (this.#touchedCount > 0) this.#settle();
    return this.#words[this.#older]!;
  }

  /** The row used next after `row`; 0 when `row` is the newest. */
  newerOf(row: number): number {
    if (this.#touchedCount > 0) this.#settle();
    return this.#words[row * this.#stride + this.#newer]!;
  }

  /** The row used last before `row`; 0 when `row` is the oldest. */
  olderOf(row: number): number {
    if (this.#touchedCount > 0) this.#settle();
    return this.#words[row * this.#stride + this.#older]!;
  }

  /** Makes `row`, which was in no place, the newest. */
  append(row: number): void {
    if (this.#touchedCount > 0) this.#settle();
    this.#connect(this.newest, row);
    this.#connect(row, 0);
  }

  /** Takes `row` out. */
  remove(row: number): void {
    if (this.#touchedCount > 0) this.#settle();
    this.#connect(this.olderOf(row), this.newerOf(row));
  }

  /** Makes `row`, which was somewhere in the list, the newest. */
  touch(row: number): void {
    if (this.#touchedCount === TOUCHED_MAX) this.#settle();
    this.#touched[this.#touchedCount++] = row;
  }

  clear(): void {
    this.#touchedCount = 0;
    this.#connect(0, 0);
  }

  /** Moves the rows that were touched, each to the newest end. */
  #settle(): void {
    const words = this.#words;
    const stride = this.#stride;
    const olderWord = this.#older;
    const newerWord = this.#newer;
    let newest = words[olderWord]!;
    for (let i = 0; i < this.#touchedCount; i++) {
      const row = this.#touched[i]!;
      if (row === newest) continue;
      const at = row * stride;
      const older = words[at + olderWord]!;
      const newer = words[at + newerWord]!;
      words[older * stride + newerWord] = newer;
      words[newer * stride + olderWord] = older;
      words[newest * stride + newerWord] = row;
      words[at + olderWord] = newest;
      newest = row;
      words[at + newerWord] = 0;
    }
    words[olderWord] = newest;
    this.#touchedCount = 0;
  }

  #connect(older: number, newer: number): void {
    this.#words[older * this.#stride + this.#newer] = newer;
    this.#words[newer * this.#stride + this.#older] = older;
  }
}
