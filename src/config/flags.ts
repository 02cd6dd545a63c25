/**
 * Reads a program's flags from its table: the command line first, then the environment, then the default. Bad
 * input is a `UsageError` whose text names the flag, the value and what it takes.
 */
import { parseArgs } from "@std/cli/parse-args";
import { InformationRequest, UsageError } from "../core/errors.ts";
import { VERSION } from "../core/version.ts";
import type { Environment } from "../io/command_line.ts";
import type { Kind } from "./flag_kinds.ts";

/** One flag. `fallback` is written as a user would write it; `null` makes the flag required, `""` an empty list. */
export interface Flag<T> {
  /** Without the dashes, e.g. `max-memory`. */
  readonly name: string;
  readonly kind: Kind<T>;
  readonly fallback: string | null;
  readonly help: string;
  readonly repeatable: boolean;
}

export type FlagTable = Readonly<Record<string, Flag<unknown>>>;

/** What reading a table yields: each flag's value under the flag's key. */
export type FlagValues<F extends FlagTable> = {
  readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never;
};

export interface Program<F extends FlagTable> {
  /** As in `deno task <name>`. */
  readonly name: string;
  readonly summary: string;
  readonly flags: F;
}

export function flag<T>(name: string, kind: Kind<T>, fallback: string | null, help: string): Flag<T> {
  return { name, kind, fallback, help, repeatable: false };
}

export function repeatable<T>(name: string, kind: Kind<T>, fallback: "" | null, help: string): Flag<T> {
  return { name, kind, fallback, help, repeatable: true };
}

/** The environment's name of a flag: `max-memory` is `ROUNDEL_MAX_MEMORY`. */
export function variableOf(name: string): string {
  return `ROUNDEL_${name.replaceAll("-", "_").toUpperCase()}`;
}

/** Values of every flag of `program`. Throws `UsageError`, or `InformationRequest` for `--help` and `--version`. */
export function readFlags<F extends FlagTable>(
  program: Program<F>,
  args: readonly string[],
  environment: Environment,
): FlagValues<F> {
  // `deno task node -- --port 1` hands the two dashes on.
  const given = args[0] === "--" ? args.slice(1) : args;
  if (given.includes("--help") || given.includes("-h")) throw new InformationRequest(helpText(program));
  if (given.includes("--version")) throw new InformationRequest(`roundel ${VERSION}`);
  const flags = Object.entries(program.flags);
  const texts = commandLineTexts(flags.map(([, flag]) => flag), given);
  const values = flags.map(([key, flag]) => [key, valueOf(flag, texts.get(flag.name), environment)]);
  return Object.fromEntries(values) as FlagValues<F>;
}

/** The texts given on the command line, by the name of their flag. */
function commandLineTexts(flags: readonly Flag<unknown>[], args: readonly string[]): Map<string, string[]> {
  const names = flags.map((flag) => flag.name);
  const isSwitch = (flag: Flag<unknown>) => flag.kind.placeholder === "";
  // A switch is a word of its own unless a value is tied to it, as in --standalone=false.
  const bare = flags.filter((flag) => isSwitch(flag) && args.includes(`--${flag.name}`)).map(({ name }) =>
    name
  );
  const valued = names.filter((name) => !bare.includes(name));
  const parsed = parseArgs(tied(args, valued), {
    boolean: bare,
    string: valued,
    collect: names,
    unknown: (arg) => refuseUnknown(arg, names),
  });
  if (parsed._.length > 0) throw new UsageError(`Unexpected argument: "${parsed._[0]}"`);
  const texts = new Map<string, string[]>();
  for (const flag of flags) {
    const given = parsed[flag.name];
    if (Array.isArray(given) && given.length > 0) texts.set(flag.name, given.map(String));
  }
  return texts;
}

/**
 * The value that follows a flag tied to it: `--port -1` as `--port=-1`. Of itself the parser takes `-1` for a flag and an
 * empty text for none, and what it says then is not about the flag that is wrong.
 */
function tied(args: readonly string[], valued: readonly string[]): string[] {
  const result: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const value = args[i + 1];
    const takesNext = value !== undefined && !value.startsWith("--") && valued.includes(args[i]!.slice(2)) &&
      args[i]!.startsWith("--");
    result.push(takesNext ? `${args[i]}=${args[++i]}` : args[i]!);
  }
  return result;
}

function valueOf<T>(flag: Flag<T>, texts: string[] | undefined, environment: Environment): T {
  if (texts !== undefined) {
    const text = flag.repeatable ? texts.join(",") : texts.at(-1)!;
    if (texts.includes("")) {
      throw new UsageError(`Missing value for --${flag.name}: takes ${flag.kind.takes}`);
    }
    return read(flag, `--${flag.name}`, text);
  }
  const variable = variableOf(flag.name);
  const set = environment.get(variable);
  if (set !== undefined && set !== "") return read(flag, `--${flag.name} (from ${variable})`, set);
  if (flag.fallback === null) throw new UsageError(`Missing --${flag.name}: takes ${flag.kind.takes}`);
  if (flag.repeatable) return [] as T;
  return read(flag, `--${flag.name}`, flag.fallback);
}

function read<T>(flag: Flag<T>, source: string, text: string): T {
  const value = flag.kind.read(text);
  if (value === undefined) {
    throw new UsageError(`Bad value for ${source}: "${text}": takes ${flag.kind.takes}`);
  }
  return value;
}

function refuseUnknown(arg: string, names: readonly string[]): never {
  if (!arg.startsWith("-")) throw new UsageError(`Unexpected argument: "${arg}"`);
  const given = arg.split("=", 1)[0]!;
  const nearest = nearestName(given.replace(/^-+/, ""), names);
  const hint = nearest === null ? "--help lists the flags" : `did you mean --${nearest}?`;
  throw new UsageError(`Unknown flag ${given}: ${hint}`);
}

const TYPING_ERRORS_MAX = 2;

function nearestName(given: string, names: readonly string[]): string | null {
  let nearest: string | null = null;
  let least = TYPING_ERRORS_MAX + 1;
  for (const name of names) {
    const distance = editDistance(given, name);
    if (distance < least && distance < name.length) [nearest, least] = [name, distance];
  }
  return nearest;
}

/** Levenshtein's distance: the fewest letters to insert, remove or replace. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = above[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, above[column]! + 1, current[column - 1]! + 1));
    }
    above = current;
  }
  return above[b.length]!;
}

/** What `--help` prints. */
export function helpText<F extends FlagTable>(program: Program<F>): string {
  const rows = Object.values(program.flags).map((flag): [string, string] => {
    const note = flag.fallback === null ? "required" : flag.fallback === "false" ? "" : flag.fallback;
    const often = flag.repeatable ? "; may be given several times" : "";
    return [`--${flag.name} ${flag.kind.placeholder}`.trim(), flag.help + often + (note && ` [${note}]`)];
  });
  rows.push(["--help", "print this"], ["--version", "print the version"]);
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    `roundel ${program.name}: ${program.summary}`,
    "",
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`),
    "",
    "Each flag can be set by an environment variable, too: --log-level by ROUNDEL_LOG_LEVEL.",
    "The command line wins.",
  ].join("\n");
}
