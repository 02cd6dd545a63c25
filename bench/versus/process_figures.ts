/** What the system knows of a process (Linux, `/proc`): the time it computed, and the memory it holds. */

/** `sysconf(_SC_CLK_TCK)`: the unit of `/proc/<pid>/stat`, 100 on every Linux of today. */
const TICKS_PER_SECOND = 100;
/** Fields behind the name in brackets, which may hold spaces itself: the state is the first of them. */
const USER_TIME_FIELD = 11;
const SYSTEM_TIME_FIELD = 12;

/** Seconds of all threads of `pids` together, in user and in system mode. */
export function cpuSecondsOf(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[USER_TIME_FIELD]) + Number(fields[SYSTEM_TIME_FIELD]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Resident bytes of `pids` together. */
export function residentBytesOf(pids: readonly number[]): number {
  let bytes = 0;
  for (const pid of pids) {
    const match = Deno.readTextFileSync(`/proc/${pid}/status`).match(/^VmRSS:\s+(\d+) kB$/m);
    if (match === null) throw new Error(`Cannot read the resident memory of process ${pid}: no VmRSS`);
    bytes += Number(match[1]) * 1024;
  }
  return bytes;
}
