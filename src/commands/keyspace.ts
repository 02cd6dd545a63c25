/**
 * The keys of a node as a whole: KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHALL. What takes longer than a step goes on in later
 * turns of the event loop; the client's next request waits for it.
 *
 * A cursor of SCAN is row + store × 2³¹: the entry that was looked at last and the store that it is in; 0 is both
 * the beginning and the end. Entries never move, so a scan sees each key that is there all the while, and sees it
 * once. DBSIZE counts entries whose time is over until they are removed, as Redis does; nothing else shows them.
 */
import { MIB, PATTERN_BYTES_MAX, REPLY_BYTES_MAX, REQUEST_STEP_MS } from "../core/limits.ts";
import { randomBelow } from "../core/random.ts";
import { inSteps } from "../core/steps.ts";
import { argumentIs, parseInteger } from "../protocol/arguments.ts";
import { Glob, PATTERN_TOO_LONG } from "../protocol/glob.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Row, Store } from "../store/store.ts";
import type { CommandContext } from "./context.ts";
import { INVALID_CURSOR, NOT_AN_INTEGER, NOT_COMMITTED, REPLY_TOO_LONG, SYNTAX } from "./error_texts.ts";
import { integerArgument } from "./arguments.ts";
import { FoundKeys, isAlive, KeyMatcher, KeyWalk } from "./key_walk.ts";
import { replyKey } from "./values.ts";

const CURSOR_STORE_UNIT = 2 ** 31;
const SCAN_COUNT_DEFAULT = 10;
/** Entries that one SCAN looks at, whatever its COUNT: some milliseconds' worth. */
const SCAN_COUNT_MAX = 10_000;
/** Random entries that RANDOMKEY tries before it takes the next one that is there, in storage order. */
const RANDOM_TRIES = 100;
const ANY_KEY = new Glob(new Uint8Array([0x2a]));
/** Entries that SCAN looks at between two looks at the clock. */
const SCAN_PORTION = 64;
/** With more bytes of keys than this a SCAN returns. */
const SCAN_BYTES_HIGH = MIB;
/** Of an array's item beside its bytes, at most. */
const ARRAY_ITEM_BYTES = 16;

/** What a SCAN was asked for. */
interface ScanOptions {
  /** `null` lets every key through. */
  readonly glob: Glob | null;
  readonly count: number;
  /** Whether TYPE lets strings through, the only type there is. */
  readonly wantsStrings: boolean;
}

/** KEYS pattern */
export function keys(context: CommandContext): void | Promise<void> {
  const { request, reply, nowMs } = context;
  const glob = readPattern(context, 1);
  if (glob === null) return;
  const isAny = argumentIs(request, 1, "*");
  const matcher = new KeyMatcher(isAny ? null : glob, nowMs);
  const walk = new KeyWalk(context.stores, matcher, { bytesMax: REPLY_BYTES_MAX });
  for (const store of context.stores) store.revealAll();
  const walked = inSteps(context.clock, () => walk.advance());
  if (walked !== undefined) return replyFoundLater(context, walked, walk.found);
  if (beginFound(reply, walk.found)) { while (!walk.found.sayPortion(reply)); }
}

/** SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]. It returns before its COUNT where that would take long. */
export function scan(context: CommandContext): void | Promise<void> {
  const { request, reply, clock } = context;
  const cursor = parseInteger(request.bytes, request.starts[1]!, request.ends[1]!);
  if (!(cursor >= 0)) return reply.error(INVALID_CURSOR);
  const options = readScanOptions(context);
  if (options === null) return;
  const scan = new Scan(context, cursor, options);
  const endMs = clock.monotonicMs() + REQUEST_STEP_MS;
  const scanned = inSteps(clock, () => scan.advance() || (!scan.isMatching && clock.monotonicMs() >= endMs));
  const say = () => {
    reply.arrayStart(2);
    reply.bulkText(String(scan.cursor));
    reply.arrayStart(scan.found.count);
    while (!scan.found.sayPortion(reply));
  };
  if (scanned === undefined) return say();
  return scanned.then(() => whenCommitted(context, reply)).then((isCommitted) =>
    isCommitted ? say() : undefined
  );
}

/** One step of a scan: the entries behind its cursor. */
class Scan {
  readonly found = new FoundKeys();
  readonly #stores: readonly Store[];
  readonly #options: ScanOptions;
  readonly #matcher: KeyMatcher;
  #storeIndex: number;
  #row: Row;
  #looksLeft: number;
  #isOver = false;
  isMatching = false;

