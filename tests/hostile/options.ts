/** The flags of `deno task hostile`. */
import { parseArgs } from "@std/cli/parse-args";
import { type FaultFlags, MINUTES_DEFAULT, readFaultFlags } from "../support/fault_flags.ts";

export type Options = FaultFlags;

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
  return readFaultFlags(flags, { minutesMax: MINUTES_MAX, faults });
}
