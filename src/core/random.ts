/** Randomness, passed in, so that a run can be repeated from its seed. */

export interface Random {
  /** A uniform integer of 0 … 2³²−1. */
  u32(): number;
}

/** xoshiro128** (Blackman and Vigna, 2018), seeded through splitmix32. Not for secrets. */
export class SeededRandom implements Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    for (let i = 0; i < 4; i++) {
      seed = (seed + 0x9e3779b9) | 0;
      let z = seed ^ (seed >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      this.#state[i] = z ^ (z >>> 15);
    }
  }

  u32(): number {
    const s = this.#state;
    const s1 = s[1]!;
    const product = Math.imul(s1, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = s1 << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s1;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }
}

/** A uniform integer of 0 … `bound`−1, for a bound of at most 2³². */
export function randomBelow(random: Random, bound: number): number {
  return Math.floor(random.u32() / 0x1_0000_0000 * bound);
}

/** A random UUID (RFC 9562, version 4), in lower case. */
export function randomUuid(random: Random): string {
  const word = () => random.u32().toString(16).padStart(8, "0");
  const hex = word() + word() + word() + word();
  const variant = "89ab"[Number.parseInt(hex[16]!, 16) & 3]!;
  const [second, third, fourth] = [
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
  ];
  return `${hex.slice(0, 8)}-${second}-${third}-${fourth}-${hex.slice(20)}`;
}
