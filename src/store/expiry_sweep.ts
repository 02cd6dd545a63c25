/** Looks for entries whose time is over, some blocks of storage at a time, round and round. */
import type { Arena } from "./arena.ts";
import type { Entries } from "./entries.ts";
import type { Row } from "./entry_layout.ts";

export class ExpirySweep {
  readonly #arena: Arena;
  readonly #entries: Entries;
  readonly #remove: (row: Row) => void;
  /** Last block that was looked at. */
  #block = 0;

  /** `remove` removes an entry, whose time is over. */
  constructor(arena: Arena, entries: Entries, remove: (row: Row) => void) {
    this.#arena = arena;
    this.#entries = entries;
    this.#remove = remove;
  }

  /** As {@linkcode Store.sweepExpired}. */
  step(nowMs: number, blocksMax: number, deletesMax: number): number {
    let deletes = 0;
    const end = this.#block + blocksMax;
    while (deletes < deletesMax && this.#entries.volatileCount > 0) {
      const row = this.#arena.nextMarked(this.#block, end);
      if (row === 0) {
        this.#block = end >= this.#arena.highBlock ? 0 : end;
        return deletes;
      }
      this.#block = row;
      if (!this.#entries.isExpired(row, nowMs)) continue;
      this.#remove(row);
      deletes++;
    }
    return deletes;
  }
}
