/** What the process knows of itself: for INFO, and for its last words. */
import { bootIdSince } from "../core/boot_id.ts";
import { stackOf } from "../core/errors.ts";
import { LOG_FLUSH_MS } from "../core/limits.ts";
import { LineWriter } from "./line_writer.ts";
import { flushLog, logAtOnce } from "./logging.ts";
import { addressText } from "./network.ts";

const BOOT_ID_VARIABLE = "ROUNDEL_BOOT_ID";
/** As the runtime itself ends a process with an error that nobody caught. */
const BUG_EXIT_CODE = 1;

export interface ProcessFacts {
  readonly pid: number;
  readonly denoVersion: string;
  readonly os: string;
  /** Resident memory of the whole process, in bytes. */
  residentBytes(): number;
  /** Ends the process at once, because of a bug after which what it has in memory cannot be trusted. */
  abort(error: unknown): never;
  /** Of the machine: another one after each start of it. `null` where this process may not know. */
  readonly bootId: string | null;
}

export const denoProcess: ProcessFacts = {
  pid: Deno.pid,
  denoVersion: Deno.version.deno,
  os: `${Deno.build.os} ${Deno.build.arch}`,
  residentBytes: () => Deno.memoryUsage().rss,
  abort: endByBug,
  bootId: bootIdOfMachine(),
};

/**
 * Linux tells it in a file that only a process with all permissions may read. Where our tasks and the container have not
 * passed it on, the time since the machine was started is the next best.
 */
function bootIdOfMachine(): string | null {
  const id = readOr("", () => Deno.readTextFileSync("/proc/sys/kernel/random/boot_id")) ||
    readOr("", () => Deno.env.get(BOOT_ID_VARIABLE) ?? "");
  if (id.trim() !== "") return id.trim();
  return readOr(null, () => bootIdSince(Date.now() - Deno.osUptime() * 1_000));
}

/** What `read` reads, or `otherwise` where that is not granted, or is not there. */
function readOr<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** Prints the line that scripts and the cluster wait for. */
export function printReady(role: string, host: string, port: number): void {
  console.log(`roundel ${role} ready on ${addressText({ host, port })}`);
}

/** Prints why the process ends, to standard error, and ends it. */
export function exitWith(code: number, text: string): never {
  console.error(text);
  Deno.exit(code);
}

/** Ends the process when its log is written, with `text` as its last line. Takes half a second at most. */
export async function endWith(code: number, text?: string): Promise<never> {
  await flushLog();
  // Not by console.error: a terminal that stands still would hold up the end.
  if (text !== undefined) {
    const last = new LineWriter(Deno.stderr, () => "");
    last.write(text);
    await Promise.race([last.flushed(), new Promise((resolve) => setTimeout(resolve, LOG_FLUSH_MS))]);
  }
  Deno.exit(code);
}

/**
 * Ends the process because of a bug, with a line that says where it is. The event loop gets no turn any more, in which
 * somebody would be served.
 */
function endByBug(error: unknown): never {
  logAtOnce("process", "cannot go on: a bug has left what is in memory in doubt", { cause: stackOf(error) });
  Deno.exit(BUG_EXIT_CODE);
}

/** What nobody catches is a bug, and ends the process as such. */
export function endByUncaught(): void {
  addEventListener("error", (event) => {
    event.preventDefault();
    endByBug(event.error);
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    endByBug(event.reason);
  });
}

/** Ends a process that was started with `--health`: code 0 when the asked one serves, with a note, or 1 and why not. */
export function endHealthCheck(whyNot: string, note = ""): never {
  if (whyNot !== "") exitWith(1, whyNot);
  if (note !== "") console.log(note);
  Deno.exit(0);
}
