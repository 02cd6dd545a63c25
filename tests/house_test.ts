/**
 * The house stays as it is drawn (DESIGN.md, "The house"): imports go down only, each room touches what it may, the
 * runtime is reached for in one room, the store does not wait, no function takes more than a reader can hold, and no
 * file holds two ideas.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";

interface Room {
  readonly rank: number;
  /** Rooms below that it may import from. */
  readonly mayTouch: readonly string[];
}

const ROOMS: Readonly<Record<string, Room>> = {
  core: { rank: 0, mayTouch: [] },
  io: { rank: 1, mayTouch: ["core"] },
  protocol: { rank: 1, mayTouch: ["core"] },
  store: { rank: 1, mayTouch: ["core"] },
  serving: { rank: 2, mayTouch: ["core", "io", "protocol"] },
  persistence: { rank: 2, mayTouch: ["core", "io"] },
  topology: { rank: 2, mayTouch: ["core", "io"] },
  config: { rank: 2, mayTouch: ["core", "io"] },
  commands: { rank: 3, mayTouch: ["core", "protocol", "store", "serving", "topology"] },
  link: { rank: 3, mayTouch: ["core", "io", "protocol", "serving"] },
  cluster: { rank: 3, mayTouch: ["core", "io", "config"] },
  controller: { rank: 4, mayTouch: ["core", "io", "protocol", "topology", "link"] },
  replication: { rank: 4, mayTouch: ["core", "io", "protocol", "link", "persistence", "store"] },
  node: {
    rank: 5,
    mayTouch: [
      ...["core", "io", "protocol", "store", "serving", "persistence", "topology", "config"],
      ...["commands", "link", "replication"],
    ],
  },
  balancer: {
    rank: 5,
    mayTouch: ["core", "io", "protocol", "store", "serving", "topology", "config", "link", "controller"],
  },
};

const ENTRY_POINTS = ["node.ts", "balancer.ts", "balancer_worker.ts", "cluster.ts"];
const LINE_COUNT_MAX = 400;
const PARAMETER_COUNT_MAX = 5;
const SOURCE = new URL("../src/", import.meta.url);

/** What is wrong with the file at `path` (relative to `src`), a sentence each. */
function violationsOf(path: string, source: string): string[] {
  const violations: string[] = [];
  const code = withoutComments(source);
  const room = roomOf(path);
  const isEntryPoint = ENTRY_POINTS.includes(path);

  if (!isEntryPoint && ROOMS[room] === undefined) violations.push(`${path}: is in no known room`);
  if (!/^([a-z0-9_]+\/)*[a-z0-9_]+(\.d)?\.ts$/.test(path)) {
    violations.push(`${path}: is not named in snake_case`);
  }
  const lineCount = source.trimEnd().split("\n").length;
  if (lineCount > LINE_COUNT_MAX) violations.push(`${path}: has ${lineCount} lines, two ideas in one file`);
  if (!isEntryPoint && room !== "io" && /\bDeno\s*[.[]/.test(code)) {
    violations.push(`${path}: reaches for Deno, which only src/io may`);
  }
  violations.push(...longParameterListsOf(code).map((list) => `${path}: ${list}`));
  if (room === "store" && /\b(async|await)\b/.test(code)) violations.push(`${path}: the store does not wait`);

  for (const target of importsOf(code)) {
    const other = new URL(target, new URL(path, SOURCE));
    if (!other.href.startsWith(SOURCE.href)) {
      violations.push(`${path}: imports ${target}, which is outside src`);
      continue;
    }
    const otherPath = other.href.slice(SOURCE.href.length);
    const otherRoom = roomOf(otherPath);
    if (ENTRY_POINTS.includes(otherPath)) violations.push(`${path}: imports the entry point ${otherPath}`);
    else if (!isEntryPoint && otherRoom !== room && !ROOMS[room]?.mayTouch.includes(otherRoom)) {
      violations.push(`${path}: imports ${otherPath}, but ${room} may not touch ${otherRoom}`);
    }
  }
  return violations;
}

/** The folder below `src`; empty for a file in `src` itself. */
function roomOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}

