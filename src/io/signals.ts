/**
 * How a process is told to stop. SIGTERM, SIGINT or the end of its parent: it stops gracefully, once, and ends with
 * code 0. Whoever cannot wait signals again: a second or more after the first it ends at once.
 *
 * A signal within that second is the same wish once more: a terminal's Ctrl-C reaches a parent and its children
 * alike, and the parent then signals the children, too.
 */
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { endWith } from "./process.ts";

/** A signal this long after the first wish to stop means "now". */
const INSIST_MS = 1_000;
/** By custom, a process ended by a signal has the signal's number plus 128 as exit code. */
const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

type StopSignal = keyof typeof SIGNAL_CODES;

/** Turns wishes to stop into one graceful stop, or a quick one. Ends the process through `exit`. */
export class Stopper implements Stopping {
  readonly #clock: Clock;
  readonly #stop: () => Promise<void>;
  readonly #exit: (code: number, error?: unknown) => void;
  #askedAtMs = -1;

  constructor(clock: Clock, stop: () => Promise<void>, exit: (code: number, error?: unknown) => void) {
    this.#clock = clock;
    this.#stop = stop;
    this.#exit = exit;
  }

  get isRequested(): boolean {
    return this.#askedAtMs >= 0;
  }

  /** Stops gracefully, if nobody has asked before. */
  request(): void {
    if (this.#askedAtMs >= 0) return;
    this.#askedAtMs = this.#clock.monotonicMs();
    this.#stop().then(() => this.#exit(0), (error) => this.#exit(1, error));
  }

  signalled(signal: StopSignal): void {
    const isInsisting = this.#askedAtMs >= 0 && this.#clock.monotonicMs() - this.#askedAtMs >= INSIST_MS;
    if (isInsisting) this.#exit(SIGNAL_CODES[signal]);
    else this.request();
  }
}

/** A process's way to its graceful end. */
export interface Stopping {
  /** Whether the process ends already. */
  readonly isRequested: boolean;
  /** Asks for it by other means than a signal. */
  request(): void;
}

/** Calls `stop` when the process is signalled to stop, then ends the process. */
export function onStopSignals(clock: Clock, stop: () => Promise<void>): Stopping {
  const stopper = new Stopper(clock, stop, (code, error) => {
    void endWith(code, error === undefined ? undefined : `Cannot stop gracefully: ${messageOf(error)}`);
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stopper.signalled(signal));
  }
  return stopper;
}

/**
 * Calls `stop` when standard input ends: whoever held it open is gone. A terminal's Ctrl-Z is for the one who started us,
 * and does not keep us from serving.
 */
export async function onParentGone(stop: () => void): Promise<void> {
  Deno.addSignalListener("SIGTSTP", () => {});
  const ignored = new Uint8Array(64);
  try {
    while (await Deno.stdin.read(ignored) !== null);
  } catch {
    // A closed descriptor is an end, too.
  }
  stop();
}
