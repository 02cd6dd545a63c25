/**
 * The keys of a node as a whole: KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHALL.
 *
 * A cursor of SCAN is row + store × 2³¹: the entry that was looked at last and the store that it is in; 0 is both
 * the beginning and the end. Entries never move, so a scan sees each key that is there all the while, and sees it
 * once. DBSIZE counts entries whose time is over until they are removed, as Redis does; nothing else shows them.
 */
import { randomBelow } from "../core/random.ts";
import { argumentIs, parseInteger } from "../protocol/arguments.ts";
import type { Row, Store } from "../store/store.ts";
import type { CommandContext } from "./context.ts";
import { INVALID_CURSOR, NOT_AN_INTEGER, SYNTAX } from "./error_texts.ts";
import { matchesGlob } from "./glob.ts";
import { integerArgument } from "./arguments.ts";
import { scratch } from "./scratch.ts";
import { replyKey } from "./values.ts";

const CURSOR_STORE_UNIT = 2 ** 31;
const SCAN_COUNT_DEFAULT = 10;
/** Entries that one SCAN looks at, whatever its COUNT: some milliseconds' worth. */
const SCAN_COUNT_MAX = 10_000;
/** Random entries that RANDOMKEY tries before it takes the next one that is there, in storage order. */
const RANDOM_TRIES = 100;
const ANY_KEY = new Uint8Array([0x2a]);

/** What a SCAN was asked for. */
interface ScanOptions {
  readonly pattern: Uint8Array;
  readonly count: number;
  /** Whether TYPE lets strings through, the only type there is. */
  readonly wantsStrings: boolean;
}

/** Keys found in one store, by their rows. */
interface Found {
  readonly store: Store;
  readonly rows: Row[];
}

/** KEYS pattern */
export function keys(context: CommandContext): void {
  const { request } = context;
  const pattern = request.bytes.subarray(request.starts[1]!, request.ends[1]!);
  const found: Found[] = [];
  for (const store of context.stores) {
    store.revealAll();
    const rows: Row[] = [];
    for (let row = store.rowAfter(0); row !== 0; row = store.rowAfter(row)) {
      if (isShown(context, store, row, pattern)) rows.push(row);
    }
    found.push({ store, rows });
  }
  scratch.release();
  replyFound(context, found);
}

/** SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] */
export function scan(context: CommandContext): void {
  const { request, reply } = context;
  const cursor = parseInteger(request.bytes, request.starts[1]!, request.ends[1]!);
  if (!(cursor >= 0)) return reply.error(INVALID_CURSOR);
  const options = readScanOptions(context);
  if (options === null) return;
  const found: Found[] = [];
  const nextCursor = scanFrom(context, cursor, options, found);
  scratch.release();
  reply.arrayStart(2);
  reply.bulkText(String(nextCursor));
  replyFound(context, found);
}

/** Looks at the next entries behind `cursor`, collecting those to show; the cursor to go on with. */
function scanFrom(context: CommandContext, cursor: number, options: ScanOptions, found: Found[]): number {
  const { stores } = context;
  let row = cursor % CURSOR_STORE_UNIT;
  let looksLeft = Math.min(options.count, SCAN_COUNT_MAX);
  for (let index = Math.floor(cursor / CURSOR_STORE_UNIT); index < stores.length; index++) {
    const store = stores[index]!;
    store.revealAll();
    const rows: Row[] = [];
    found.push({ store, rows });
    for (;;) {
      if (looksLeft-- === 0) return row + index * CURSOR_STORE_UNIT;
      row = store.rowAfter(row);
      if (row === 0) break;
      if (options.wantsStrings && isShown(context, store, row, options.pattern)) rows.push(row);
    }
  }
  return 0;
}

/** The options from argument 2 on; `null` when they are refused: the error is said then. */
function readScanOptions(context: CommandContext): ScanOptions | null {
  const { request, reply } = context;
  let pattern: Uint8Array = ANY_KEY;
  let count = SCAN_COUNT_DEFAULT;
  let wantsStrings = true;
  for (let at = 2; at < request.argumentCount; at += 2) {
    const hasValue = at + 1 < request.argumentCount;
    if (hasValue && argumentIs(request, at, "COUNT")) {
      count = integerArgument(request, at + 1);
    } else if (hasValue && argumentIs(request, at, "MATCH")) {
      pattern = request.bytes.subarray(request.starts[at + 1]!, request.ends[at + 1]!);
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
  return { pattern, count, wantsStrings };
}

/** RANDOMKEY */
export function randomkey(context: CommandContext): void {
  const { stores, random } = context;
  let entryCount = 0;
  for (const store of stores) {
    store.revealAll();
    entryCount += store.entryCount;
  }
  for (let i = 0; i < RANDOM_TRIES && entryCount > 0; i++) {
    let left = randomBelow(random, entryCount);
    const store = stores.find((candidate) => (left -= candidate.entryCount) < 0)!;
    const row = store.randomRow(random);
    if (isAlive(context, store, row)) return replyKey(context.reply, store, row);
  }
  for (const store of stores) {
    for (let row = store.rowAfter(0); row !== 0; row = store.rowAfter(row)) {
      if (isAlive(context, store, row)) return replyKey(context.reply, store, row);
    }
  }
  context.reply.nil();
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

function isAlive(context: CommandContext, store: Store, row: Row): boolean {
  const expiresAtMs = store.expiresAt(row);
  return expiresAtMs === 0 || expiresAtMs > context.nowMs;
}

function isShown(context: CommandContext, store: Store, row: Row, pattern: Uint8Array): boolean {
  if (!isAlive(context, store, row)) return false;
  const length = store.keyLength(row);
  const key = scratch.take(length);
  store.copyKey(row, key, 0);
  return matchesGlob(pattern, key, 0, length);
}

function replyFound(context: CommandContext, found: readonly Found[]): void {
  context.reply.arrayStart(found.reduce((count, { rows }) => count + rows.length, 0));
  for (const { store, rows } of found) {
    for (const row of rows) replyKey(context.reply, store, row);
  }
}
