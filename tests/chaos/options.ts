/** The flags of `deno task chaos`. */
import { parseArgs } from "@std/cli/parse-args";

export interface Options {
  readonly minutes: number;
  readonly seed: number;
  /** So many nodes are killed at least, however long that takes. */
  readonly kills: number;
  /** The faults to inject; all of them when empty. */
  readonly only: readonly string[];
}

const MINUTES_DEFAULT = 5;
const MINUTES_MAX = 240;
const KILLS_MAX = 1_000;

export const HELP =
  `deno task chaos: three nodes with two copies of each shard, killed, stopped and cut off under load

  --minutes MINUTES   how long, up to ${MINUTES_MAX} [${MINUTES_DEFAULT}]
  --kills NUMBER      kill -9 of a node so often at least, even when the time is over [0]
  --seed NUMBER       the order of the faults and what they hit; printed, another each time [random]
  --only FAULT,…      these faults only
  --help              print this
`;

/** Throws a `RangeError` that names the flag, the value, and what it takes. */
export function parseOptions(args: readonly string[], faults: readonly string[]): Options | "help" {
  const flags = parseArgs([...args], {
    string: ["minutes", "seed", "kills", "only"],
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
  const kills = Number(flags.kills ?? 0);
  if (flags.kills === "" || !Number.isInteger(kills) || kills < 0 || kills > KILLS_MAX) {
    throw new RangeError(`--kills takes a whole number up to ${KILLS_MAX}, got "${flags.kills}"`);
  }
  const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(flags.seed);
  if (flags.seed === "" || !Number.isInteger(seed) || seed !== (seed | 0)) {
    throw new RangeError(`--seed takes a 32-bit integer, got "${flags.seed}"`);
  }
  const only = flags.only === undefined ? [] : String(flags.only).split(",");
  for (const fault of only) {
    if (!faults.includes(fault)) throw new RangeError(`--only takes ${faults.join(", ")}; got "${fault}"`);
  }
  return { minutes, seed, kills, only };
}
