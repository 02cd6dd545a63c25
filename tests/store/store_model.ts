/**
 * The store as one would write it without caring for speed: a `Map` whose order is the LRU order, and the formula for
 * blocks. It predicts what the store must hold, evict and tell after each operation.
 */
import type { Content, Heard } from "./store_fixture.ts";

const HEAD_PAYLOAD_BYTES = 24;
const BLOCK_BYTES = 56;

export function blocksOf(key: string, value: string): number {
  const beyond = key.length + value.length - HEAD_PAYLOAD_BYTES;
  return beyond <= 0 ? 1 : 1 + Math.ceil(beyond / BLOCK_BYTES);
}

export class StoreModel {
  /** From the oldest to the newest. */
  readonly entries = new Map<string, Content>();
  readonly heard: Heard[] = [];
  evictedCount = 0;
  blockLimit: number;

  constructor(blockLimit: number) {
    this.blockLimit = blockLimit;
  }

  get liveBlocks(): number {
    let blocks = 0;
    for (const [key, { value }] of this.entries) blocks += blocksOf(key, value);
    return blocks;
  }

  isThere(key: string, nowMs: number): boolean {
    const entry = this.entries.get(key);
    return entry !== undefined && (entry.expiresAtMs === 0 || entry.expiresAtMs > nowMs);
  }

  set(key: string, value: string, expiresAtMs: number): boolean {
    const blocks = blocksOf(key, value);
    if (blocks > this.blockLimit) return false;
    const before = this.entries.get(key);
    const extra = blocks - (before === undefined ? 0 : blocksOf(key, before.value));
    if (before !== undefined) this.touch(key);
    const limit = Math.max(this.blockLimit, this.liveBlocks);
    while (extra > 0 && this.liveBlocks + extra > limit) this.evictOldest();
    this.entries.set(key, { value, expiresAtMs });
    this.heard.push({ kind: "set", key, value, expiresAtMs });
    return true;
  }

  touch(key: string): void {
    const entry = this.entries.get(key)!;
    this.entries.delete(key);
    this.entries.set(key, entry);
  }

  expire(key: string, expiresAtMs: number): void {
    this.entries.set(key, { value: this.entries.get(key)!.value, expiresAtMs });
    this.heard.push({ kind: "expire", key, value: "", expiresAtMs });
  }

  delete(key: string): void {
    this.entries.delete(key);
    this.heard.push({ kind: "delete", key, value: "", expiresAtMs: 0 });
  }

  flush(): void {
    this.entries.clear();
    this.heard.push({ kind: "flush", key: "", value: "", expiresAtMs: 0 });
  }

  /** Whether more is to be evicted. */
  shrink(entriesMax: number): boolean {
    for (let i = 0; i < entriesMax && this.liveBlocks > this.blockLimit; i++) this.evictOldest();
    return this.liveBlocks > this.blockLimit;
  }

  evictOldest(): void {
    this.delete(this.entries.keys().next().value!);
    this.evictedCount++;
  }
}
