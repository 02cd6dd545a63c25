/**
 * Which mutation last touched a key, roughly: the positions of all keys whose hashes share their low bits lie in one
 * stripe, as the highest of them. Looking at a key shows its stripe's position, so a reply waits for the commit of
 * every mutation that it shows, and only now and then for one that it does not. A miss shows it as well: what it
 * shows may be a delete.
 */
import type { Position } from "../core/mutation.ts";

/** A power of two. */
const STRIPE_COUNT = 4096;

export class PositionStripes {
  readonly #stripes = new Float64Array(STRIPE_COUNT);
  #last: Position = 0;
  /** The newest position among what was looked at or changed since it was taken. */
  #shown: Position = 0;
  /** Mutations that have begun and not come to their end. */
  #openCount = 0;

  /** Whether a mutation broke off in its middle: then nothing in the store can be trusted. Asked between mutations. */
  get isTorn(): boolean {
    return this.#openCount > 0;
  }

  /** A mutation begins; its end is {@linkcode PositionStripes.change} or {@linkcode PositionStripes.changeAll}. */
  begin(): void {
    this.#openCount++;
  }

  /** The newest position among everything that was looked at or changed since the last call. */
  take(): Position {
    const shown = this.#shown;
    this.#shown = 0;
    return shown;
  }

  /** The highest position of the keys that share a stripe with `hash`. Shows nothing. */
  of(hash: number): Position {
    return this.#stripes[hash & (STRIPE_COUNT - 1)]!;
  }

  /** A key with `hash` was looked at. */
  look(hash: number): void {
    this.#show(this.of(hash));
  }

  /** Every key was looked at. */
  lookAtAll(): void {
    this.#show(this.#last);
  }

  /** A key with `hash` was changed by the mutation at `position`. */
  change(hash: number, position: Position): void {
    this.#openCount--;
    const stripe = hash & (STRIPE_COUNT - 1);
    if (position > this.#stripes[stripe]!) this.#stripes[stripe] = position;
    if (position > this.#last) this.#last = position;
    this.#show(position);
  }

  /** Every key was changed by the mutation at `position`. */
  changeAll(position: Position): void {
    this.#openCount--;
    if (position > this.#last) this.#last = position;
    this.#stripes.fill(this.#last);
    this.#show(position);
  }

  #show(position: Position): void {
    if (position > this.#shown) this.#shown = position;
  }
}
