/** The table of all commands. A command's index in it is its number in every other table of the process. */
import type { CommandSpec } from "./command_spec.ts";
import { CONNECTION_SPECS } from "./specs_connection.ts";
import { GENERIC_SPECS } from "./specs_generic.ts";
import { CLUSTER_SPECS, SERVER_SPECS } from "./specs_server.ts";
import { STRING_SPECS } from "./specs_string.ts";

export type { CommandGroup, CommandSpec, KeyPositions, Routing, SubcommandSpec } from "./command_spec.ts";

export const COMMAND_SPECS: readonly CommandSpec[] = [
  ...STRING_SPECS,
  ...GENERIC_SPECS,
  ...CONNECTION_SPECS,
  ...SERVER_SPECS,
  ...CLUSTER_SPECS,
];
