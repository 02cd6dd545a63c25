/** What is measured: the cells of the matrix, the presets that choose among them, and the goals that some have. */
import type { Fsync } from "./peers.ts";

/**
 * `node`: node ÷ redis. `cluster`: balancer and two nodes ÷ twemproxy and two redis. `hop`: balancer and two nodes ÷ one
 * node. `runtime`: node ÷ bare loop.
 */
export type Subject = "node" | "cluster" | "hop" | "runtime";
export type Command = "SET" | "GET" | "INCR" | "PING";
export type Preset = "quick" | "targets" | "full";

export interface Cell {
  readonly subject: Subject;
  readonly command: Command;
  /** Requests in flight on each connection. */
  readonly depth: number;
  readonly connections: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly distribution: "uniform" | "zipfian";
  readonly fsync: Fsync;
}

export interface Goal {
  /** Requests per second of Roundel, over the peer's: at least this. */
  readonly ratioMin?: number;
  /** p99 of Roundel, over the peer's: at most this. */
  readonly p99RatioMax?: number;
  /** The longest that anybody waits for Roundel. */
  readonly longestMsMax?: number;
  /** What a request takes longer than at the peer, with one connection. */
  readonly addedMsMax?: number;
}

const DEPTHS = [1, 16, 64];
const KEYS = 100_000;
const KEYS_MANY = 4_000_000;
/** So that the values of all keys are a few hundred megabytes at most. */
const VALUE_BYTES_OF_ALL_KEYS_MAX = 256 * 1024 * 1024;
/** So that clients and servers are not measured by what they can buffer. */
const IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024;

const BASE: Cell = {
  subject: "node",
  command: "GET",
  depth: 1,
  connections: 50,
  valueBytes: 64,
  keys: KEYS,
  distribution: "uniform",
  fsync: "everysec",
};

const QUICK = cross([BASE], {
  subject: ["node", "cluster"],
  command: ["SET", "GET"],
  depth: DEPTHS,
});

/** One client that waits for each answer: what a request takes, and nothing else. */
const ALONE = [
  ...cross([BASE], {
    subject: ["node", "cluster"],
    connections: [1],
    fsync: ["everysec", "always"],
    command: ["SET", "GET"],
  }),
  ...cross([BASE], { subject: ["hop"], connections: [1], fsync: ["always"], command: ["SET"] }),
];

/** Many clients that are all busy: whether they are served alike. */
const CROWDS = cross([BASE], { subject: ["node", "cluster"], connections: [1_000, 5_000, 10_000] });

const TARGETS = [
  ...cross([BASE], { fsync: ["everysec", "always"], command: ["SET", "GET"], depth: DEPTHS }),
  ...cross([BASE], { fsync: ["everysec", "always"], valueBytes: [1024], command: ["SET", "GET"] }),
  ...cross([BASE], { fsync: ["always"], connections: [1_000] }),
  ...cross([BASE], { subject: ["cluster"], command: ["SET", "GET"], depth: DEPTHS }),
  ...cross([BASE], { subject: ["cluster"], command: ["SET"], fsync: ["always"] }),
  ...CROWDS,
  ...ALONE,
  ...cross([BASE], { subject: ["runtime"], command: ["PING"], depth: DEPTHS, fsync: ["no"] }),
];

const FULL = [
  ...cross([BASE], {
    subject: ["node", "cluster"],
    fsync: ["no", "everysec", "always"],
    keys: [KEYS, KEYS_MANY],
    valueBytes: [64, 1024, 64 * 1024],
    distribution: ["uniform", "zipfian"],
    connections: [50, 1_000],
    command: ["SET", "GET", "INCR"],
    depth: DEPTHS,
  }).filter(isSensible),
  // Those of 1,000 connections are in the matrix.
  ...CROWDS.filter(({ connections }) => connections > 1_000),
  ...ALONE,
  ...cross([BASE], { subject: ["runtime"], command: ["PING"], depth: DEPTHS, fsync: ["no"] }),
];

export const PRESETS: Readonly<Record<Preset, readonly Cell[]>> = {
  quick: QUICK,
  targets: TARGETS,
  full: FULL,
};

/** What one revision is measured by against another. */
export const AGAINST_CELLS: Readonly<Record<"quick" | "whole", readonly Cell[]>> = {
  quick: cross([BASE], { subject: ["node", "cluster"], command: ["SET", "GET"], depth: [1, 16] }),
  whole: [
    ...cross([BASE], {
      subject: ["node", "cluster"],
      fsync: ["everysec", "always"],
      command: ["SET", "GET"],
      depth: DEPTHS,
    }),
    ...cross([BASE], { subject: ["node", "cluster"], command: ["SET", "GET"], connections: [1_000] }),
  ],
};

