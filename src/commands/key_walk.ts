/**
 * The entries of a node one after the other, in portions of some microseconds, so that a walk over millions of them can
 * be done in steps. What is found is copied at once: by the next step the entry may be gone, and its row another's.
 *
 * A walk sees each entry that is there all the while, and sees it once: entries never move.
 */
import { KEY_BYTES_MAX, KIB, PATTERN_BYTES_MAX } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { spareMemory } from "../core/spare_memory.ts";
import { Glob, PATTERN_TOO_LONG } from "../protocol/glob.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Row, Store } from "../store/store.ts";
import type { CommandContext } from "./context.ts";
import { NOT_COMMITTED } from "./error_texts.ts";

/** Entries looked at, or keys said, between two looks at the clock … */
const PORTION = 64;
/** … and steps of the match of one key. */
const MATCH_STEPS_PER_PORTION = 10_000;
/** Keys lie in pieces of this size, behind their length each, so that nothing is copied to grow. */
const PIECE_BYTES = 256 * KIB;
const LENGTH_BYTES = 4;
/** In the place of one whose keys are all said. */
const NO_PIECE = new OutputBuffer();
/** Beside a key and the digits of its length in a reply: its kind and two line breaks. */
const ITEM_BYTES = 5;

/** Whether the time of `row` is not over at `nowMs`. */
export function isAlive(store: Store, row: Row, nowMs: number): boolean {
  const expiresAtMs = store.expiresAt(row);
  return expiresAtMs === 0 || expiresAtMs > nowMs;
}

/** Digits of the length of a key. */
function digitCountOf(length: number): number {
  return length < 10 ? 1 : length < 100 ? 2 : length < 1_000 ? 3 : length < 10_000 ? 4 : 5;
}

/** Finds out whether the key of an entry matches, in portions where that takes long. */
export class KeyMatcher {
  /** The key that was looked at last, in its first {@linkcode KeyMatcher.length} bytes. */
  key = new Uint8Array(KIB);
  length = 0;
  readonly #glob: Glob | null;
  readonly #nowMs: number;

  /** Every key matches `null`. */
  constructor(glob: Glob | null, nowMs: number) {
    this.#glob = glob;
    this.#nowMs = nowMs;
  }

  /** Looks at `row`. Whether its key matches; `null` when {@linkcode KeyMatcher.goOn} is to find out. */
  look(store: Store, row: Row): boolean | null {
    if (!isAlive(store, row, this.#nowMs)) return false;
    this.length = store.keyLength(row);
    if (this.length > this.key.length) this.key = new Uint8Array(KEY_BYTES_MAX);
    store.copyKey(row, this.key, 0);
    this.#glob?.begin(this.key, 0, this.length);
    return this.goOn();
  }

  /** As {@linkcode KeyMatcher.look}, for the key of an entry that may be gone by now. */
  lookAt(key: Uint8Array): boolean | null {
    this.length = key.length;
    if (this.length > this.key.length) this.key = new Uint8Array(KEY_BYTES_MAX);
    this.key.set(key);
    this.#glob?.begin(this.key, 0, this.length);
    return this.goOn();
  }

  goOn(): boolean | null {
    return this.#glob === null ? true : this.#glob.run(MATCH_STEPS_PER_PORTION);
  }
}

/** Keys that were found. */
export class FoundKeys {
  count = 0;
  /** Of a reply with all of them. */
  byteCount = 0;
  readonly #pieces: OutputBuffer[] = [];
  #saidPiece = 0;
  #saidAt = 0;

  add({ key, length }: KeyMatcher): void {
    let piece = this.#pieces.at(-1);
    if (piece === undefined || piece.length + LENGTH_BYTES + length > PIECE_BYTES) {
      this.#pieces.push(piece = new OutputBuffer(piece === undefined ? KIB : PIECE_BYTES));
    }
    piece.u32(length);
    piece.copy(key, 0, length);
    this.count++;
    this.byteCount += length + ITEM_BYTES + digitCountOf(length);
  }

  /** Says some of the keys that were not said yet; true when that were the last. */
  sayPortion(reply: Reply): boolean {
    for (let said = 0; said < PORTION; said++) {
      const piece = this.#pieces[this.#saidPiece];
      if (piece === undefined) return true;
      const at = this.#saidAt;
      const { bytes } = piece;
      const length = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16;
      const start = at + LENGTH_BYTES;
      reply.bulk(bytes, start, start + length);
      this.#saidAt = start + length;
      if (this.#saidAt < piece.length) continue;
      spareMemory.give(bytes);
      this.#pieces[this.#saidPiece++] = NO_PIECE;
      this.#saidAt = 0;
    }
    return this.#saidPiece === this.#pieces.length;
  }
}

/** A walk over all entries of `stores`. */
export class KeyWalk {
  readonly found = new FoundKeys();
  readonly #stores: readonly Store[];
  readonly #matcher: KeyMatcher;
  readonly #countMax: number;
  #bytesMax: number;
  #storeIndex = 0;
  #row: Row = 0;
  #isMatching = false;

  /** It ends when `countMax` keys are found, or so many that a reply has more than `bytesMax`. */
  constructor(
    stores: readonly Store[],
    matcher: KeyMatcher,
    { countMax = Infinity, bytesMax = Infinity } = {},
  ) {
    this.#stores = [...stores];
    this.#matcher = matcher;
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  /** Whether it has ended because too much was found. */
  get isFull(): boolean {
    return this.found.byteCount > this.#bytesMax;
  }

  /** Goes on, until a reply has more than `bytesMax`. */
  allow(bytesMax: number): void {
    this.#bytesMax = bytesMax;
  }

  /** Looks at some entries; true when that were the last. */
  advance(): boolean {
    for (let looked = 0; looked < PORTION; looked++) {
      const matches = this.#isMatching ? this.#matcher.goOn() : this.#next();
      if (matches === undefined) return true;
      this.#isMatching = matches === null;
      if (matches === null) return false;
      if (!matches) continue;
      this.found.add(this.#matcher);
      if (this.found.count >= this.#countMax || this.isFull) return true;
    }
    return false;
  }

  /** Looks at the next entry; `undefined` behind the last. */
  #next(): boolean | null | undefined {
    while (this.#storeIndex < this.#stores.length) {
      const store = this.#stores[this.#storeIndex]!;
      this.#row = store.rowAfter(this.#row);
      if (this.#row !== 0) return this.#matcher.look(store, this.#row);
      this.#storeIndex++;
    }
    return undefined;
  }
}

/** The pattern in argument `argument`; `null` when it is refused: the error is said then. */
export function readPattern({ request, reply }: CommandContext, argument: number): Glob | null {
  const start = request.starts[argument]!;
  const end = request.ends[argument]!;
  if (end - start <= PATTERN_BYTES_MAX) return new Glob(request.bytes, start, end);
  reply.error(PATTERN_TOO_LONG);
  return null;
}

/**
 * What a walk has seen after its first step may not be committed when its reply is: whether it is now. Where it never
 * will be, the error is said.
 */
export async function whenCommitted(
  { server }: Pick<CommandContext, "server">,
  reply: Reply,
): Promise<boolean> {
  if (await server.whenCommitted()) return true;
  reply.error(NOT_COMMITTED);
  return false;
}
