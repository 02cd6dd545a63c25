/**
 * What the nodes have told of themselves last, for a balancer's `INFO`. Each `INFO` asks them anew and waits for a
 * moment; of a node that does not answer in that time, because it is frozen or busy, what it said before counts.
 */
import { textOf } from "../core/bytes.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { INFO_WAIT_MS } from "../core/limits.ts";
import type { Nodes } from "./nodes.ts";

const REQUEST = ["INFO", "memory", "persistence", "stats", "keyspace"];
const DATABASE = /^db0:keys=(\d+),expires=(\d+)/;
const FIGURE = /^([a-z_]+):(\d+)$/;

/** By the names of `INFO`, and `keys` and `expires`. */
export type Figures = ReadonlyMap<string, number>;

interface Remembered {
  figures: Figures | null;
  /** The question under way: a node is not asked again before it has answered. */
  asking: Promise<void> | null;
}

export class NodeFigures {
  readonly #nodes: Nodes;
  readonly #clock: Clock;
  /** By the nodes' names. */
  readonly #last = new Map<string, Remembered>();

  constructor(nodes: Nodes, clock: Clock) {
    this.#nodes = nodes;
    this.#clock = clock;
  }

  /** Resolves when every node that can be reached has told, or has not for `INFO_WAIT_MS`. */
  async refresh(): Promise<void> {
    const reached = this.#nodes.all.filter(({ state }) => state === "ready");
    const asked = Promise.all(
      reached.map(({ name }, i) => this.#ask(name, () => reached[i]!.ask(REQUEST, false))),
    );
    await Promise.race([asked, sleep(this.#clock, INFO_WAIT_MS)]);
  }

  /** Of each node, in the topology's order; `null` for one that has not told anything yet. */
  all(): (Figures | null)[] {
    return this.#nodes.all.map(({ name }) => this.#last.get(name)?.figures ?? null);
  }

  #ask(name: string, ask: () => ReturnType<Nodes["all"][number]["ask"]>): Promise<void> {
    let remembered = this.#last.get(name);
    if (remembered === undefined) this.#last.set(name, remembered = { figures: null, asking: null });
    return remembered.asking ??= this.#note(remembered, ask);
  }

  async #note(remembered: Remembered, ask: () => ReturnType<Nodes["all"][number]["ask"]>): Promise<void> {
    try {
      const reply = await ask();
      if (reply.kind === "bulk") remembered.figures = figuresIn(textOf(reply.bytes));
    } finally {
      remembered.asking = null;
    }
  }
}

/** The sum of `name` over all nodes; `null` when a node has not told it. */
export function sumOf(all: readonly (Figures | null)[], name: string): number | null {
  let sum = 0;
  for (const figures of all) {
    const value = figures?.get(name);
    if (value === undefined) return null;
    sum += value;
  }
  return sum;
}

function figuresIn(text: string): Figures {
  const figures = new Map([["keys", 0], ["expires", 0]]);
  for (const line of text.split("\r\n")) {
    const database = DATABASE.exec(line);
    if (database !== null) figures.set("keys", Number(database[1])).set("expires", Number(database[2]));
    const figure = FIGURE.exec(line);
    if (figure !== null) figures.set(figure[1]!, Number(figure[2]));
  }
  return figures;
}
