/**
 * The key-value store of one shard copy: a hard cap in bytes, exact LRU, expiry, snapshots. Synchronous, and without
 * allocation on the way of reads and writes. This is the room's only door; rows, arena, index and order stay behind it.
 *
 * Memory. All is made of one pool of blocks (arena.ts), which is reserved once for the cap. A block costs
 * {@linkcode BLOCK_COST_BYTES}: its data, its link, its mark, and a bucket of the index, because every block may come
 * to be an entry's head. `usedBytes` counts each block that was ever used and can therefore never exceed the cap the
 * store was made with. Memory once used serves any later entry but is not given back to the system: a cap lowered
 * later bounds `liveBytes`, while `usedBytes` stays until the process is started again.
 *
 * Reads never mutate. An entry whose time is over is absent for `find`, and stays until it is overwritten, deleted,
 * evicted or swept. Mutations, evictions and sweeps included, are told to the listener one by one, after they
 * happened; evictions before the set that needed the room. The listener may not call the store.
 *
 * Invariants: the index and the LRU order hold the same entries; so do the arena's marks; `volatileCount` of them
 * have a deadline; their chains together are the arena's live blocks.
 */
import { Arena, BLOCK_BYTES, BLOCK_OVERHEAD_BYTES, BLOCK_WORDS } from "./arena.ts";
import { Entries } from "./entries.ts";
import { blocksOfPayload, NEWER_WORD, OLDER_WORD, type Row } from "./entry_layout.ts";
import { ExpirySweep } from "./expiry_sweep.ts";
import { BUCKET_BYTES, BUCKET_COUNT_MIN, KeyIndex } from "./key_index.ts";
import { Loader } from "./loader.ts";
import { LruList } from "./lru_list.ts";
import type { MutationListener } from "./mutation_listener.ts";
import { PositionStripes } from "./position_stripes.ts";
import type { Fetchable } from "./prefetcher.ts";
import { Snapshot, type SnapshotSink } from "./snapshot.ts";
import { checkStore, type StoreParts } from "./store_check.ts";
import { assert } from "../core/assert.ts";
import { hashOfKey, type HashSeed } from "../core/key_hash.ts";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../core/limits.ts";
import { KIND_DELETE, KIND_EXPIRE, KIND_FLUSH, KIND_SET, Mutation } from "../core/mutation.ts";
import type { Random } from "../core/random.ts";

export type { Row } from "./entry_layout.ts";
export type { SnapshotSink } from "./snapshot.ts";

/** What each block of a store costs, everything included. */
export const BLOCK_COST_BYTES = BLOCK_BYTES + BLOCK_OVERHEAD_BYTES + BUCKET_BYTES;
/** Blocks of the smallest store. */
const BLOCK_COUNT_MIN = BUCKET_COUNT_MIN;
/** Key of an entry that is being changed or removed by its row, for the listener. */
const keyScratch = new Uint8Array(KEY_BYTES_MAX);

export interface StoreOptions {
  /** Memory to reserve, and the cap until {@linkcode Store.setCap} lowers it. */
  readonly capBytes: number;
  readonly seed: HashSeed;
  readonly listener: MutationListener;
}

export class Store {
  /** Hears every mutation. May be exchanged: recovery applies mutations that are in the log already. */
  listener: MutationListener;
  readonly #seed: HashSeed;
  readonly #arena: Arena;
  readonly #entries: Entries;
  readonly #index: KeyIndex;
  readonly #order: LruList;
  /** Says what a reply has to wait for that shows something of the store. */
  readonly positions: PositionStripes;
  readonly #snapshot: Snapshot;
  readonly #sweep: ExpirySweep;
  readonly #parts: StoreParts;
  readonly fetchable: Fetchable;
  readonly reservedCapBytes: number;
  #capBytes: number;
  /** Blocks that the cap allows. */
  #blockLimit: number;
  #evictedCount = 0;
  #expiredCount = 0;
  /** For what the store removes or changes by row; what is set comes with its own. */
  readonly #mutation = new Mutation();

