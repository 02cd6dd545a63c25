/**
 * Patterns of `KEYS`, `SCAN … MATCH` and `CONFIG GET`, over bytes, with the meaning that Redis gives them:
 *
 *     *        any run of bytes, also none         [abc]  [a-z]   one of these bytes; a range either way round
 *     ?        any one byte                        [^abc]         one byte that is none of these
 *     \x       the byte x itself, also in a class; a class that is not closed ends with the pattern
 *
 * A pattern is read once, into elements; a class becomes 256 bits then, however long it is written. Only the last `*`
 * is ever gone back to: what an earlier one could still take, the later one can take as well. So a match costs at most
 * (elements × text) steps, whatever the pattern; naive backtracking is exponential. A match can be done a number of
 * steps at a time, since that bound is still seconds for the longest pattern and the longest key.
 */
import { PATTERN_BYTES_MAX } from "../core/limits.ts";

const STAR = 0x2a;
const QUESTION_MARK = 0x3f;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BACKSLASH = 0x5c;
const CARET = 0x5e;
const HYPHEN = 0x2d;
/** Elements: a byte stands for itself … */
const ANY_BYTE = 256;
const ANY_RUN = 257;
/** … and from here on for the class of that number. */
const FIRST_CLASS = 258;
/** Words of 32 bits of a class. */
const CLASS_WORDS = 8;

/** Says why a pattern is refused. */
export const PATTERN_TOO_LONG = `ERR pattern is longer than any key can need (${PATTERN_BYTES_MAX} bytes)`;

export class Glob {
  readonly #elements: number[] = [];
  readonly #classes: number[] = [];
  /** Bytes that a text needs at least; with no `*`, exactly. */
  #lengthMin = 0;
  #hasStar = false;
  #text: Uint8Array = new Uint8Array(0);
  #end = 0;
  #at = 0;
  #elementAt = 0;
  /** The element behind the last star met, and where its run ended at the last try. */
  #afterStar = -1;
  #starEnd = 0;
  #result: boolean | null = false;
  #stepCount = 0;

  /** Reads `pattern[start, end)`, of which nothing is kept. */
  constructor(pattern: Uint8Array, start = 0, end = pattern.length) {
    for (let at = start; at < end;) at = this.#read(pattern, at, end);
  }

  /** Whether `text[start, end)` as a whole matches. */
  matches(text: Uint8Array, start = 0, end = text.length): boolean {
    this.begin(text, start, end);
    return this.run(Infinity) === true;
  }

  /** Begins to match `text[start, end)`, which may not change until {@linkcode Glob.run} has said the result. */
  begin(text: Uint8Array, start: number, end: number): void {
    this.#text = text;
    this.#end = end;
    this.#at = start;
    this.#elementAt = 0;
    this.#afterStar = -1;
    const length = end - start;
    const isPossible = this.#hasStar ? length >= this.#lengthMin : length === this.#lengthMin;
    this.#result = isPossible ? null : false;
  }

  /** Steps taken so far, for all texts. */
  get stepCount(): number {
    return this.#stepCount;
  }

  /** Takes up to `stepsMax` steps; whether the text matches, or `null` when that is not known yet. */
  run(stepsMax: number): boolean | null {
    if (this.#result !== null) return this.#result;
    const text = this.#text;
    const end = this.#end;
    const elements = this.#elements;
    const count = elements.length;
    let at = this.#at;
    let elementAt = this.#elementAt;
    let result: boolean | null = null;
    let steps = 0;
    for (; steps < stepsMax; steps++) {
      if (elementAt < count && elements[elementAt] === ANY_RUN) {
        this.#afterStar = ++elementAt;
        this.#starEnd = at;
        if (elementAt === count) {
          result = true;
          break;
        }
      } else if (at < end && elementAt < count && this.#takes(elements[elementAt]!, text[at]!)) {
        elementAt++;
        at++;
      } else if (at === end) {
        // A run that ends later leaves even less text for what is behind it.
        result = elementAt === count;
        break;
      } else if (this.#afterStar < 0) {
        result = false;
        break;
      } else {
        elementAt = this.#afterStar;
        at = ++this.#starEnd;
      }
    }
    this.#at = at;
    this.#elementAt = elementAt;
    this.#result = result;
    this.#stepCount += steps;
    return result;
  }

  #takes(element: number, byte: number): boolean {
    if (element < ANY_BYTE) return element === byte;
    if (element === ANY_BYTE) return true;
    const word = this.#classes[(element - FIRST_CLASS) * CLASS_WORDS + (byte >>> 5)]!;
    return (word >>> (byte & 31) & 1) === 1;
  }

  /** Reads the element that begins at `pattern[at]`; the offset behind it. */
  #read(pattern: Uint8Array, at: number, end: number): number {
    const byte = pattern[at]!;
    if (byte === STAR) {
      if (this.#elements.at(-1) !== ANY_RUN) this.#elements.push(ANY_RUN);
      this.#hasStar = true;
      return at + 1;
    }
    this.#lengthMin++;
    if (byte === BRACKET_OPEN) return this.#readClass(pattern, at + 1, end);
    if (byte === BACKSLASH && at + 1 < end) at++;
    this.#elements.push(byte === QUESTION_MARK ? ANY_BYTE : pattern[at]!);
    return at + 1;
  }

  /** Reads the class whose inside begins at `pattern[at]`. */
  #readClass(pattern: Uint8Array, at: number, end: number): number {
    const bits = new Uint32Array(CLASS_WORDS);
    const isNegated = pattern[at] === CARET && at < end;
    if (isNegated) at++;
    while (at < end && pattern[at] !== BRACKET_CLOSE) {
      if (pattern[at] === BACKSLASH && at + 1 < end) {
        addRange(bits, pattern[at + 1]!, pattern[at + 1]!);
        at += 2;
      } else if (at + 2 < end && pattern[at + 1] === HYPHEN) {
        addRange(bits, Math.min(pattern[at]!, pattern[at + 2]!), Math.max(pattern[at]!, pattern[at + 2]!));
        at += 3;
      } else {
        addRange(bits, pattern[at]!, pattern[at]!);
        at++;
      }
    }
    this.#elements.push(FIRST_CLASS + this.#classes.length / CLASS_WORDS);
    for (const word of bits) this.#classes.push(isNegated ? ~word : word);
    return Math.min(at + 1, end);
  }
}

function addRange(bits: Uint32Array, low: number, high: number): void {
  for (let byte = low; byte <= high; byte++) bits[byte >>> 5]! |= 1 << (byte & 31);
}
