/** The process around the data: SAVE, BGSAVE, LASTSAVE, WAIT, ROUNDEL. */
import { sleep } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { WAIT_LOOK_MS, WAIT_MS_MAX } from "../core/limits.ts";
import { argumentIs } from "../protocol/arguments.ts";
import type { CommandContext } from "./context.ts";
import { integerArgument } from "./arguments.ts";
import { NOT_AN_INTEGER, SYNTAX } from "./error_texts.ts";

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

/**
 * WAIT numreplicas timeout: how many other copies have what the client has written. Its reply comes behind those to the
 * writes, which left when every copy of the in-sync sets had them; so there is a number at once, and time brings more only
 * when a copy joins a set. A link, where many clients are behind each other, does not wait for that.
 */
export function wait(
  { request, session, clock, stores, server, reply }: CommandContext,
): void | Promise<void> {
  const [count, timeoutMs] = [integerArgument(request, 1), integerArgument(request, 2)];
  if (Number.isNaN(count + timeoutMs)) return reply.error(NOT_AN_INTEGER);
  if (timeoutMs < 0) return reply.error("ERR timeout is negative");
  for (const store of stores) store.positions.lookAtAll();
  const say = () => reply.integer(server.inSyncReplicaCount());
  if (server.inSyncReplicaCount() >= count || session.isLink) return say();
  const untilMs = clock.monotonicMs() + Math.min(timeoutMs === 0 ? WAIT_MS_MAX : timeoutMs, WAIT_MS_MAX);
  return replicasBy(untilMs, count, { clock, server }).then(say);
}

/** Resolves when there are `count` replicas in sync, or it is late. */
async function replicasBy(
  untilMs: number,
  count: number,
  { clock, server }: Pick<CommandContext, "clock" | "server">,
): Promise<void> {
  while (server.inSyncReplicaCount() < count && clock.monotonicMs() < untilMs) {
    await sleep(clock, Math.min(WAIT_LOOK_MS, untilMs - clock.monotonicMs()));
  }
}

/** ROUNDEL subcommand [argument ...]: what a balancer tells a node. */
export function roundel(context: CommandContext): void | Promise<void> {
  return context.server.admin(context);
}
