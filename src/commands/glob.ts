/**
 * Patterns of `KEYS`, `SCAN … MATCH` and `CONFIG GET`, over bytes, with the meaning that Redis gives them:
 *
 *     *        any run of bytes, also none         [abc]  [a-z]   one of these bytes; a range either way round
 *     ?        any one byte                        [^abc]         one byte that is none of these
 *     \x       the byte x itself, also in a class; a class that is not closed ends with the pattern
 *
 * Only the last `*` is ever gone back to: what an earlier one could still take, the later one can take as well.
 * So a match costs at most (pattern × text) steps, whatever the pattern; naive backtracking is exponential.
 */

const STAR = 0x2a;
const QUESTION_MARK = 0x3f;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BACKSLASH = 0x5c;
const CARET = 0x5e;
const HYPHEN = 0x2d;

/** Whether `text[start, end)` as a whole matches `pattern`. */
export function matchesGlob(pattern: Uint8Array, text: Uint8Array, start = 0, end = text.length): boolean {
  let at = start;
  let patternAt = 0;
  let afterStar = -1; // Pattern offset behind the last star met, and where its run ended at the last try.
  let starEnd = 0;
  for (;;) {
    while (patternAt < pattern.length && pattern[patternAt] === STAR) {
      afterStar = ++patternAt;
      starEnd = at;
    }
    if (afterStar === pattern.length) return true;
    if (at === end) return patternAt === pattern.length;
    const after = patternAt < pattern.length ? matchOne(pattern, patternAt, text[at]!) : NO_MATCH;
    if (after !== NO_MATCH) {
      patternAt = after;
      at++;
    } else {
      if (afterStar < 0) return false;
      patternAt = afterStar;
      at = ++starEnd;
    }
  }
}

const NO_MATCH = -1;

/** Matches `byte` with the one element at `pattern[at]`, not a star; the offset behind it, or NO_MATCH. */
function matchOne(pattern: Uint8Array, at: number, byte: number): number {
  const element = pattern[at];
  if (element === QUESTION_MARK) return at + 1;
  if (element === BRACKET_OPEN) return matchClass(pattern, at + 1, byte);
  if (element === BACKSLASH && at + 1 < pattern.length) at++;
  return pattern[at] === byte ? at + 1 : NO_MATCH;
}

/** Matches `byte` with the class whose inside begins at `pattern[at]`. */
function matchClass(pattern: Uint8Array, at: number, byte: number): number {
  const isNegated = pattern[at] === CARET;
  if (isNegated) at++;
  let isMember = false;
  while (at < pattern.length && pattern[at] !== BRACKET_CLOSE) {
    if (pattern[at] === BACKSLASH && at + 1 < pattern.length) {
      if (pattern[at + 1] === byte) isMember = true;
      at += 2;
    } else if (pattern[at + 1] === HYPHEN && at + 2 < pattern.length) {
      const low = Math.min(pattern[at]!, pattern[at + 2]!);
      const high = Math.max(pattern[at]!, pattern[at + 2]!);
      if (byte >= low && byte <= high) isMember = true;
      at += 3;
    } else {
      if (pattern[at] === byte) isMember = true;
      at++;
    }
  }
  return isMember === isNegated ? NO_MATCH : Math.min(at + 1, pattern.length);
}
