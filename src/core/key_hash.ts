/**
 * HalfSipHash-1-3 (Aumasson and Bernstein; the variant that Linux uses for its own hash tables on 32-bit
 * machines): a keyed hash, so that nobody who does not know the seed can make keys that collide.
 */
import type { Random } from "./random.ts";

/** The secret of one process's hash tables. */
export interface HashSeed {
  readonly low: number;
  readonly high: number;
}

export function randomHashSeed(random: Random): HashSeed {
  return { low: random.u32() | 0, high: random.u32() | 0 };
}

/** Hash of `bytes[start, end)` under `seed`, as a signed 32-bit integer. */
export function hashOfKey(seed: HashSeed, bytes: Uint8Array, start: number, end: number): number {
  let v0 = seed.low;
  let v1 = seed.high;
  let v2 = 0x6c796765 ^ seed.low;
  let v3 = 0x74656462 ^ seed.high;
  const length = end - start;
  let at = start;
  for (const last = end - (length & 3); at < last; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  let tail = length << 24;
  if ((length & 3) > 2) tail |= bytes[at + 2]! << 16;
  if ((length & 3) > 1) tail |= bytes[at + 1]! << 8;
  if ((length & 3) > 0) tail |= bytes[at]!;
  v3 ^= tail;
  for (let round = 0; round < 4; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round === 0) {
      v0 ^= tail;
      v2 ^= 0xff;
    }
  }
  return v1 ^ v3;
}
