/** How many files and connections this process may have open. */
import type { Environment } from "./command_line.ts";

/**
 * Set by our tasks and the container, since the runtime lets no process read /proc without every permission. The runtime
 * raises its limit to the hard one by itself, so that is the one to be told.
 */
const VARIABLE = "ROUNDEL_OPEN_FILES";

/** The limit; `null` when nobody has told. */
export function openFilesMax(environment: Environment): number | null {
  const text = limitOfSystem() ?? environment.get(VARIABLE) ?? "";
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;
}

function limitOfSystem(): string | undefined {
  try {
    return /^Max open files +(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits"))?.[1];
  } catch {
    return undefined; // not granted, or another system
  }
}