  constructor({ stores, nowMs }: CommandContext, cursor: number, options: ScanOptions) {
    this.#stores = [...stores];
    this.#options = options;
    this.#matcher = new KeyMatcher(options.glob, nowMs);
    this.#storeIndex = Math.floor(cursor / CURSOR_STORE_UNIT);
    this.#row = cursor % CURSOR_STORE_UNIT;
    this.#looksLeft = Math.min(options.count, SCAN_COUNT_MAX);
    stores[this.#storeIndex]?.revealAll();
  }

  /** To go on with; 0 at the end. */
  get cursor(): number {
    return this.#isOver ? 0 : this.#row + this.#storeIndex * CURSOR_STORE_UNIT;
  }

  /** Looks at some entries; true when that were the last of this step. */
  advance(): boolean {
    for (let looked = 0; looked < SCAN_PORTION; looked++) {
      const matches = this.isMatching ? this.#matcher.goOn() : this.#next();
      if (matches === undefined) return true;
      this.isMatching = matches === null;
      if (matches === null) return false;
      if (!matches) continue;
      this.found.add(this.#matcher);
      if (this.found.byteCount > SCAN_BYTES_HIGH) return true;
    }
    return false;
  }

  /** Looks at the next entry; `undefined` when the step is over. */
  #next(): boolean | null | undefined {
    while (this.#storeIndex < this.#stores.length) {
      if (this.#looksLeft-- === 0) return undefined;
      const store = this.#stores[this.#storeIndex]!;
      this.#row = store.rowAfter(this.#row);
      if (this.#row !== 0) return this.#options.wantsStrings ? this.#matcher.look(store, this.#row) : false;
      this.#stores[++this.#storeIndex]?.revealAll();
    }
    this.#isOver = true;
    return undefined;
  }
}

/** The options from argument 2 on; `null` when they are refused: the error is said then. */
function readScanOptions(context: CommandContext): ScanOptions | null {
  const { request, reply } = context;
  let patternArgument = 0;
  let count = SCAN_COUNT_DEFAULT;
  let wantsStrings = true;
  for (let at = 2; at < request.argumentCount; at += 2) {
    const hasValue = at + 1 < request.argumentCount;
    if (hasValue && argumentIs(request, at, "COUNT")) {
      count = integerArgument(request, at + 1);
    } else if (hasValue && argumentIs(request, at, "MATCH")) {
      patternArgument = at + 1;
    } else if (hasValue && argumentIs(request, at, "TYPE")) {
      wantsStrings = argumentIs(request, at + 1, "STRING");
    } else {
      count = 0;
    }
    if (Number.isNaN(count)) {
      reply.error(NOT_AN_INTEGER);
      return null;
    }
    if (count < 1) {
      reply.error(SYNTAX);
      return null;
    }
  }
  const glob = patternArgument === 0 ? ANY_KEY : readPattern(context, patternArgument);
  if (glob === null) return null;
  return { glob: glob === ANY_KEY ? null : glob, count, wantsStrings };
}

/** RANDOMKEY */
export function randomkey(context: CommandContext): void | Promise<void> {
  const { stores, random, reply, nowMs } = context;
  let entryCount = 0;
  for (const store of stores) {
    store.revealAll();
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
    store.revealAll();
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

/** The pattern in argument `argument`; `null` when it is refused: the error is said then. */
function readPattern({ request, reply }: CommandContext, argument: number): Glob | null {
  const start = request.starts[argument]!;
  const end = request.ends[argument]!;
  if (end - start <= PATTERN_BYTES_MAX) return new Glob(request.bytes, start, end);
  reply.error(PATTERN_TOO_LONG);
  return null;
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
  if (!await whenCommitted(context, reply) || !beginFound(reply, found)) return;
  reply.reserve(found.byteCount + found.count * ARRAY_ITEM_BYTES);
  await inSteps(clock, () => found.sayPortion(reply));
}

/**
 * What a walk has seen after its first step may not be committed when its reply is: whether it is now. Where it never
 * will be, the error is said.
 */
async function whenCommitted({ server }: CommandContext, reply: Reply): Promise<boolean> {
  if (await server.whenCommitted()) return true;
  reply.error(NOT_COMMITTED);
  return false;
}
