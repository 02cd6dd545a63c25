/**
 * A list of rows from the one used longest ago to the one used last. The links lie in a caller's words, `stride`
 * words a row, so that they can share a cache line with the rest of the row; nothing is allocated.
 *
 * Row 0 is no row but the list's sentinel: it is newer than the newest and older than the oldest, which makes a
 * ring, and so {@linkcode LruList.append} and {@linkcode LruList.remove} have no special cases.
 *
 * Only rows in the list may be removed or touched; only rows outside may be appended.
 */

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

  constructor(words: Int32Array, fields: LruFields) {
    this.#words = words;
    this.#stride = fields.stride;
    this.#older = fields.older;
    this.#newer = fields.newer;
    this.clear();
  }

  /** The row used longest ago; 0 when the list is empty. */
  get oldest(): number {
    return this.#words[this.#newer]!;
  }

  /** The row used last; 0 when the list is empty. */
  get newest(): number {
    return this.#words[this.#older]!;
  }

  /** The row used next after `row`; 0 when `row` is the newest. */
  newerOf(row: number): number {
    return this.#words[row * this.#stride + this.#newer]!;
  }

  /** The row used last before `row`; 0 when `row` is the oldest. */
  olderOf(row: number): number {
    return this.#words[row * this.#stride + this.#older]!;
  }

  /** Makes `row`, which was in no place, the newest. */
  append(row: number): void {
    this.#connect(this.newest, row);
    this.#connect(row, 0);
  }

  /** Takes `row` out. */
  remove(row: number): void {
    this.#connect(this.olderOf(row), this.newerOf(row));
  }

  /** Makes `row`, which was somewhere in the list, the newest. */
  touch(row: number): void {
    if (row === this.newest) return;
    this.remove(row);
    this.append(row);
  }

  clear(): void {
    this.#connect(0, 0);
  }

  #connect(older: number, newer: number): void {
    this.#words[older * this.#stride + this.#newer] = newer;
    this.#words[newer * this.#stride + this.#older] = older;
  }
}