  /** Throws `RangeError` when the system does not grant the memory. */
  constructor(options: StoreOptions) {
    const blockCount = Math.floor(options.capBytes / BLOCK_COST_BYTES);
    assert(blockCount >= BLOCK_COUNT_MIN, "a store has room for a few blocks");
    this.listener = options.listener;
    this.#seed = options.seed;
    this.#arena = new Arena(blockCount);
    this.#entries = new Entries(this.#arena);
    this.#index = new KeyIndex(this.#arena);
    this.#order = new LruList(this.#arena.words, {
      stride: BLOCK_WORDS,
      older: OLDER_WORD,
      newer: NEWER_WORD,
    });
    this.positions = new PositionStripes();
    this.#snapshot = new Snapshot(this.#arena, this.#order);
    this.#sweep = new ExpirySweep(this.#arena, this.#entries, (row) => this.delete(row));
    this.#parts = { arena: this.#arena, entries: this.#entries, index: this.#index, order: this.#order };
    this.fetchable = {
      arena: this.#arena,
      index: this.#index,
      positions: this.positions,
      announcedCount: 0,
    };
    this.reservedCapBytes = options.capBytes;
    this.#capBytes = options.capBytes;
    this.#blockLimit = blockCount;
  }

  get entryCount(): number {
    return this.#index.entryCount;
  }

  /** Memory of all blocks that were ever used. */
  get usedBytes(): number {
    return this.#arena.residentCount * BLOCK_COST_BYTES;
  }

  /** Memory of the blocks that hold entries now. */
  get liveBytes(): number {
    return this.#arena.liveCount * BLOCK_COST_BYTES;
  }

  get capBytes(): number {
    return this.#capBytes;
  }

  get evictedCount(): number {
    return this.#evictedCount;
  }

  /** Entries removed because their time was over. */
  get expiredCount(): number {
    return this.#expiredCount;
  }

  get volatileCount(): number {
    return this.#entries.volatileCount;
  }

  // ---- Reads -------------------------------------------------------------------------------------

  /** The hash by which this store finds `key[start, end)`. */
  hashOf(key: Uint8Array, start: number, end: number): number {
    return hashOfKey(this.#seed, key, start, end);
  }

  /**
   * The entry of `key[start, end)`, whose hash is `hash`; 0 when there is none or its time is over at `nowMs`. With
   * `nowMs` 0 no entry's time is over. Shows what happened to the key last, found or not.
   */
  find(hash: number, key: Uint8Array, start: number, end: number, nowMs: number): Row {
    this.positions.look(hash);
    const row = this.#index.find(hash, key, start, end);
    return row !== 0 && this.#entries.isExpired(row, nowMs) ? 0 : row;
  }

  keyLength(row: Row): number {
    return this.#entries.keyLength(row);
  }

  valueLength(row: Row): number {
    return this.#entries.valueLength(row);
  }

  /** Milliseconds since 1970; 0 = for ever. */
  expiresAt(row: Row): number {
    return this.#entries.expiresAt(row);
  }

  /** Database of the key. */
  database(row: Row): number {
    return this.#entries.database(row);
  }

  /** Type of the value. */
  type(row: Row): number {
    return this.#entries.type(row);
  }

  /** Copies the key to `target[at, …)`. */
  copyKey(row: Row, target: Uint8Array, at: number): void {
    this.#entries.copyKey(row, target, at);
  }

  /** Copies bytes `[from, to)` of the value, all by default, to `target[at, …)`. */
  copyValue(row: Row, target: Uint8Array, at: number, from = 0, to = this.valueLength(row)): void {
    this.#entries.copyValue(row, target, at, from, to);
  }

  /** The entry behind `row` in storage order, 0 at the end; `rowAfter(0)` is the first. Entries never move. */
  rowAfter(row: Row): Row {
    return this.#arena.nextMarked(row, this.#arena.highBlock);
  }

  /**
   * Appends to `rows` the handful of entries from `place` in hash order, which keys and seed alone decide, up to the place
   * that is returned: `HASH_PLACE_COUNT` at the end.
   */
  collect(place: number, rows: Row[]): number {
    return this.#index.collect(place, rows);
  }

  /** Some entry, 0 when there is none. */
  randomRow(random: Random): Row {
    return this.entryCount === 0 ? 0 : this.#arena.randomMarked(random);
  }

  /** The entry that an eviction would take, 0 when there is none. */
  oldestRow(): Row {
    return this.#order.oldest;
  }

  /** The entry used next after `row`, 0 when `row` is the newest. */
  newerRow(row: Row): Row {
    return this.#order.newerOf(row);
  }

  // ---- Writes ------------------------------------------------------------------------------------

  /** Makes the entry the newest. Not a mutation. */
  touch(row: Row): void {
    this.#snapshot.beforeMove(row);
    this.#order.touch(row);
  }

  /**
   * Sets the mutation's key, whose hash is `hash`, to its value until its `expiresAtMs` (0 = for ever), overwriting what
   * was there, and makes it the newest; its row stays. Evicts the oldest entries for as long as room lacks. False
   * when it does not fit even into an empty store: then nothing changes. The bytes may not lie in the store.
   */
  set(hash: number, mutation: Mutation): boolean {
    const { keyStart, keyEnd } = mutation;
    const keyLength = keyEnd - keyStart;
    const valueLength = mutation.valueEnd - mutation.valueStart;
    assert(keyLength <= KEY_BYTES_MAX, "a key is not too long");
    assert(valueLength <= VALUE_BYTES_MAX, "a value is not too long");
    const blocks = blocksOfPayload(keyLength + valueLength);
    if (blocks > this.#blockLimit) return false;
    this.positions.begin();
    const row = this.#index.find(hash, mutation.keyBytes, keyStart, keyEnd);
    if (row === 0) this.#insert(hash, mutation, blocks);
    else this.#overwrite(row, mutation, blocks);
    mutation.kind = KIND_SET;
    this.positions.change(hash, this.listener.onMutation(mutation));
    return true;
  }

  /** Gives the entry a deadline, 0 = for ever. */
  expire(row: Row, expiresAtMs: number): void {
    this.positions.begin();
    this.#snapshot.beforeChange(row);
    this.#entries.setExpiresAt(row, expiresAtMs);
    const mutation = this.#mutationOf(row, KIND_EXPIRE);
    mutation.expiresAtMs = expiresAtMs;
    this.positions.change(this.#entries.hash(row), this.listener.onMutation(mutation));
  }

  /** Removes the entry. */
  delete(row: Row): void {
    this.positions.begin();
    this.#snapshot.beforeChange(row);
    this.#snapshot.beforeMove(row);
    const hash = this.#entries.hash(row);
    const mutation = this.#mutationOf(row, KIND_DELETE);
    this.#index.remove(row);
    this.#order.remove(row);
    this.#entries.free(row);
    this.positions.change(hash, this.listener.onMutation(mutation));
  }

  /** Removes the entry of `key[start, end)`, if its hash is `hash`. Whether it was there, and its time not over at `nowMs`. */
  deleteKey(hash: number, key: Uint8Array, start: number, end: number, nowMs: number): boolean {
    const row = this.find(hash, key, start, end, 0);
    if (row === 0) return false;
    const expired = this.#entries.isExpired(row, nowMs);
    if (expired) this.#expiredCount++;
    this.delete(row);
    return !expired;
  }

  /** Removes every entry, in no more time than removing one. A snapshot that is under way is abandoned. */
  flush(): void {
    this.positions.begin();
    this.#snapshot.clear();
    this.#entries.clear();
    this.#index.clear();
    this.#order.clear();
    this.#mutation.kind = KIND_FLUSH;
    this.positions.changeAll(this.listener.onMutation(this.#mutation));
  }

  /**
   * Looks for entries whose time is over at `nowMs` in the next `blocksMax` blocks of storage, and removes up to
   * `deletesMax` of them. Successive calls go round and round. Returns how many were removed.
   */
  sweepExpired(nowMs: number, blocksMax: number, deletesMax: number): number {
    const deletes = this.#sweep.step(nowMs, blocksMax, deletesMax);
    this.#expiredCount += deletes;
    return deletes;
  }

  /** Prepares for `entryCount` entries that are about to be added to an empty store. Not mutations. */
  load(entryCount: number): Loader {
    const [mark, blockLimit] = [this.#snapshot.generation, this.#blockLimit];
    const evictOldest = () => this.#evictOldest();
    return new Loader({ ...this.#parts, seed: this.#seed, mark, blockLimit, evictOldest }, entryCount);
  }

  // ---- Cap ---------------------------------------------------------------------------------------

  /**
   * Lowers or raises the cap, up to what was reserved. A store above a lowered cap does not grow any further;
   * {@linkcode Store.shrink} brings it down.
   */
  setCap(capBytes: number): void {
    const blockLimit = Math.floor(capBytes / BLOCK_COST_BYTES);
    assert(capBytes <= this.reservedCapBytes, "a cap is within what was reserved");
    assert(blockLimit >= BLOCK_COUNT_MIN, "a store has room for a few blocks");
    this.#capBytes = capBytes;
    this.#blockLimit = blockLimit;
  }

  /** Evicts up to `entriesMax` entries while those there are exceed the cap. Whether they still do. */
  shrink(entriesMax: number): boolean {
    for (let i = 0; i < entriesMax && this.#arena.liveCount > this.#blockLimit; i++) this.#evictOldest();
    return this.#arena.liveCount > this.#blockLimit;
  }

  // ---- Snapshot ----------------------------------------------------------------------------------

  /** Begins to hand every entry, as it is now, to `sink`. There may be none under way. */
  beginSnapshot(sink: SnapshotSink): void {
    this.#snapshot.begin(sink, this.entryCount);
  }

  /** Goes on with up to `entriesMax` entries. Whether it is over: whole, or abandoned. */
  stepSnapshot(entriesMax: number): boolean {
    return this.#snapshot.step(entriesMax);
  }

  /** Ends the snapshot before it is whole. Harmless when there is none. */
  abandonSnapshot(): void {
    this.#snapshot.abandon();
  }

  /** Whether the last snapshot ended before it was whole: through `flush` or `abandonSnapshot`. */
  get snapshotAbandoned(): boolean {
    return this.#snapshot.abandoned;
  }

  /**
   * Looks through everything and throws `AssertionError` where an invariant does not hold. Slow; for tests and
   * simulations.
   */
  check(): void {
    checkStore(this.#parts);
  }

  /** The mutation's key is new. */
  #insert(hash: number, mutation: Mutation, blocks: number): void {
    this.#makeRoom(blocks);
    const row = this.#arena.allocate(blocks);
    this.#arena.marks[row] = this.#snapshot.generation;
    this.#entries.create(row, blocks, hash, mutation);
    this.#index.insert(row, hash);
    this.#order.append(row);
  }

  /** The mutation's key is that of `row`. */
  #overwrite(row: Row, mutation: Mutation, blocks: number): void {
    this.#snapshot.beforeChange(row);
    this.touch(row);
    const blocksBefore = this.#entries.blockCount(row);
    if (blocks > blocksBefore) this.#makeRoom(blocks - blocksBefore);
    if (blocks !== blocksBefore) this.#entries.resize(row, blocks, mutation);
    this.#entries.setValue(row, mutation);
    this.#entries.setExpiresAt(row, mutation.expiresAtMs);
  }

  /** The store's own mutation, about the key of `row`. */
  #mutationOf(row: Row, kind: number): Mutation {
    const mutation = this.#mutation;
    this.copyKey(row, keyScratch, 0);
    mutation.kind = kind;
    mutation.setKey(keyScratch, 0, this.keyLength(row));
    return mutation;
  }

  /**
   * Evicts the oldest entries until `blocks` more are within the cap. Above a lowered cap it only sees to it that
   * the store does not grow, so that one write has no more to do than its own size asks for.
   */
  #makeRoom(blocks: number): void {
    const limit = Math.max(this.#blockLimit, this.#arena.liveCount);
    while (this.#arena.liveCount + blocks > limit) this.#evictOldest();
  }

  #evictOldest(): void {
    this.delete(this.#order.oldest);
    this.#evictedCount++;
  }
}
