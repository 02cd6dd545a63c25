import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Bar, plotOf } from "../../bench/versus/plot.ts";

const BARS: Bar[] = [
  { group: "node ÷ redis", label: "SET, 1 deep", ratio: { median: 0.9, min: 0.8, max: 1.1 }, goal: 1 },
  { group: "node ÷ redis", label: "GET, 64 deep", ratio: { median: 1.4, min: 1.3, max: 1.5 }, goal: 1.2 },
  { group: "cluster ÷ twemproxy & 2", label: "a < b", ratio: { median: 30, min: 0.01, max: 90 } },
];

/** Names of elements left open or closed out of order; empty when all is well. */
function misnested(svg: string): string[] {
  const open: string[] = [];
  for (const [, slash, name, attributes, selfClosed] of svg.matchAll(/<(\/?)([a-z]+)([^<>]*?)(\/?)>/g)) {
    if (slash === "/") {
      if (open.pop() !== name) return [name!];
    } else if (selfClosed === "") open.push(name!);
    const rest = attributes!.replace(/\s[a-zA-Z0-9-]+="[^"]*"/g, "").trim();
    if (rest !== "") return [rest];
  }
  return open;
}

function sizeOf(svg: string): { width: number; height: number } {
  const [, width, height] = svg.match(/viewBox="0 0 (\d+) (\d+)"/)!;
  return { width: Number(width), height: Number(height) };
}

Deno.test("A plot is well-formed, and whatever its labels hold is escaped", () => {
  const svg = plotOf(BARS);
  assertEquals(misnested(svg), []);
  assertStringIncludes(svg, "twemproxy &amp; 2");
  assertStringIncludes(svg, "a &lt; b");
  assert(!/NaN|Infinity|undefined/.test(svg));
});

Deno.test("The check of well-formedness finds what is not", () => {
  assertEquals(misnested("<svg><g></svg>"), ["svg"]);
  assertEquals(misnested("<svg><g>"), ["svg", "g"]);
  assertEquals(misnested('<svg a="1" b></svg>'), ["b"]);
});

Deno.test("A plot has a bar of each cell, a diamond of each goal, and nothing beyond its borders", () => {
  const svg = plotOf(BARS);
  assertEquals(svg.match(/<rect x=/g)?.length, BARS.length);
  assertEquals(svg.match(/<polygon/g)?.length, 2);
  const { width, height } = sizeOf(svg);
  for (const [, name, value] of svg.matchAll(/ (x|x1|x2|y|y1|y2)="([\d.-]+)"/g)) {
    const bound = name!.startsWith("x") ? width : height;
    assert(Number(value) >= 0 && Number(value) <= bound, `${name}="${value}"`);
  }
});

Deno.test("A plot grows with its bars", () => {
  assert(sizeOf(plotOf(BARS)).height > sizeOf(plotOf(BARS.slice(0, 1))).height);
});

Deno.test("A plot of nothing is a plot still", () => {
  assertEquals(misnested(plotOf([])), []);
});
