/**
 * The summary that `strace -c` writes:
 *
 *     % time     seconds  usecs/call     calls    errors syscall
 *     ------ ----------- ----------- --------- --------- ----------------
 *      61.97    0.000101          16         6         2 futex
 *      38.03    0.000062          62         1           read
 *     ------ ----------- ----------- --------- --------- ----------------
 *     100.00    0.000163          23         7         2 total
 *
 * `errors` is blank where there were none. The line of totals is not a call.
 */

/** Calls that do the same under several names. */
const KINDS: Readonly<Record<string, string>> = {
  read: "reads",
  readv: "reads",
  recvfrom: "reads",
  recvmsg: "reads",
  pread64: "reads",
  write: "writes",
  writev: "writes",
  sendto: "writes",
  sendmsg: "writes",
  pwrite64: "writes",
  epoll_wait: "polls",
  epoll_pwait: "polls",
  epoll_pwait2: "polls",
  fsync: "syncs",
  fdatasync: "syncs",
  futex: "futexes",
};

/** What the kinds of calls are named in the report. */
export const CALL_KINDS = ["reads", "writes", "polls", "syncs", "futexes", "others"] as const;
export type CallKind = typeof CALL_KINDS[number];

/** Calls by name. Throws `SyntaxError` on a text that is no summary. */
export function callsOf(summary: string): Map<string, number> {
  if (!/^% time\s+seconds\s+usecs\/call\s+calls\s+errors\s+syscall$/m.test(summary)) {
    throw new SyntaxError(`Cannot read strace's summary: no heading in ${JSON.stringify(summary)}`);
  }
  const calls = new Map<string, number>();
  for (const line of summary.split("\n")) {
    const match = line.match(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z_]\w*)$/);
    if (match !== null && match[2] !== "total") calls.set(match[2]!, Number(match[1]));
  }
  return calls;
}

/** The calls of each kind, added up. */
export function countsByKind(calls: ReadonlyMap<string, number>): Record<CallKind, number> {
  const counts = { reads: 0, writes: 0, polls: 0, syncs: 0, futexes: 0, others: 0 };
  for (const [name, count] of calls) counts[(KINDS[name] ?? "others") as CallKind] += count;
  return counts;
}
