/** The last words of a process that cannot start. */
import type { Clock } from "../core/clock.ts";
import { HeldError, messageOf, RefusalError } from "../core/errors.ts";
import { diskErrorText } from "./disk_errors.ts";
import type { LogFormat } from "./log_format.ts";
import { flushLog, loggerOf } from "./logging.ts";
import { ListenError, type Network } from "./network.ts";
import { holderOf } from "./port_holder.ts";
import { endWith } from "./process.ts";

/** Exit codes by which a parent knows whether it is of any use to start the process again. */
export const ExitCode = {
  badFlags: 2,
  /** It must not start as things are. */
  refused: 3,
  /** As `refused`, said to a parent only: another process has the port or the folder, and may give it back. */
  held: 4,
} as const;

export interface Start {
  /** `node`, `balancer` or `cluster`. */
  readonly role: string;
  readonly logFormat: LogFormat;
  readonly dataDir: string;
  /** Whether the parent is a cluster, which knows {@linkcode ExitCode.held}. */
  readonly exitWithParent: boolean;
  readonly network: Network;
  readonly clock: Clock;
}

/**
 * Ends a process that cannot start: with one line that says why and exit code 3 when that is a matter of files,
 * ports or permissions. Anything else is a bug, and is thrown on.
 */
export async function endRefused(start: Start, error: unknown): Promise<never> {
  const cause = await causeOf(start, error);
  if (cause === null) {
    await flushLog();
    throw error;
  }
  const isHeld = error instanceof HeldError || (error instanceof ListenError && error.isTaken);
  const code = isHeld && start.exitWithParent ? ExitCode.held : ExitCode.refused;
  if (start.logFormat === "text") return await endWith(code, `roundel ${start.role}: ${cause}`);
  // Whoever asked for JSON reads nothing else.
  loggerOf(start.role).error(cause);
  return await endWith(code);
}

async function causeOf({ dataDir, network, clock }: Start, error: unknown): Promise<string | null> {
  if (error instanceof ListenError) {
    const holder = error.isTaken ? await holderOf(error.address, { network, clock }) : "";
    return error.message + (holder === "" ? "" : `: ${holder} has it`);
  }
  if (error instanceof RefusalError) return error.message;
  if (error instanceof Deno.errors.NotCapable) return `Cannot start: ${messageOf(error)}`;
  return diskErrorText(error, dataDir);
}