/** Paths of all imports and re-exports of our own files, types included. */
function importsOf(code: string): string[] {
  const targets = code.matchAll(/\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g);
  return [...targets].map((match) => match[1]!).filter((target) => target.startsWith("."));
}

/** Blanks out comments; strings stay, since what looks like a comment in them is none. */
function withoutComments(source: string): string {
  const tokens = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return source.replace(tokens, (token) => token.startsWith("/") ? " " : token);
}

/** Functions, methods, function types and arrows that take too many parameters, a sentence each. */
function longParameterListsOf(code: string): string[] {
  const long: string[] = [];
  const plain = code.replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g, '""');
  for (const { index: open } of plain.matchAll(/\(/g)) {
    const close = closingOf(plain, open);
    const items = itemsOf(plain.slice(open + 1, close));
    // The arguments of a call look the same but for the types; only an arrow may leave these out.
    const isDeclared = /^\s*=>/.test(plain.slice(close + 1)) || items.every((item) => DECLARED.test(item));
    if (items.length <= PARAMETER_COUNT_MAX || !isDeclared) continue;
    const name = /([\w$#]+)\s*(?:<[^()]*>\s*)?$/.exec(plain.slice(0, open))?.[1] ?? "a function";
    long.push(`${name} has ${items.length} parameters, give it an object`);
  }
  return long;
}

/** A parameter with its type or its default: `name: T`, `name?: T`, `...rest: T`, `{ a, b }: T`, `name = 1`. */
const DECLARED =
  /^(?:(?:public|private|protected|readonly|override)\s+)*(?:\.{3})?(?:[\w$]+\??|\{.*\}|\[.*\])\s*(?::|=(?!=))/s;

/** Where the bracket that opens at `open` is closed; the end of the code when it never is. */
function closingOf(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    if ("([{".includes(code[at]!)) depth++;
    else if (")]}".includes(code[at]!) && --depth === 0) return at;
  }
  return code.length;
}

/** What commas divide that stand in no bracket, those of type arguments included. */
function itemsOf(list: string): string[] {
  const items = [""];
  let depth = 0;
  for (const [token] of list.matchAll(/=>|[<>]=|[\s\S]/g)) {
    if ("([{<".includes(token)) depth++;
    else if (")]}>".includes(token)) depth--;
    if (token === "," && depth === 0) items.push("");
    else items[items.length - 1] += token;
  }
  return items.map((item) => item.trim()).filter((item) => item !== "");
}

function* sourceFiles(folder: URL): Iterable<URL> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.isDirectory) yield* sourceFiles(new URL(`${entry.name}/`, folder));
    else if (entry.name.endsWith(".ts")) yield new URL(entry.name, folder);
  }
}

Deno.test("Every file of the house keeps its rules", () => {
  const violations: string[] = [];
  let fileCount = 0;
  for (const file of sourceFiles(SOURCE)) {
    fileCount++;
    violations.push(...violationsOf(file.href.slice(SOURCE.href.length), Deno.readTextFileSync(file)));
  }
  assert(fileCount > 10, "the walk finds the house");
  assertEquals(violations, []);
});

/** The files of `src`, by their path below it, without comments. */
function readHouse(): Map<string, string> {
  const house = new Map<string, string>();
  for (const file of sourceFiles(SOURCE)) {
    house.set(file.href.slice(SOURCE.href.length), withoutComments(Deno.readTextFileSync(file)));
  }
  return house;
}

/** Circles of imports, types included, as `a.ts → b.ts → a.ts`; each from where the walk met it first. */
function circlesOf(house: ReadonlyMap<string, string>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (path: string) => {
    if (done.has(path)) return;
    const at = way.indexOf(path);
    if (at >= 0) {
      circles.push([...way.slice(at), path].join(" → "));
      return;
    }
    way.push(path);
    for (const target of importsOf(house.get(path) ?? "")) {
      const { href } = new URL(target, new URL(path, SOURCE));
      if (href.startsWith(SOURCE.href)) visit(href.slice(SOURCE.href.length));
    }
    way.pop();
    done.add(path);
  };
  for (const path of house.keys()) visit(path);
  return circles;
}

