/** The command line of `deno task bench:versus`. */
import { parseArgs } from "@std/cli/parse-args";
import type { Cell, Preset } from "./cells.ts";
import type { Fsync } from "./peers.ts";

const PARTS = [
  "node",
  "cluster",
  "hop",
  "runtime",
  "loops",
  "mixed",
  "scale",
  "dump",
  "memory",
  "recovery",
] as const;
export type Part = typeof PARTS[number];

export interface VersusOptions {
  readonly preset: Preset;
  /** Whether the short form was asked for by name. */
  readonly isQuick: boolean;
  /** A revision of this repository to measure this tree against, instead of the others. */
  readonly against: string | undefined;
  readonly parts: readonly Part[];
  readonly rounds: number;
  readonly secondsPerRound: number;
  /** File for the report, beside the terminal. */
  readonly out: string | undefined;
  /** File for the plot. */
  readonly svg: string | undefined;
  /** Whether `cell` is asked for. */
  wants(cell: Cell): boolean;
}

export const HELP = `roundel bench:versus: against redis, twemproxy and memcached, with equal durability

  --quick            SET and GET, 1, 16 and 64 deep, node and cluster: below 3 minutes [the default]
  --targets          the cells that have goals, many keys, dumps, memory and recovery: an hour
  --full             the whole matrix: hours, and some 20 GB for logs
  --against REV      this tree against that revision, as git names it: SET and GET, 1, 16 and 64 deep and with
                     1,000 connections, everysec and always, node and cluster: some 4 minutes; 1 minute with
                     --quick. Exit code 1 when a cell is slower: the ratio of the medians below 0.98, and that
                     of every round, too
  --only PART        node, cluster, hop (what the balancer adds), runtime, loops (bare loops under many
                     clients), mixed (50 clients that read beside 8 that write), scale (4 M keys over
                     100,000), dump (latencies while one is written), memory or recovery; may be given
                     several times
  --fsync MODE       no, everysec or always; may be given several times
  --command NAME     SET, GET, INCR or PING; may be given several times
  --depth NUMBER     requests in flight on a connection; may be given several times
  --connections NUMBER
                     1, 50, 1000, 5000 or 10000; may be given several times
  --rounds NUMBER    rounds of each cell [3; 5 with --against and --quick]
  --seconds NUMBER   how long a round of a cell takes, roughly [1.2; 0.5 with --against and --quick]
  --out FILE         write the report there, too (Markdown)
  --svg FILE         plot the ratios there
  --help             print this

Data goes to the folder for temporary files (TMPDIR): it should be on the disk that you mean.`;

const PRESET_PARTS: Readonly<Record<Preset, readonly Part[]>> = {
  quick: ["node", "cluster"],
  targets: PARTS,
  full: PARTS,
};
const FSYNCS: readonly Fsync[] = ["no", "everysec", "always"];
const COMMANDS = ["SET", "GET", "INCR", "PING"] as const;
const DEPTHS = ["1", "16", "64"] as const;
const CONNECTIONS = ["1", "50", "1000", "5000", "10000"] as const;
const ROUNDS_MAX = 100;
const SECONDS_MAX = 60;

/** `undefined` when help is asked for. Throws `RangeError` for what cannot be done. */
export function readOptions(given: readonly string[]): VersusOptions | undefined {
  const args = parseArgs(given.filter((arg) => arg !== "--"), {
    boolean: ["quick", "targets", "full", "help"],
    string: [
      "only",
      "fsync",
      "command",
      "depth",
      "connections",
      "rounds",
      "seconds",
      "out",
      "svg",
      "against",
    ],
    collect: ["only", "fsync", "command", "depth", "connections"],
    unknown: (arg) => {
      throw new RangeError(`Unknown argument: "${arg}"; --help lists those that are known`);
    },
  });
  if (args.help) return undefined;
  const preset: Preset = args.full ? "full" : args.targets ? "targets" : "quick";
  const textOf = (name: string) => args[name] === undefined ? undefined : String(args[name]);
  const textsOf = (name: string) => Array.isArray(args[name]) ? args[name].map(String) : [];
  const only = chosen("only", textsOf("only"), PARTS);
  const fsyncs = chosen("fsync", textsOf("fsync"), FSYNCS);
  const commands = chosen("command", textsOf("command").map((name) => name.toUpperCase()), COMMANDS);
  const depths = chosen("depth", textsOf("depth"), DEPTHS);
  const connections = chosen("connections", textsOf("connections"), CONNECTIONS);
  const isAsked = <T>(values: readonly T[], value: T) => values.length === 0 || values.includes(value);
  const isBrief = args.against !== undefined && args.quick === true;
  return {
    preset,
    isQuick: args.quick === true,
    against: textOf("against"),
    parts: only.length > 0 ? only : PRESET_PARTS[preset],
    rounds: numberWithin("rounds", textOf("rounds") ?? (isBrief ? "5" : "3"), ROUNDS_MAX),
    secondsPerRound: numberWithin("seconds", textOf("seconds") ?? (isBrief ? "0.5" : "1.2"), SECONDS_MAX),
    out: textOf("out"),
    svg: textOf("svg"),
    wants: (cell) =>
      isAsked(fsyncs, cell.fsync) && isAsked<string>(commands, cell.command) &&
      isAsked<string>(depths, `${cell.depth}`) && isAsked<string>(connections, `${cell.connections}`),
  };
}

/** Which of `known` are among `given`; none for none. */
function chosen<T extends string>(name: string, given: readonly string[], known: readonly T[]): T[] {
  return given.map((value) => {
    const found = known.find((one) => one === value);
    if (found === undefined) {
      throw new RangeError(`Bad value for --${name}: "${value}": takes ${known.join(", ")}`);
    }
    return found;
  });
}

function numberWithin(name: string, text: string, max: number): number {
  const number = Number(text);
  if (number > 0 && number <= max && (name !== "rounds" || Number.isInteger(number))) return number;
  throw new RangeError(`Bad value for --${name}: "${text}": takes a number above 0, of at most ${max}`);
}
