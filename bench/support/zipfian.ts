/**
 * Keys of which few are popular: the k-th most popular one is drawn with a probability in proportion to 1 / k^theta.
 * After Gray, Sundaresan, Englert, Baclawski and Weinberger, "Quickly generating billion-record synthetic databases"
 * (SIGMOD 1994), with the constant of YCSB, which also scatters the popular ones over all keys by a hash.
 */
import type { Random } from "../../src/core/random.ts";

/** As in YCSB. */
const THETA = 0.99;
const TWO_POW_32 = 0x1_0000_0000;

export class Zipfian {
  readonly #count: number;
  readonly #alpha: number;
  readonly #zeta: number;
  readonly #eta: number;

  /** Over the keys 0 … `count`−1. Takes time in proportion to `count`. Throws `RangeError` below 2. */
  constructor(count: number) {
    if (!Number.isInteger(count) || count < 2) {
      throw new RangeError(`Cannot draw from ${count} keys: takes 2 or more`);
    }
    this.#count = count;
    this.#alpha = 1 / (1 - THETA);
    this.#zeta = zetaOf(count);
    this.#eta = (1 - (2 / count) ** (1 - THETA)) / (1 - zetaOf(2) / this.#zeta);
  }

  /** The rank of the key drawn: 0 is the most popular one. */
  nextRank(random: Random): number {
    const uniform = random.u32() / TWO_POW_32;
    const scaled = uniform * this.#zeta;
    if (scaled < 1) return 0;
    if (scaled < 1 + 0.5 ** THETA) return 1;
    const rank = Math.floor(this.#count * (this.#eta * uniform - this.#eta + 1) ** this.#alpha);
    return Math.min(rank, this.#count - 1);
  }

  /** The key drawn; popular ones are anywhere. Two ranks may share one key, as in YCSB. */
  next(random: Random): number {
    return scatter(this.nextRank(random)) % this.#count;
  }

  /** The share of all draws that go to the key of `rank`. */
  probabilityOf(rank: number): number {
    return 1 / ((rank + 1) ** THETA * this.#zeta);
  }
}

/** The sum of 1 / k^theta for k = 1 … `count`. */
function zetaOf(count: number): number {
  let sum = 0;
  for (let k = 1; k <= count; k++) sum += 1 / k ** THETA;
  return sum;
}

/** The finalizer of MurmurHash3. */
function scatter(rank: number): number {
  let hash = rank + 0x9e3779b9 | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
