/**
 * Memory for the replies of all clients of a process that are not yet written. What was answered is always taken in; but
 * while the budget is used up a client's next request waits:
 *
 * - a client whose own replies are all written goes on, with a little at a time: so whoever does not read holds up nobody
 *   but himself;
 * - a long reply is made only when there is room for it; those who want one come in turn.
 *
 * A balancer learns how long a reply is when it comes. When such replies have used up twice the budget, the client that
 * holds the most of them, and so reads the least, is dropped.
 */
import { assert } from "../core/assert.ts";
import { REPLY_BUDGET_BYTES } from "../core/limits.ts";

/** Who holds replies. */
export interface ReplyHolder {
  /** Bytes of replies that are not written. */
  readonly heldBytes: number;
  /** Gives them up, with the client. */
  giveUp(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly resolve: () => void;
}

export class ReplyBudget {
  readonly capBytes: number;
  #usedBytes = 0;
  #waiting: Waiting[] = [];
  readonly #holders = new Set<ReplyHolder>();

  constructor(capBytes = REPLY_BUDGET_BYTES) {
    this.capBytes = capBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get isUsedUp(): boolean {
    return this.#usedBytes >= this.capBytes;
  }

  /** Whether somebody waits for his turn. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  join(holder: ReplyHolder): void {
    this.#holders.add(holder);
  }

  leave(holder: ReplyHolder): void {
    this.#holders.delete(holder);
  }

  /** Whether there is room for replies of `bytes`; there always is while nobody holds any. */
  hasRoom(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.capBytes;
  }

  /** Replies of `bytes` are there. */
  take(bytes: number): void {
    this.#usedBytes += bytes;
    if (this.#usedBytes > 2 * this.capBytes) this.#relieve();
  }

  /** Replies of `bytes` were written, or never will be. */
  give(bytes: number): void {
    assert(bytes <= this.#usedBytes, "a budget gets back what was taken");
    this.#usedBytes -= bytes;
    if (this.#waiting.length > 0) this.passOn();
  }

  /** Resolves when it is the caller's turn and there is room for `bytes`; then he calls {@linkcode ReplyBudget.passOn}. */
  turn(bytes: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ bytes, resolve }));
  }

  /** Whoever had a turn has used it, or not: if there is room, it is the next one's. */
  passOn(): void {
    const next = this.#waiting[0];
    if (next === undefined || !this.hasRoom(next.bytes)) return;
    this.#waiting.shift();
    next.resolve();
  }

  /** Drops the one who holds the most. */
  #relieve(): void {
    let largest: ReplyHolder | null = null;
    for (const holder of this.#holders) {
      if (largest === null || holder.heldBytes > largest.heldBytes) largest = holder;
    }
    largest?.giveUp();
  }
}
