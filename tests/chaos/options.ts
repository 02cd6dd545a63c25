/** The flags of `deno task chaos`. */
import { parseArgs } from "@std/cli/parse-args";
import { type FaultFlags, MINUTES_DEFAULT, readFaultFlags } from "../support/fault_flags.ts";

export interface Options extends FaultFlags {
  /** So many nodes are killed at least, however long that takes. */
  readonly kills: number;
}

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
  const common = readFaultFlags(flags, { minutesMax: MINUTES_MAX, faults });
  const kills = Number(flags.kills ?? 0);
  if (flags.kills === "" || !Number.isInteger(kills) || kills < 0 || kills > KILLS_MAX) {
    throw new RangeError(`--kills takes a whole number up to ${KILLS_MAX}, got "${flags.kills}"`);
  }
  return { ...common, kills };
}
