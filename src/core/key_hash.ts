/**
 * HalfSipHash-1-3 (Aumasson and Bernstein; the variant that Linux uses for its own hash tables on 32-bit
 * machines): a keyed hash, so that nobody who does not know the seed can make keys that collide.
 */
import type { Random } from "./random.ts";

/** The secret of hash tables, shared by all copies of a cluster, so that they order keys alike. Two i32. */
export interface HashSeed {
  readonly low: number;
  readonly high: number;
}

/** Places in hash order: 0 … HASH_PLACE_COUNT − 1. */
export const HASH_PLACE_COUNT = 2 ** 32;

export function randomHashSeed(random: Random): HashSeed {
  return { low: random.u32() | 0, high: random.u32() | 0 };
}

/** The seed as 16 hexadecimal digits, as documents keep it; and the other way round, `null` for any other text. */
export function hashSeedText({ low, high }: HashSeed): string {
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}

export function parseHashSeed(text: unknown): HashSeed | null {
  if (typeof text !== "string" || !/^[0-9a-f]{16}$/.test(text)) return null;
  return { high: parseInt(text.slice(0, 8), 16) | 0, low: parseInt(text.slice(8), 16) | 0 };
}

/**
 * Place of a hash in hash order, the order of SCAN: the hash with its bits reversed. A hash table that takes as many of
 * the lowest bits as it has use for keeps in each bucket a range of this order, however large it is; so the place up to
 * which keys were seen means the same in a table of any size.
 */
export function placeOfHash(hash: number): number {
  let bits = hash;
  bits = ((bits >>> 1) & 0x5555_5555) | ((bits & 0x5555_5555) << 1);
  bits = ((bits >>> 2) & 0x3333_3333) | ((bits & 0x3333_3333) << 2);
  bits = ((bits >>> 4) & 0x0f0f_0f0f) | ((bits & 0x0f0f_0f0f) << 4);
  bits = ((bits >>> 8) & 0x00ff_00ff) | ((bits & 0x00ff_00ff) << 8);
  return ((bits >>> 16) | (bits << 16)) >>> 0;
}

/** The hash at a place: reversing is its own inverse. */
export function hashAtPlace(place: number): number {
  return placeOfHash(place) | 0;
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
