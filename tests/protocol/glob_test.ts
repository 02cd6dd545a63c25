import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Glob } from "../../src/protocol/glob.ts";
import { bytesOfLatin1 } from "../support/latin1.ts";
import { assertProperty } from "../support/property.ts";

function matches(pattern: string, text: string): boolean {
  return new Glob(bytesOfLatin1(pattern)).matches(bytesOfLatin1(text));
}

/** By the definition: every way to divide the text is tried. */
function matchesSlowly(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") {
    return matchesSlowly(pattern.slice(1), text) || (text !== "" && matchesSlowly(pattern, text.slice(1)));
  }
  if (text === "") return false;
  if (pattern[0] === "?") return matchesSlowly(pattern.slice(1), text.slice(1));
  if (pattern[0] === "\\" && pattern.length > 1) {
    return pattern[1] === text[0] && matchesSlowly(pattern.slice(2), text.slice(1));
  }
  const group = /^\[(\^?)(.*?)\]/.exec(pattern);
  if (group !== null) {
    const isMember = group[2]!.includes(text[0]!);
    return isMember !== (group[1] === "^") && matchesSlowly(pattern.slice(group[0].length), text.slice(1));
  }
  return pattern[0] === text[0] && matchesSlowly(pattern.slice(1), text.slice(1));
}

Deno.test("A glob matches as Redis' does", () => {
  const cases: [pattern: string, text: string, expected: boolean][] = [
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["*", "anything", true],
    ["**", "", true],
    ["a*", "a", true],
    ["a*b", "ab", true],
    ["a*b", "aXbX", false],
    ["a*b*c", "aXbXbc", true],
    ["*a", "ba", true],
    ["*a?", "aab", true],
    ["?", "", false],
    ["?", "x", true],
    ["??", "x", false],
    ["h[ae]llo", "hello", true],
    ["h[ae]llo", "hillo", false],
    ["h[^e]llo", "hallo", true],
    ["h[^e]llo", "hello", false],
    ["h[a-b]llo", "hbllo", true],
    ["h[b-a]llo", "hallo", true],
    ["h[a-b]llo", "hcllo", false],
    ["[a-]", "-", false],
    ["[a-]", "]", true],
    ["[]", "a", false],
    ["[^]", "a", true],
    ["[", "a", false],
    ["[^", "a", true],
    ["[abc", "b", true],
    ["[abc", "bd", false],
    ["[\\]]", "]", true],
    ["[\\-x]", "-", true],
    ["[a", "", false],
    ["\\*", "*", true],
    ["\\*", "x", false],
    ["\\", "\\", true],
    ["a\\", "a", false],
    ["\\a", "a", true],
    ["A", "a", false],
    ["\xff[\x00-\x10]*", "\xff\x08\x00", true],
  ];
  for (const [pattern, text, expected] of cases) {
    assertEquals(matches(pattern, text), expected, `${pattern} with ${text}`);
  }
});

Deno.test("A glob matches what its definition says", () => {
  const pattern = fc.array(fc.constantFrom("a", "b", "*", "?", "[ab]", "[^a]", "\\*", "\\b"), {
    maxLength: 8,
  });
  const text = fc.array(fc.constantFrom("a", "b", "c", "*"), { maxLength: 8 });
  assertProperty(
    fc.property(pattern, text, (patternParts, textParts) => {
      const [p, t] = [patternParts.join(""), textParts.join("")];
      assertEquals(matches(p, t), matchesSlowly(p, t));
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("A glob matches any part of a larger array", () => {
  assertEquals(new Glob(bytesOfLatin1("ab*dx"), 1, 4).matches(bytesOfLatin1("abcde"), 1, 4), true);
  assertEquals(new Glob(bytesOfLatin1("b*d")).matches(bytesOfLatin1("abcde"), 1, 5), false);
});

Deno.test("A glob of many stars ends soon on a text that it almost matches", () => {
  // Tried in every way this would be more than 10^40 steps; it is fewer than 200 × 2,000.
  assertEquals(matches("*a".repeat(100) + "b", "a".repeat(2_000)), false);
  assertEquals(matches("*a".repeat(100), "a".repeat(2_000)), true);
});

Deno.test("A glob reads a class once, however long it is written", () => {
  const glob = new Glob(bytesOfLatin1(`*[${"z".repeat(40_000)}]`));
  assertEquals(glob.matches(bytesOfLatin1("a".repeat(60_000))), false);
  assert(glob.stepCount < 200_000, `${glob.stepCount} steps`);
  assertEquals(glob.matches(bytesOfLatin1("az")), true);
});

Deno.test("A glob matches a number of steps at a time, with the same result", () => {
  const glob = new Glob(bytesOfLatin1(`*${"a".repeat(300)}b`));
  const text = bytesOfLatin1("a".repeat(900) + "b");
  for (const end of [900, 901]) {
    glob.begin(text, 0, end);
    let calls = 1;
    let result = glob.run(1_000);
    for (; result === null; calls++) result = glob.run(1_000);
    assertEquals(result, end === 901);
    assert(calls > 10, `${calls} calls`);
  }
});
