/**
 * What a reply waits for: that a shard has committed everything up to a position in the node's log. The executor fills
 * one for each request, from what the stores say that the request has seen or made.
 */
import type { Position } from "../core/mutation.ts";
import type { Committing } from "../serving/reply_run.ts";

/** A commit point that is only looked at. */
export interface WaitsFor {
  readonly committing: Committing;
  readonly position: Position;
}

/** Of a reply that waits for nothing. */
const NOTHING: Committing = { committedPosition: Infinity };

export class CommitPoint {
  committing: Committing = NOTHING;
  position: Position = 0;

  /** The reply waits for nothing, so far. */
  clear(): void {
    this.committing = NOTHING;
    this.position = 0;
  }

  /** The reply shows what `committing` has committed at `position`; 0 = nothing of it. */
  include(committing: Committing, position: Position): void {
    if (position === 0) return;
    if (this.position === 0 || committing === this.committing) {
      this.committing = committing;
      this.position = Math.max(this.position, position);
      return;
    }
    const [one, other] = [this.committing, this.position];
    this.committing = new Both({ committing: one, position: other }, { committing, position });
    this.position = 1;
  }
}

/** Where two histories have to be committed: position 1 is committed once both are. */
class Both implements Committing {
  readonly #one: WaitsFor;
  readonly #other: WaitsFor;

  constructor(
    one: WaitsFor,
    other: WaitsFor,
  ) {
    this.#one = one;
    this.#other = other;
  }

  get committedPosition(): number {
    const [one, other] = [this.#one, this.#other];
    const isCommitted = one.position <= one.committing.committedPosition &&
      other.position <= other.committing.committedPosition;
    return isCommitted ? 1 : 0;
  }

  get lossText(): string {
    return this.#one.committing.lossText || this.#other.committing.lossText || "";
  }
}
