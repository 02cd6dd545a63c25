/**
 * Splits a text line into words, by the rules of Redis' inline commands (`sdssplitargs`):
 *
 *     line   := blank* (word (blank+ word)*)? blank*
 *     word   := (plain | quoted)+          nothing but a blank or the end may follow a closing quote
 *     quoted := '"' (escape | byte)* '"' | "'" ("\'" | byte)* "'"
 *     escape := "\x" hex hex | "\n" | "\r" | "\t" | "\b" | "\a" | "\" byte
 *     blank  := space, \t, \n, \v, \f or \r
 *
 * Words of a line without quotes stay where they are; a line with quotes is copied, unescaped, to the splitter's
 * own bytes.
 */
import { grownOffsets, isTooLarge, newOffsets } from "./offsets.ts";

const BLANK = 0x20;
const TAB = 0x09;
const CR = 0x0d;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;
const NO_DIGIT = -1;
/** Room for unescaped words that is kept from line to line. */
const UNQUOTED_BYTES_KEEP = 1024;
const UNBALANCED = -1;

/** The words of the line that was split last: word `i` is `bytes[starts[i], ends[i])`. */
export class TextLine {
  bytes: Uint8Array = new Uint8Array(0);
  starts: Int32Array = newOffsets();
  ends: Int32Array = newOffsets();
  wordCount = 0;
  #unquoted = new Uint8Array(0);
  /** Bytes of `#unquoted` that are taken. */
  #length = 0;

  /** Whether it holds more memory than an idle connection should. */
  get isLarge(): boolean {
    return isTooLarge(this.starts) || this.#unquoted.length > UNQUOTED_BYTES_KEEP;
  }

  /** Splits the line `bytes[start, end)`, which comes without its LF. False when its quotes do not match. */
  split(bytes: Uint8Array, start: number, end: number): boolean {
    this.wordCount = 0;
    this.bytes = bytes;
    let at = start;
    while (true) {
      while (at < end && isBlank(bytes[at]!)) at++;
      if (at === end) return true;
      const wordAt = at;
      while (at < end && !isBlank(bytes[at]!)) {
        if (isQuote(bytes[at]!)) return this.#splitQuoted(bytes, start, end);
        at++;
      }
      this.#add(wordAt, at);
    }
  }

  /** As {@linkcode TextLine.split} for any line. */
  #splitQuoted(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#unquoted.length < end - start) {
      this.#unquoted = new Uint8Array(Math.max(end - start, UNQUOTED_BYTES_KEEP));
    }
    this.wordCount = 0;
    this.bytes = this.#unquoted;
    this.#length = 0;
    let at = start;
    while (true) {
      while (at < end && isBlank(bytes[at]!)) at++;
      if (at === end) return true;
      const wordAt = this.#length;
      while (at < end && !isBlank(bytes[at]!)) {
        const byte = bytes[at++]!;
        if (!isQuote(byte)) {
          this.#put(byte);
          continue;
        }
        at = byte === DOUBLE_QUOTE ? this.#unescape(bytes, at, end) : this.#unquote(bytes, at, end);
        if (at === UNBALANCED || (at < end && !isBlank(bytes[at]!))) return false;
      }
      this.#add(wordAt, this.#length);
    }
  }

  /** Takes what is inside double quotes, from behind the first; returns the offset behind the second. */
  #unescape(bytes: Uint8Array, at: number, end: number): number {
    while (at < end) {
      const byte = bytes[at++]!;
      if (byte === DOUBLE_QUOTE) return at;
      if (byte !== BACKSLASH || at === end) {
        this.#put(byte);
        continue;
      }
      const escaped = bytes[at++]!;
      const hex = escaped === LETTER_X && at + 1 < end ? hexByte(bytes[at]!, bytes[at + 1]!) : NO_DIGIT;
      if (hex === NO_DIGIT) this.#put(meaningOf(escaped));
      else {
        this.#put(hex);
        at += 2;
      }
    }
    return UNBALANCED;
  }

  /** As `#unescape`, for single quotes. */
  #unquote(bytes: Uint8Array, at: number, end: number): number {
    while (at < end) {
      const byte = bytes[at++]!;
      if (byte === SINGLE_QUOTE) return at;
      if (byte === BACKSLASH && at < end && bytes[at] === SINGLE_QUOTE) this.#put(bytes[at++]!);
      else this.#put(byte);
    }
    return UNBALANCED;
  }

  /** A line never becomes longer by taking its quotes away: there is room. */
  #put(byte: number): void {
    this.#unquoted[this.#length++] = byte;
  }

  #add(start: number, end: number): void {
    if (this.wordCount === this.starts.length) {
      this.starts = grownOffsets(this.starts);
      this.ends = grownOffsets(this.ends);
    }
    this.starts[this.wordCount] = start;
    this.ends[this.wordCount++] = end;
  }
}

function isBlank(byte: number): boolean {
  return byte === BLANK || (byte >= TAB && byte <= CR);
}

function isQuote(byte: number): boolean {
  return byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE;
}

/** What a letter behind a backslash stands for; any other byte stands for itself. */
function meaningOf(byte: number): number {
  switch (byte) {
    case 0x6e: // n
      return 0x0a;
    case 0x72: // r
      return 0x0d;
    case 0x74: // t
      return 0x09;
    case 0x62: // b
      return 0x08;
    case 0x61: // a
      return 0x07;
    default:
      return byte;
  }
}

/** The byte written as two hexadecimal digits; −1 when they are none. */
function hexByte(high: number, low: number): number {
  const highDigit = hexDigit(high);
  const lowDigit = hexDigit(low);
  return highDigit === NO_DIGIT || lowDigit === NO_DIGIT ? NO_DIGIT : highDigit * 16 + lowDigit;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : NO_DIGIT;
}