/** Counters have no size, and neither keys nor requests in flight times size may be too much. */
function isSensible({ command, valueBytes, keys, connections, depth }: Cell): boolean {
  if (connections * depth * valueBytes > IN_FLIGHT_BYTES_MAX) return false;
  if (command === "INCR") return valueBytes === BASE.valueBytes;
  return keys === KEYS || valueBytes * keys <= VALUE_BYTES_OF_ALL_KEYS_MAX;
}

/** Keys of `cell` that are there before it begins: fewer of those whose values are large. */
export function keysOf({ keys, valueBytes }: Cell): number {
  return Math.min(keys, Math.floor(VALUE_BYTES_OF_ALL_KEYS_MAX / valueBytes));
}

/** Every cell in which the given fields have each of the given values; the first field changes slowest. */
function cross(cells: readonly Cell[], choices: { [K in keyof Cell]?: readonly Cell[K][] }): Cell[] {
  return Object.entries(choices).reduce<Cell[]>(
    (some, [field, values]) => some.flatMap((cell) => values.map((value) => ({ ...cell, [field]: value }))),
    [...cells],
  );
}

/** Cells that the same servers can serve one after the other. */
export function stagesOf(cells: readonly Cell[]): Cell[][] {
  const stages = new Map<string, Cell[]>();
  for (const cell of cells) {
    const { subject, fsync, keys, valueBytes } = cell;
    const name = [subject, fsync, keys, valueBytes].join();
    const stage = stages.get(name);
    if (stage === undefined) stages.set(name, [cell]);
    else stage.push(cell);
  }
  return [...stages.values()];
}

const DEPTH_GOALS: Readonly<Record<Subject, Readonly<Record<number, number>>>> = {
  node: { 1: 1.0, 16: 1.1, 64: 1.2 },
  cluster: { 1: 1.0, 16: 1.6, 64: 2.5 },
  hop: {},
  runtime: {},
};
const P99_RATIO_MAX = 1.5;
const LONGEST_MS_MAX = 1_000;
const HOP_MS_MAX = 0.08;

/** What Roundel is to reach in `cell`, where that has been set. */
export function goalOf(cell: Cell): Goal | undefined {
  const { subject, command, depth, connections, valueBytes, distribution, keys, fsync } = cell;
  if (distribution !== "uniform" || keys !== KEYS || command === "INCR" || fsync === "no") return undefined;
  if (subject === "node" && depth === 1 && connections === 50 && valueBytes === 1024) {
    return { ratioMin: 1.0 };
  }
  if (valueBytes !== 64 || subject === "runtime") return undefined;
  if (depth === 1 && connections === 1) return aloneGoalOf(subject);
  if (depth === 1 && connections >= 1_000 && command === "GET") return crowdGoalOf(subject, connections);
  if (connections !== 50) return undefined;
  const ratioMin = DEPTH_GOALS[subject][depth];
  return ratioMin === undefined ? undefined : { ratioMin };
}

function aloneGoalOf(subject: Subject): Goal {
  if (subject === "hop") return { addedMsMax: HOP_MS_MAX };
  return subject === "node" ? { ratioMin: 0.95, p99RatioMax: P99_RATIO_MAX } : { ratioMin: 0.95 };
}

function crowdGoalOf(subject: Subject, connections: number): Goal {
  const goal = { ratioMin: 1.0, p99RatioMax: P99_RATIO_MAX };
  if (connections === 1_000) return goal;
  return { ...goal, ...(subject === "node" ? { ratioMin: 0.95 } : {}), longestMsMax: LONGEST_MS_MAX };
}

/** E.g. `SET, 16 deep, always`; what is usual is left out. */
export function nameOf(cell: Cell): string {
  const { command, depth, connections, valueBytes, keys, distribution, fsync, subject } = cell;
  return [
    command,
    `${depth} deep`,
    ...(connections === BASE.connections
      ? []
      : [connections === 1 ? "1 connection" : `${connections.toLocaleString("en")} connections`]),
    ...(valueBytes === BASE.valueBytes ? [] : [`${valueBytes / 1024} kB`]),
    ...(keys === BASE.keys ? [] : [`${keys / 1e6} M keys`]),
    ...(distribution === BASE.distribution ? [] : [distribution]),
    ...(fsync === BASE.fsync || subject === "runtime" ? [] : [`fsync ${fsync}`]),
  ].join(", ");
}
