/** From the process's own arguments and environment to a config, or to the text and exit code of not having one. */
import { InformationRequest, messageOf, UsageError } from "../core/errors.ts";
import { exitWith } from "./process.ts";

/** The environment's variables; `Deno.env` is one. */
export interface Environment {
  get(name: string): string | undefined;
}

/** Exit code of a process whose flags are bad. */
const BAD_FLAGS = 2;

/**
 * The config that `read` makes of this process's flags. For bad ones it prints why and ends the process with
 * code 2; for `--help` and `--version` it prints the answer and ends it with code 0.
 */
export function configOfProcess<T>(read: (args: readonly string[], environment: Environment) => T): T {
  try {
    return read(Deno.args, Deno.env);
  } catch (error) {
    if (error instanceof InformationRequest) {
      console.log(error.message);
      Deno.exit(0);
    }
    if (error instanceof UsageError) exitWith(BAD_FLAGS, error.message);
    if (error instanceof Deno.errors.NotCapable) {
      exitWith(BAD_FLAGS, `Cannot read the environment: ${messageOf(error)}`);
    }
    throw error;
  }
}
