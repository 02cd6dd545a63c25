/** What was seen in a run: operations by key, how each shard was served, the faults, and whatever must not be. */
import type { Operation } from "../support/linearizability.ts";

/** A fault that was injected, from its first moment until every shard had all its copies in sync again. */
export interface Episode {
  readonly fault: string;
  /** Shards whose primary, and shards whose replica, it hits. */
  readonly led: readonly number[];
  readonly followed: readonly number[];
  readonly fromMs: number;
  /** `Infinity` while it lasts. */
  untilMs: number;
  /** Requests that waited at the balancer. */
  waited: number;
}

/** How one request of a shard's prober went. */
export interface Sample {
  readonly shard: number;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly isAnswered: boolean;
}

/** An error reply, or a connection that broke, in place of an answer. */
export interface Trouble {
  /** First word of the error; `BROKEN` of a connection. */
  readonly kind: string;
  readonly text: string;
  readonly isRead: boolean;
  readonly shards: readonly number[];
  readonly fromMs: number;
  readonly untilMs: number;
}

const VIOLATIONS_MAX = 100;

export class Record {
  readonly histories = new Map<string, Operation[]>();
  readonly samples: Sample[] = [];
  readonly troubles: Trouble[] = [];
  readonly episodes: Episode[] = [];
  readonly violations: string[] = [];
  violationCount = 0;
  /** How late timers of the run's own process were at most: so late is also what it measures. */
  ownLatenessMs = 0;
  /** How long the server that waited most for a processor did so, from look to look. */
  readonly processorWaits: { readonly atMs: number; readonly ms: number }[] = [];
  /** By key, what clients were told to be uncertain, and when. */
  readonly #uncertain = new Map<string, { readonly operation: Operation; readonly toldAtMs: number }[]>();

  operation(key: string, operation: Operation): void {
    const history = this.histories.get(key);
    if (history === undefined) this.histories.set(key, [operation]);
    else history.push(operation);
    if (operation.returnedAt !== Infinity) this.#settle(key, operation);
  }

  /** A balancer has told that it does not know whether `operation`, which is recorded, took effect. */
  toldUncertain(key: string, operation: Operation): void {
    const told = { operation, toldAtMs: performance.now() };
    const others = this.#uncertain.get(key);
    if (others === undefined) this.#uncertain.set(key, [told]);
    else others.push(told);
  }

  violation(text: string): void {
    this.violationCount++;
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(text);
  }

  /** What was uncertain when a request was sent that got an answer is settled by then: it does not take effect any more. */
  #settle(key: string, { calledAt, returnedAt }: Operation): void {
    for (const { operation, toldAtMs } of this.#uncertain.get(key) ?? []) {
      if (toldAtMs <= calledAt && returnedAt < (operation.settledAt ?? Infinity)) {
        operation.settledAt = returnedAt;
      }
    }
  }
}
