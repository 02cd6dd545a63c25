/**
 * Hands over every entry of a store as it is at one moment, in small steps, while mutations go on: copy on write.
 *
 * Steps walk the LRU order from the oldest to the newest and hand over what they meet. Whoever is about to change
 * or remove an entry that was not handed over yet lets it be handed over first ({@linkcode Snapshot.beforeChange}).
 *
 * - An entry's mark (`arena.marks[row]`) is the generation of the snapshot in which it was handed over or born; each
 *   snapshot takes a new generation, so an entry with another mark is still to come ("pending").
 * - Pending entries are never older than the cursor: when the cursor's row leaves its place, the cursor moves on to
 *   its newer neighbour; what is touched goes to the newest end, and is met again there.
 * - After a snapshot that ran to its end every mark is its generation. Marks of many generations build up only
 *   through snapshots that were abandoned one after the other; before a generation could come round again, one pass
 *   over the marks makes them equal.
 */
import type { Arena } from "./arena.ts";
import type { Row } from "./entry_layout.ts";
import type { LruList } from "./lru_list.ts";
import { assert } from "../core/assert.ts";

/** Marks are bytes; 0 is "not an entry's head". */
const GENERATION_MAX = 255;

/** Who writes a snapshot down. */
export interface SnapshotSink {
  /**
   * Takes the entry at `row`, whose content is to be read at once; the store may not be changed meanwhile. Called
   * from within steps of the snapshot and from within mutations.
   */
  entry(row: Row): void;
}

export class Snapshot {
  readonly #arena: Arena;
  readonly #order: LruList;
  #sink: SnapshotSink | null = null;
  #active = false;
  #abandoned = false;
  #generation = 1;
  /** Snapshots abandoned since all marks were last known to be equal. */
  #abandonedInRow = 0;
  /** The next row to look at. */
  #cursor: Row = 0;
  /** Pending entries. */
  #pendingCount = 0;

  constructor(arena: Arena, order: LruList) {
    this.#arena = arena;
    this.#order = order;
  }

  get active(): boolean {
    return this.#active;
  }

  /** Whether the last snapshot ended before it was whole. */
  get abandoned(): boolean {
    return this.#abandoned;
  }

  /** Mark of a new entry. */
  get generation(): number {
    return this.#generation;
  }

  /** Begins a snapshot of the `entryCount` entries that there are now. */
  begin(sink: SnapshotSink, entryCount: number): void {
    assert(!this.#active, "one snapshot at a time");
    if (this.#abandonedInRow >= GENERATION_MAX - 1) this.#equalizeMarks();
    this.#generation = this.#generation % GENERATION_MAX + 1;
    this.#sink = sink;
    this.#active = true;
    this.#abandoned = false;
    this.#cursor = this.#order.oldest;
    this.#pendingCount = entryCount;
  }

  /** Looks at the next `entriesMax` entries at most. Whether the snapshot is over. */
  step(entriesMax: number): boolean {
    if (!this.#active) return true;
    for (let i = 0; i < entriesMax && this.#pendingCount > 0; i++) {
      const row = this.#cursor;
      assert(row !== 0, "pending entries are never older than the cursor");
      this.#cursor = this.#order.newerOf(row);
      this.beforeChange(row);
    }
    if (this.#pendingCount > 0) return false;
    this.#end();
    this.#abandonedInRow = 0;
    return true;
  }

  /** The entry at `row` is about to be changed or removed. */
  beforeChange(row: Row): void {
    if (!this.#active || this.#arena.marks[row] === this.#generation) return;
    this.#arena.marks[row] = this.#generation;
    this.#pendingCount--;
    this.#sink!.entry(row);
  }

  /** The entry at `row` is about to leave its place in the LRU order. */
  beforeMove(row: Row): void {
    if (row !== this.#cursor || !this.#active) return;
    const newer = this.#order.newerOf(row);
    // The newest stays where it is when it is touched; and behind the newest nothing is pending when it is removed.
    if (newer !== 0) this.#cursor = newer;
  }

  /** Ends the snapshot before it is whole. Harmless when there is none. */
  abandon(): void {
    if (!this.#active) return;
    this.#end();
    this.#abandoned = true;
    this.#abandonedInRow++;
  }

  /** Every entry is gone, and so are their marks. */
  clear(): void {
    this.abandon();
    this.#abandonedInRow = 0;
  }

  #end(): void {
    this.#active = false;
    this.#sink = null;
    this.#cursor = 0;
  }

  #equalizeMarks(): void {
    const { marks, highBlock } = this.#arena;
    for (let row = 1; row <= highBlock; row++) if (marks[row] !== 0) marks[row] = this.#generation;
    this.#abandonedInRow = 0;
  }
}
