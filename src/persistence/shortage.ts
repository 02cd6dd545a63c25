/** Errors of a disk that pass by themselves, or once somebody has made room: what failed is tried again. */

interface Shortage {
  readonly name: string;
  /** What a person can do. */
  readonly advice: string;
}

const DISK: Shortage = { name: "disk full", advice: "free space" };
const FILES: Shortage = {
  name: "too many open files",
  advice: "close connections or raise the limit of open files (ulimit -n)",
};
const MEMORY: Shortage = { name: "not enough memory", advice: "free memory" };
const TIME: Shortage = { name: "the system is busy", advice: "wait" };

const SHORTAGES: Readonly<Record<string, Shortage>> = {
  ENOSPC: DISK,
  EDQUOT: DISK,
  EMFILE: FILES,
  ENFILE: FILES,
  ENOMEM: MEMORY,
  EAGAIN: TIME,
  EINTR: TIME,
};

/** What there is too little of, by an error of a write or of opening a file; `null` when that is not its cause. */
export function shortageOf(error: unknown): Shortage | null {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return SHORTAGES[code] ?? null;
}
