/** What was seen in a run: operations by key, outages, and whatever must not be. */
import type { Operation } from "../support/linearizability.ts";

/** A node, as its clients see it: the standalone one, or one of the cluster's. */
export interface Place {
  readonly target: "node" | "cluster";
  readonly index: number;
}

export interface Outage {
  readonly fault: string;
  readonly places: readonly Place[];
  readonly fromMs: number;
  /** `Infinity` while it lasts. */
  untilMs: number;
}

/** How one request of the well-behaved client went. */
export interface Sample {
  readonly place: Place;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Empty for an answer; else the first word of what was said instead, or what became of the connection. */
  readonly trouble: string;
}

/** A fault that was injected. */
export interface Episode {
  readonly fault: string;
  readonly fromMs: number;
  /** `Infinity` while it lasts. */
  untilMs: number;
}

const VIOLATIONS_MAX = 100;

export class Record {
  readonly histories = new Map<string, Operation[]>();
  readonly samples: Sample[] = [];
  readonly outages: Outage[] = [];
  readonly episodes: Episode[] = [];
  readonly violations: string[] = [];
  violationCount = 0;

  operation(key: string, operation: Operation): void {
    const history = this.histories.get(key);
    if (history === undefined) this.histories.set(key, [operation]);
    else history.push(operation);
  }

  violation(text: string): void {
    this.violationCount++;
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(text);
  }

  /** The faults that are under way. */
  get underWay(): string {
    const open = this.episodes.filter(({ untilMs }) => untilMs === Infinity);
    return open.map(({ fault }) => fault).join(", ") || "nothing";
  }

  /** The outage that a request meets, counted in whole seconds; `null` for one that nothing excuses. */
  outageOf({ place, fromMs, untilMs }: Sample): Outage | null {
    for (const outage of this.outages) {
      const from = Math.floor(outage.fromMs / 1000) * 1000;
      const until = Math.ceil(outage.untilMs / 1000) * 1000;
      const isThere = outage.places.some(({ target, index }) =>
        target === place.target && index === place.index
      );
      if (isThere && fromMs <= until && untilMs >= from) return outage;
    }
    return null;
  }
}
