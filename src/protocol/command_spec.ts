/**
 * What is known of a command before it runs. Node, balancer, `COMMAND` and `HELP` all derive from these specs, so
 * that a command is described once.
 */

/** How a balancer serves a command. */
export type Routing =
  /** The balancer answers it itself. */
  | "local"
  /** It goes to the node of its one key. */
  | "key"
  /** Several keys that must lie in one slot. */
  | "same-slot"
  /** Keys are split by node and the integers added. */
  | "split-sum"
  /** Keys are split by node and the values put back into the order of the keys. */
  | "split-array"
  /** Pairs are split by node; `OK` when every node says so. */
  | "split-ok"
  /** Every node is asked: integers are added … */
  | "all-sum"
  /** … or the arrays joined … */
  | "all-array"
  /** … or one status is given for all … */
  | "all-ok"
  /** … or the least integer is taken. */
  | "all-min"
  /** Node after node, the node kept in the cursor. */
  | "scan"
  /** A node drawn at random, another one when it is empty. */
  | "random-key"
  /** The balancer's own text. */
  | "info";

export type CommandGroup = "string" | "generic" | "connection" | "server" | "cluster";

/** Where the keys lie among the arguments: `first, first + step, … last`; a `last` of −1 is the last argument. */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export interface SubcommandSpec {
  /** In capitals. */
  readonly name: string;
  /** As in {@linkcode CommandSpec}, counted with the command's own name. */
  readonly arity: number;
  readonly usage: string;
  readonly summary: string;
}

export interface CommandSpec {
  /** In capitals. */
  readonly name: string;
  /** Count of arguments with the name itself; −n means n or more. */
  readonly arity: number;
  /** Whether it may change data. */
  readonly write: boolean;
  readonly keys: KeyPositions | null;
  readonly routing: Routing;
  readonly group: CommandGroup;
  /** `SET key value [NX | XX] …`. */
  readonly usage: string;
  readonly summary: string;
  /** The version of Redis that brought it; of Roundel, where Redis does not have it. */
  readonly since: string;
  /** Redis' own names for properties of commands, as `COMMAND` gives them. */
  readonly flags: readonly string[];
  readonly subcommands: readonly SubcommandSpec[] | null;
  /** Left out of `HELP` and `COMMAND`. */
  readonly isHidden: boolean;
}

/** One row of the table as it is written down; the rest of a spec follows from it. */
export interface CommandRow {
  /** Begins with the name. */
  readonly usage: string;
  readonly summary: string;
  readonly since: string;
  readonly arity: number;
  readonly flags: readonly string[];
  readonly keys?: KeyPositions;
  readonly routing: Routing;
  /** `usage` begins with the subcommand's name. */
  readonly subcommands?: readonly Omit<SubcommandSpec, "name">[];
  readonly isHidden?: boolean;
}

export const ONE_KEY: KeyPositions = { first: 1, last: 1, step: 1 };
export const TWO_KEYS: KeyPositions = { first: 1, last: 2, step: 1 };
export const ALL_KEYS: KeyPositions = { first: 1, last: -1, step: 1 };
export const KEYS_OF_PAIRS: KeyPositions = { first: 1, last: -1, step: 2 };

/** Specs of one group from its rows. */
export function specsOf(group: CommandGroup, rows: readonly CommandRow[]): readonly CommandSpec[] {
  return rows.map((row) => ({
    name: firstWord(row.usage),
    arity: row.arity,
    write: row.flags.includes("write"),
    keys: row.keys ?? null,
    routing: row.routing,
    group,
    usage: row.usage,
    summary: row.summary,
    since: row.since,
    flags: row.flags,
    subcommands: row.subcommands?.map((sub) => ({ name: firstWord(sub.usage), ...sub })) ?? null,
    isHidden: row.isHidden ?? false,
  }));
}

function firstWord(usage: string): string {
  return usage.split(" ", 1)[0]!;
}
