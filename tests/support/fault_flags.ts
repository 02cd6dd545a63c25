/** The flags that the tasks which inject faults have in common. */

export interface FaultFlags {
  readonly minutes: number;
  readonly seed: number;
  /** The faults to inject; all of them when empty. */
  readonly only: readonly string[];
}

export const MINUTES_DEFAULT = 5;

/** `flags` are what `parseArgs` gives. Throws a `RangeError` that names the flag, the value, and what it takes. */
export function readFaultFlags(
  flags: Readonly<Record<string, unknown>>,
  { minutesMax, faults }: { readonly minutesMax: number; readonly faults: readonly string[] },
): FaultFlags {
  const minutes = Number(flags.minutes ?? MINUTES_DEFAULT);
  if (!(minutes > 0 && minutes <= minutesMax)) {
    throw new RangeError(`--minutes takes a number up to ${minutesMax}, got "${flags.minutes}"`);
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
