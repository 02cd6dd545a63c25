/**
 * Operating errors: what may go wrong although the program is right. Their text follows one grammar,
 * "action: current state", and says what to do next where there is something to do.
 */

/** The process cannot start, or cannot go on, and must not guess: damaged files, a foreign folder, a lock. */
export class RefusalError extends Error {
  override name = "RefusalError";
}

/** Another process has what this one needs alone: it may be free later. */
export class HeldError extends RefusalError {}

/** A flag or its environment variable has a value that it does not take. Exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What a bug threw, with the place where, and what that came from: it is to be mended. */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stack = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? stack : `${stack}\nCaused by: ${stackOf(error.cause)}`;
}

/** Thrown for `--help` and `--version`: there is a text to print, and nothing to run. */
export class InformationRequest extends Error {
  override name = "InformationRequest";
}
