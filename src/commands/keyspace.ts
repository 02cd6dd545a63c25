/**
 * The keys of a node as a whole: KEYS, RANDOMKEY, DBSIZE, FLUSHALL. What takes longer than a step goes on in later
 * turns of the event loop; the client's next request waits for it.
 *
 * DBSIZE counts entries whose time is over until they are removed, as Redis does; nothing else shows them.
 */
import { REPLY_BYTES_MAX } from "../core/limits.ts";
import { KEYS_BYTES_AT_ONCE } from "../core/reply_limits.ts";
import { randomBelow } from "../core/random.ts";
import { inSteps } from "../core/steps.ts";
import { argumentIs } from "../protocol/arguments.ts";
import type { CommandContext } from "./context.ts";
import { REPLY_TOO_LONG, SYNTAX } from "./error_texts.ts";
import { type FoundKeys, isAlive, KeyMatcher, KeyWalk, readPattern, whenCommitted } from "./key_walk.ts";
import { replyKey } from "./values.ts";

/** Random entries that RANDOMKEY tries before it takes the next one that is there, in storage order. */
const RANDOM_TRIES = 100;

/** KEYS pattern */
export function keys(context: CommandContext): void | Promise<void> {
  const { request, reply, nowMs, server, clock } = context;
  const glob = readPattern(context, 1);
  if (glob === null) return;
  const isAny = argumentIs(request, 1, "*");
  const matcher = new KeyMatcher(isAny ? null : glob, nowMs);
  const walk = new KeyWalk(context.stores, matcher, { bytesMax: KEYS_BYTES_AT_ONCE });
  for (const store of context.stores) store.positions.lookAtAll();
  const walked = inSteps(clock, () => walk.advance());
  // From here on the context serves others.
  if (walked !== undefined || walk.isFull) return keysLater({ reply, server, clock }, walk, walked);
  reply.expect(walk.found.byteCount);
  reply.arrayStart(walk.found.count);
  while (!walk.found.sayPortion(reply));
}

/** What KEYS needs when it takes longer than a step. */
type LaterContext = Pick<CommandContext, "reply" | "server" | "clock">;

/** KEYS, once `walked` is over. Those that find much come one after the other. */
async function keysLater(context: LaterContext, walk: KeyWalk, walked?: Promise<void>): Promise<void> {
  await walked;
  if (!walk.isFull) return await replyFound(context, walk.found);
  await context.server.inTurn(async () => {
    walk.allow(REPLY_BYTES_MAX);
    await inSteps(context.clock, () => walk.advance());
    await replyFound(context, walk.found);
  });
}

/** RANDOMKEY */
export function randomkey(context: CommandContext): void | Promise<void> {
  const { stores, random, reply, nowMs } = context;
  let entryCount = 0;
  for (const store of stores) {
    store.positions.lookAtAll();
    entryCount += store.entryCount;
  }
  for (let i = 0; i < RANDOM_TRIES && entryCount > 0; i++) {
    let left = randomBelow(random, entryCount);
    const store = stores.find((candidate) => (left -= candidate.entryCount) < 0)!;
    const row = store.randomRow(random);
    if (isAlive(store, row, nowMs)) return replyKey(reply, store, row);
  }
  const walk = new KeyWalk(stores, new KeyMatcher(null, nowMs), { countMax: 1 });
  const say = () => walk.found.count === 0 ? reply.nil() : void walk.found.sayPortion(reply);
  const walked = inSteps(context.clock, () => walk.advance());
  if (walked === undefined) return say();
  return walked.then(() => whenCommitted(context, reply)).then((isCommitted) =>
    isCommitted ? say() : undefined
  );
}

/** DBSIZE */
export function dbsize(context: CommandContext): void {
  let entryCount = 0;
  for (const store of context.stores) {
    store.positions.lookAtAll();
    entryCount += store.entryCount;
  }
  context.reply.integer(entryCount);
}

/** FLUSHALL [ASYNC | SYNC]. Also FLUSHDB: there is one database, and emptying it never takes long. */
export function flushall(context: CommandContext): void {
  const { request, reply } = context;
  const isPlain = request.argumentCount === 1;
  const isKnown = request.argumentCount === 2 &&
    (argumentIs(request, 1, "ASYNC") || argumentIs(request, 1, "SYNC"));
  if (!isPlain && !isKnown) return reply.error(SYNTAX);
  for (const store of context.stores) store.flush();
  reply.ok();
}

async function replyFound(context: LaterContext, found: FoundKeys): Promise<void> {
  const { reply, clock } = context;
  if (!await whenCommitted(context, reply)) return;
  if (found.byteCount > REPLY_BYTES_MAX) return reply.error(REPLY_TOO_LONG);
  await reply.whenRoom(found.byteCount);
  reply.arrayStart(found.count);
  await inSteps(clock, () => found.sayPortion(reply));
}
