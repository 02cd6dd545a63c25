/**
 * The names of a balancer's links, by which a node tells which of them is the newest: see `roundel_exchange.ts`. There
 * is one balancer for a topology that lies in a file, so the cluster's id names it: whoever holds the topology next
 * closes the links of the one before.
 */
import type { BULK_LANE, LinkName } from "../protocol/roundel_exchange.ts";

/** What a link is for. */
export type Lane = "data" | "slow" | "probe" | `${typeof BULK_LANE}${number}`;

export class LinkNames {
  readonly #run: string;
  readonly #worker: number;
  #nextNumber = 0;

  /** `run` is that of the process, which its workers share. */
  constructor(run: string, worker: number) {
    this.#run = run;
    this.#worker = worker;
  }

  /** The name of one more connection of `lane`. */
  next(cluster: string, lane: Lane): LinkName {
    return { balancer: cluster, run: this.#run, lane: `${lane}-${this.#worker}`, number: this.#nextNumber++ };
  }
}
