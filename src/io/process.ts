/** What the process knows of itself: for INFO, and for its last words. */

export interface ProcessFacts {
  readonly pid: number;
  readonly denoVersion: string;
  readonly os: string;
  /** Resident memory of the whole process, in bytes. */
  residentBytes(): number;
}

export const denoProcess: ProcessFacts = {
  pid: Deno.pid,
  denoVersion: Deno.version.deno,
  os: `${Deno.build.os} ${Deno.build.arch}`,
  residentBytes: () => Deno.memoryUsage().rss,
};

/** Prints the line that scripts and the cluster wait for. */
export function printReady(role: string, host: string, port: number): void {
  console.log(`roundel ${role} ready on ${host}:${port}`);
}

/** Prints why the process ends, to standard error, and ends it. */
export function exitWith(code: number, text: string): never {
  console.error(text);
  Deno.exit(code);
}

/** Ends a process that was started with `--health`: code 0 when the asked one serves, or 1. */
export function endHealthCheck(isHealthy: boolean): never {
  Deno.exit(isHealthy ? 0 : 1);
}
