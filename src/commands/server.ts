/** The process around the data: SAVE, BGSAVE, LASTSAVE, ROUNDEL. */
import { messageOf } from "../core/errors.ts";
import { argumentIs } from "../protocol/arguments.ts";
import type { CommandContext } from "./context.ts";
import { SYNTAX } from "./error_texts.ts";

/** SAVE: replies once the dump is durable. */
export async function save(context: CommandContext): Promise<void> {
  try {
    await context.server.save();
  } catch (error) {
    return context.reply.error(`ERR ${messageOf(error)}`);
  }
  context.reply.ok();
}

/** BGSAVE [SCHEDULE] */
export function bgsave(context: CommandContext): void {
  const { request, reply } = context;
  const isKnown = request.argumentCount === 1 ||
    (request.argumentCount === 2 && argumentIs(request, 1, "SCHEDULE"));
  if (!isKnown) return reply.error(SYNTAX);
  const whyNot = context.server.backgroundSave();
  if (whyNot === "") reply.simple("Background saving started");
  else reply.error(`ERR ${whyNot}`);
}

/** LASTSAVE, in seconds since 1970 */
export function lastsave(context: CommandContext): void {
  context.reply.integer(Math.floor(context.server.lastSaveMs / 1000));
}

/** ROUNDEL subcommand [argument ...]: what a balancer tells a node. */
export function roundel(context: CommandContext): void | Promise<void> {
  return context.server.admin(context);
}