/** Exported names that occur in no other file of the house and nowhere else in their own: what only tests use. */
function unusedExportsOf(house: ReadonlyMap<string, string>): string[] {
  const counts = new Map<string, number>();
  for (const code of house.values()) {
    for (const [word] of code.matchAll(/[A-Za-z_$][\w$]*/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const unused: string[] = [];
  for (const [path, code] of house) {
    if (path.endsWith(".d.ts")) continue;
    const exported = code.matchAll(
      /\bexport\s+(?:async\s+)?(?:abstract\s+)?(?:function|class|const|let|interface|type)\s*\*?\s*([A-Za-z_$][\w$]*)/g,
    );
    for (const [, name] of exported) {
      if (counts.get(name!) === 1) unused.push(`${path}: exports ${name}, which nobody uses`);
    }
  }
  return unused;
}

/** What a file of `tests` or `bench` does that it may not; `path` is relative to the repository. */
function guestViolationsOf(path: string, source: string): string[] {
  const violations: string[] = [];
  const code = withoutComments(source);
  for (const target of importsOf(code)) {
    const { pathname } = new URL(target, `file:///${path}`);
    const mayImport = /^\/(src|bench|tests\/support)\//;
    if (path.startsWith("bench/") && !mayImport.test(pathname)) {
      violations.push(`${path}: imports ${target}; what bench and tests share is in tests/support`);
    }
  }
  if (/\bfc\s*\.\s*(assert|check)\s*\(/.test(code) && path !== "tests/support/property.ts") {
    violations.push(`${path}: calls fast-check itself; assertProperty prints and takes the seed`);
  }
  return violations;
}

Deno.test("Benchmarks share with tests what is in tests/support, and every property takes the seed of the run", () => {
  const root = new URL("../", import.meta.url);
  const violations: string[] = [];
  for (const folder of ["bench/", "tests/"]) {
    for (const file of sourceFiles(new URL(folder, root))) {
      const path = file.href.slice(root.href.length);
      violations.push(...guestViolationsOf(path, Deno.readTextFileSync(file)));
    }
  }
  assertEquals(violations, []);
});

Deno.test("A planted import of a test by a benchmark, and a planted property of its own, are found", () => {
  const planted: [string, string, string][] = [
    ["bench/a.ts", 'import { b } from "../tests/node/b.ts";', "is in tests/support"],
    ["bench/versus/a.ts", 'import { b } from "../../tests/b.ts";', "is in tests/support"],
    ["tests/node/a_test.ts", "await fc." + "assert(fc.property(x, y));", "assertProperty"],
  ];
  for (const [path, source, expected] of planted) {
    assertStringIncludes(guestViolationsOf(path, source).join(), expected, source);
  }
  const allowed = 'import { b } from "../../tests/support/b.ts"; import { c } from "../../src/core/c.ts";';
  assertEquals(guestViolationsOf("bench/versus/a.ts", allowed), []);
  assertEquals(guestViolationsOf("tests/node/a_test.ts", 'import { b } from "../b.ts";'), []);
});

Deno.test("No file of the house imports itself by way of others", () => {
  assertEquals(circlesOf(readHouse()), []);
});

Deno.test("Whatever a file of the house exports is used in the house", () => {
  assertEquals(unusedExportsOf(readHouse()), []);
});

Deno.test("A planted circle and a planted unused export are found", () => {
  const house = new Map([
    ["node/a.ts", 'import { b } from "./b.ts";\nexport const a = b;'],
    ["node/b.ts", 'import type { c } from "./deep/c.ts";\nexport const b = 1; export function spare() {}'],
    ["node/deep/c.ts", 'import { a } from "../a.ts";\nexport const c = a;'],
  ]);
  assertEquals(circlesOf(house), ["node/a.ts → node/b.ts → node/deep/c.ts → node/a.ts"]);
  assertEquals(unusedExportsOf(house), ["node/b.ts: exports spare, which nobody uses"]);
});

Deno.test("The drawing of the house lets every room look down only", () => {
  for (const [name, room] of Object.entries(ROOMS)) {
    for (const other of room.mayTouch) {
      assert(ROOMS[other]!.rank < room.rank, `${name} is above ${other}`);
    }
  }
});

Deno.test("A planted violation is found", () => {
  const planted: [string, string, string][] = [
    ["core/a.ts", 'import { b } from "../io/b.ts";', "core may not touch io"],
    ["store/a.ts", 'import type { B } from "../protocol/b.ts";', "store may not touch protocol"],
    ["io/a.ts", 'export * from "../store/b.ts";', "io may not touch store"],
    ["balancer/a.ts", 'import {\n  b,\n} from "../commands/b.ts";', "balancer may not touch commands"],
    ["balancer/a.ts", 'import { b } from "../persistence/b.ts";', "balancer may not touch persistence"],
    ["balancer/a.ts", 'import { b } from "../node/b.ts";', "balancer may not touch node"],
    ["node/a.ts", 'const b = await import("../balancer/b.ts");', "node may not touch balancer"],
    ["node/deep/a.ts", 'import { b } from "../../balancer/b.ts";', "node may not touch balancer"],
    ["persistence/a.ts", 'import { b } from "../store/b.ts";', "persistence may not touch store"],
    ["node/a.ts", 'import "../node.ts";', "imports the entry point node.ts"],
    ["node/a.ts", 'import { b } from "../../tests/b.ts";', "outside src"],
    ["node/a.ts", "const now = Deno.memoryUsage();", "reaches for Deno"],
    ["node/a.ts", 'const url = "http://x"; Deno["exit"](1);', "reaches for Deno"],
    ["store/a.ts", "export async function a() {}", "the store does not wait"],
    [
      "core/a.ts",
      "function* f<A, B>(a: A, b: B, c = 1, d?: X, { e }: Y, ...g: Z[]) {}",
      "f has 6 parameters",
    ],
    [
      "core/a.ts",
      "class A { async #f(\n  a: A,\n  b: B,\n  c: C,\n  d: D,\n  e: E,\n  g: G,\n) {} }",
      "#f has 6",
    ],
    [
      "core/a.ts",
      "class A { constructor(readonly a: A, b: B, c: C, d: D, e: E, g: G) {} }",
      "constructor has 6",
    ],
    ["core/a.ts", "interface A { f(a: A, b: B, c: C, d: D, e: E, g: G): void }", "f has 6 parameters"],
    ["core/a.ts", "each((a, b, c, d, e, g) => a);", "a function has 6 parameters"],
    ["attic/a.ts", "", "is in no known room"],
    ["other.ts", "", "is in no known room"],
    ["node/camelCase.ts", "", "is not named in snake_case"],
    ["node/a.ts", "\n".repeat(LINE_COUNT_MAX) + "x;\n", "has 401 lines"],
  ];
  for (const [path, source, expected] of planted) {
    const violations = violationsOf(path, source);
    assertEquals(violations.length, 1, `${path}: ${source}: ${violations}`);
    assertStringIncludes(violations[0]!, expected);
  }
});

Deno.test("What the rules allow is not taken for a violation", () => {
  const allowed: [string, string][] = [
    ["store/a.ts", 'import { b } from "./b.ts";\nimport { c } from "../core/c.ts";'],
    ["store/a.ts", "/** Not async, and Deno.open is not called. */ // async Deno.exit\n"],
    ["core/a.ts", "function f(a: Map<A, B>, b: (x: X, y: Y) => Z, { c, d }: C, e = [1, 2], g?: G,) {}"],
    ["core/a.ts", "const x = y ? f(a, b, c, d, e, g) : h; if (f(a, b ? c : d, e, g, h, i, { j: k })) {}"],
    ["core/a.ts", 'function f(a: "(, , , , , ,") {} // (a: A, b: B, c: C, d: D, e: E, g: G)'],
    ["core/a.ts", 'import { crc32 } from "node:zlib";\nimport { x } from "@std/assert";'],
    ["io/a.ts", "Deno.exit(0);"],
    ["balancer.ts", 'import { b } from "./balancer/b.ts";\nDeno.exit(0);'],
    ["node/a.ts", '// import { b } from "../balancer/b.ts";\n' + "x;\n".repeat(LINE_COUNT_MAX - 1)],
    ["balancer/a.ts", 'const url = "http://host"; const star = "/*"; const end = "*/";'],
  ];
  for (const [path, source] of allowed) assertEquals(violationsOf(path, source), []);
});
