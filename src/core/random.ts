/** Randomness, passed in, so that a run can be repeated from its seed. */

export interface Random {
  /** A uniform integer of 0 … 2³²−1. */
  u32(): number;
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
