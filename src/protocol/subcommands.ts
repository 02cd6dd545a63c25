/** Commands that contain commands (`CLIENT ID`, `CONFIG GET`). What is known of each is in the table of specs. */
import { assert } from "../core/assert.ts";
import { argumentIs } from "./arguments.ts";
import { COMMAND_SPECS, type CommandSpec } from "./command_specs.ts";
import {
  findSubcommand,
  fitsArity,
  unknownSubcommandText,
  wrongSubcommandArityText,
} from "./command_table.ts";
import type { Reply } from "./reply.ts";
import type { Request } from "./request.ts";

interface RequestContext {
  readonly request: Request;
  readonly reply: Reply;
  readonly session: { lastSubcommand: string };
}

/**
 * The handler of the command `container`, given the handlers of its subcommands, all by names in capitals. `HELP`
 * comes with it.
 */
export function containerOf<Context extends RequestContext, Result>(
  container: string,
  handlers: Readonly<Record<string, (context: Context) => Result>>,
): (context: Context) => Result | void {
  const spec = COMMAND_SPECS.find(({ name }) => name === container);
  assert(spec !== undefined, `${container} is a command`);
  for (const { name } of spec.subcommands ?? []) {
    assert(handlers[name] !== undefined, `${container} ${name} has a handler`);
  }
  return (context) => {
    const { request, reply, session } = context;
    const subcommand = findSubcommand(spec, request);
    session.lastSubcommand = subcommand?.name.toLowerCase() ?? "";
    if (subcommand !== null) {
      if (fitsArity(subcommand.arity, request.argumentCount)) return handlers[subcommand.name]!(context);
      return reply.error(wrongSubcommandArityText(spec, subcommand));
    }
    if (argumentIs(request, 1, "HELP")) return replySubcommands(spec, reply);
    reply.error(unknownSubcommandText(spec, request));
  };
}

function replySubcommands(spec: CommandSpec, reply: Reply): void {
  const lines = [`${spec.name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`];
  for (const { usage, summary } of spec.subcommands ?? []) lines.push(usage, `    ${summary}.`);
  lines.push("HELP", "    Prints this help.");
  reply.arrayStart(lines.length);
  for (const line of lines) reply.simple(line);
}
