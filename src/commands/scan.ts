/**
 * SCAN, in hash order (key_hash.ts), one shard after the other. A cursor names the shard and the place up to which its
 * keys were seen (scan_cursor.ts), so it stays true while the index grows, after a restart, and at another copy. A key
 * that is there all the while is seen once, since its place never changes.
 *
 * The index is walked bucket by bucket: a call ends behind the bucket with which it has looked at COUNT entries, or at
 * ten times as many buckets, as in Redis, or earlier where that would take long; and always at the end of a shard, since
 * the next one may be another node's.
 */
import type { Clock } from "../core/clock.ts";
import { HASH_PLACE_COUNT } from "../core/key_hash.ts";
import { MIB, REQUEST_STEP_MS } from "../core/limits.ts";
import { placeOfCursor, scanCursor, shardOfCursor } from "../core/scan_cursor.ts";
import { inSteps } from "../core/steps.ts";
import { argumentIs, parseInteger } from "../protocol/arguments.ts";
import { Glob } from "../protocol/glob.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Row, Store } from "../store/store.ts";
import { integerArgument } from "./arguments.ts";
import type { CommandContext, ShardStore } from "./context.ts";
import { INVALID_CURSOR, NOT_AN_INTEGER, SYNTAX } from "./error_texts.ts";
import { FoundKeys, isAlive, KeyMatcher, readPattern, whenCommitted } from "./key_walk.ts";

const COUNT_DEFAULT = 10;
/** Entries that one SCAN looks at, whatever its COUNT: some milliseconds' worth. */
const COUNT_MAX = 10_000;
const BUCKETS_PER_COUNT = 10;
const ANY_KEY = new Glob(new Uint8Array([0x2a]));
/** Buckets that are looked at between two looks at the clock. */
const PORTION = 64;
/** With more bytes of keys than this a SCAN returns. */
const BYTES_HIGH = MIB;

/** What a SCAN was asked for. */
interface ScanOptions {
  /** `null` lets every key through. */
  readonly glob: Glob | null;
  readonly count: number;
  /** Whether TYPE lets strings through, the only type there is. */
  readonly wantsStrings: boolean;
}

/** SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] */
export function scan(context: CommandContext): void | Promise<void> {
  const { request, reply, clock, shards } = context;
  const cursor = parseInteger(request.bytes, request.starts[1]!, request.ends[1]!);
  if (!(cursor >= 0)) return reply.error(INVALID_CURSOR);
  const options = readOptions(context);
  if (options === null) return;
  const number = cursor === 0 ? shards[0]?.id ?? 0 : shardOfCursor(cursor);
  const index = shards.findIndex(({ id }) => id === number);
  if (index < 0) {
    const why = context.whyNoShard(number);
    return why === "" ? replyFound(reply, 0, new FoundKeys()) : reply.error(why);
  }
  const walk = new ScanWalk(shards[index]!, cursor === 0 ? 0 : placeOfCursor(cursor), options, context.nowMs);
  const nextShard = shards[index + 1];
  const say = () => {
    const next = walk.isOver ? nextShard === undefined ? 0 : scanCursor(nextShard.id, 0) : walk.cursor;
    replyFound(reply, next, walk.found);
  };
  const walked = walkInSteps(clock, walk);
  if (walked === undefined) return say();
  return walked.then(() => whenCommitted(context, reply)).then((isCommitted) =>
    isCommitted ? say() : undefined
  );
}

/** Goes on in later turns only where the match of one key takes that long. */
function walkInSteps(clock: Clock, walk: ScanWalk): Promise<void> | undefined {
  const endMs = clock.monotonicMs() + REQUEST_STEP_MS;
  return inSteps(clock, () => walk.advance() || (!walk.isMatching && clock.monotonicMs() >= endMs));
}

function replyFound(reply: Reply, cursor: number, found: FoundKeys): void {
  reply.arrayStart(2);
  reply.bulkText(String(cursor));
  reply.arrayStart(found.count);
  while (!found.sayPortion(reply));
}

/** One call's way through a shard. */
class ScanWalk {
  readonly found = new FoundKeys();
  /** Whether the match of a key is not over: then nothing else may be done with the walk but to advance it. */
  isMatching = false;
  readonly #shard: number;
  readonly #store: Store;
  readonly #options: ScanOptions;
  readonly #nowMs: number;
  readonly #matcher: KeyMatcher;
  #looksLeft: number;
  #bucketsLeft: number;
  /** Behind the bucket that is looked at. */
  #place: number;
  /** That bucket's rows, and the next of them … */
  readonly #rows: Row[] = [];
  #next = 0;
  /** … or, once the match of a key has outlasted a turn of the event loop, copies of the keys that are left. */
  #keys: Uint8Array[] = [];

  constructor({ id, store }: ShardStore, place: number, options: ScanOptions, nowMs: number) {
    this.#shard = id;
    this.#store = store;
    this.#options = options;
    this.#nowMs = nowMs;
    this.#matcher = new KeyMatcher(options.glob, nowMs);
    this.#place = place;
    this.#looksLeft = Math.min(options.count, COUNT_MAX);
    this.#bucketsLeft = this.#looksLeft * BUCKETS_PER_COUNT;
    store.positions.lookAtAll();
  }

  /** Whether the shard is done with. */
  get isOver(): boolean {
    return this.#place === HASH_PLACE_COUNT;
  }

  /** To go on with, unless the walk is over. */
  get cursor(): number {
    return scanCursor(this.#shard, this.#place);
  }

  /** Looks at some buckets; true when those were the last of this call. */
  advance(): boolean {
    let isFinished = this.#finishBucket();
    for (let buckets = 0; isFinished && buckets < PORTION; buckets++) {
      if (this.#isDone) return true;
      this.#rows.length = this.#next = 0;
      this.#place = this.#store.collect(this.#place, this.#rows);
      this.#looksLeft -= this.#rows.length;
      this.#bucketsLeft--;
      if (!this.#options.wantsStrings) this.#rows.length = 0;
      isFinished = this.#finishBucket();
    }
    return false;
  }

  get #isDone(): boolean {
    return this.isOver || this.#looksLeft <= 0 || this.#bucketsLeft <= 0 || this.found.byteCount > BYTES_HIGH;
  }

  /** Looks at what is left of the bucket; false when the match of a key is to go on in another turn. */
  #finishBucket(): boolean {
    const matcher = this.#matcher;
    while (true) {
      let matches: boolean | null;
      if (this.isMatching) matches = matcher.goOn();
      else if (this.#next < this.#rows.length) matches = matcher.look(this.#store, this.#rows[this.#next++]!);
      else if (this.#keys.length > 0) matches = matcher.lookAt(this.#keys.pop()!);
      else return true;
      this.isMatching = matches === null;
      if (matches === null) {
        this.#keepKeys();
        return false;
      }
      if (matches) this.found.add(matcher);
    }
  }

  /** By the next turn rows may be gone, or others'. */
  #keepKeys(): void {
    for (const row of this.#rows.splice(this.#next)) {
      if (!isAlive(this.#store, row, this.#nowMs)) continue;
      const key = new Uint8Array(this.#store.keyLength(row));
      this.#store.copyKey(row, key, 0);
      this.#keys.push(key);
    }
  }
}

/** The options from argument 2 on; `null` when they are refused: the error is said then. */
function readOptions(context: CommandContext): ScanOptions | null {
  const { request, reply } = context;
  let patternArgument = 0;
  let count = COUNT_DEFAULT;
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
