/**
 * The keys of a node as a whole: KEYS, RANDOMKEY, DBSIZE, FLUSHALL. What takes longer than a step goes on in later
 * turns of the event loop; the client's next request waits for it.
 *
 * DBSIZE counts entries whose time is over until they are removed, as Redis does; nothing else shows them.
 */
import { REPLY_BYTES_MAX } from "../core/limits.ts";
import { randomBelow } from "../core/random.ts";
import { inSteps } from "../core/steps.ts";
import { argumentIs } from "../protocol/arguments.ts";
import type { Reply } from "../protocol/reply.ts";
import type { CommandContext } from "./context.ts";
import { REPLY_TOO_LONG, SYNTAX } from "./error_texts.ts";
import { type FoundKeys, isAlive, KeyMatcher, KeyWalk, readPattern, whenCommitted } from "./key_walk.ts";
import { replyKey } from "./values.ts";

/** Random entries that RANDOMKEY tries before it takes the next one that is there, in storage order. */
const RANDOM_TRIES = 100;
/** Of an array's item beside its bytes, at most. */
const ARRAY_ITEM_BYTES = 16;

/** KEYS pattern */
export function keys(context: CommandContext): void | Promise<void> {
  const { request, reply, nowMs } = context;
  const glob = readPattern(context, 1);
  if (glob === null) return;
  const isAny = argumentIs(request, 1, "*");
  const matcher = new KeyMatcher(isAny ? null : glob, nowMs);
  const walk = new KeyWalk(context.stores, matcher, { bytesMax: REPLY_BYTES_MAX });
  for (const store of context.stores) store.positions.lookAtAll();
  const walked = inSteps(context.clock, () => walk.advance());
  if (walked !== undefined) return replyFoundLater(context, walked, walk.found);
  if (beginFound(reply, walk.found)) { while (!walk.found.sayPortion(reply)); }
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

/** Begins to reply with what was found; false when that is too much: the error is said then. */
function beginFound(reply: Reply, found: FoundKeys): boolean {
  if (found.byteCount > REPLY_BYTES_MAX) {
    reply.error(REPLY_TOO_LONG);
    return false;
  }
  reply.arrayStart(found.count);
  return true;
}

/** As {@linkcode keys} replies, once the walk is over. */
async function replyFoundLater(
  context: CommandContext,
  walked: Promise<void>,
  found: FoundKeys,
): Promise<void> {
  const { reply, clock } = context;
  await walked;
  if (!await whenCommitted(context, reply)) return;
  if (found.byteCount <= REPLY_BYTES_MAX) {
    await reply.whenRoom(found.byteCount + found.count * ARRAY_ITEM_BYTES);
  }
  if (!beginFound(reply, found)) return;
  await inSteps(clock, () => found.sayPortion(reply));
}
