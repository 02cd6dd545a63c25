/** The flags of `deno task hostile`. */
import { parseArgs } from "@std/cli/parse-args";

export interface Options {
  readonly minutes: number;
  readonly seed: number;
  /** The faults to inject; all of them when empty. */
  readonly only: readonly string[];
}

const MINUTES_DEFAULT = 5;
const MINUTES_MAX = 120;

export const HELP =
  `deno task hostile: everything that clients, networks and disks do, beside a well-behaved client

  --minutes MINUTES   how long, up to ${MINUTES_MAX} [${MINUTES_DEFAULT}]
  --seed NUMBER       the order of the faults and what they send; printed, another each time [random]
  --only FAULT,…      these faults only
  --help              print this
`;

/** Throws a `RangeError` that names the flag, the value, and what it takes. */
export function parseOptions(args: readonly string[], faults: readonly string[]): Options | "help" {
  const flags = parseArgs([...args], {
    string: ["minutes", "seed", "only"],
    boolean: ["help"],
    unknown: (flag) => {
      throw new RangeError(`Unknown argument: ${flag}`);
    },
  });
  if (flags.help) return "help";
  const minutes = Number(flags.minutes ?? MINUTES_DEFAULT);
  if (!(minutes > 0 && minutes <= MINUTES_MAX)) {
    throw new RangeError(`--minutes takes a number up to ${MINUTES_MAX}, got "${flags.minutes}"`);
  }
  const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(flags.seed);
  if (flags.seed === "" || !Number.isInteger(seed) || seed !== (seed | 0)) {
    throw new RangeError(`--seed takes a 32-bit integer, got "${flags.seed}"`);
  }
  const only = flags.only === undefined ? [] : String(flags.only).split(",");
  for (const fault of only) {
    if (!faults.includes(fault)) throw new RangeError(`--only takes ${faults.join(", ")}; got "${fault}"`);
  }
  return { minutes, seed, only };
}
