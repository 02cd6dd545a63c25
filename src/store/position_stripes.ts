/**
 * Which mutation last touched a key, roughly: the positions of all keys whose hashes share their low bits lie in one
 * stripe, as the highest of them. Looking at a key reveals its stripe's position, so a reply waits for the commit of
 * every mutation that it shows, and only now and then for one that it does not. A miss reveals it as well: what it
 * shows may be a delete.
 */
import type { Position } from "../core/mutation.ts";
import type { Revealed } from "./mutation_listener.ts";

/** A power of two. */
const STRIPE_COUNT = 4096;

export class PositionStripes {
  readonly #stripes = new Float64Array(STRIPE_COUNT);
  readonly #revealed: Revealed;
  #last: Position = 0;

  constructor(revealed: Revealed) {
    this.#revealed = revealed;
  }

  /** The highest position of the keys that share a stripe with `hash`. Reveals nothing. */
  of(hash: number): Position {
    return this.#stripes[hash & (STRIPE_COUNT - 1)]!;
  }

  /** A key with `hash` was looked at. */
  look(hash: number): void {
    this.#reveal(this.of(hash));
  }

  /** Every key was looked at. */
  lookAtAll(): void {
    this.#reveal(this.#last);
  }

  /** A key with `hash` was changed by the mutation at `position`. */
  change(hash: number, position: Position): void {
    const stripe = hash & (STRIPE_COUNT - 1);
    if (position > this.#stripes[stripe]!) this.#stripes[stripe] = position;
    if (position > this.#last) this.#last = position;
    this.#reveal(position);
  }

  /** Every key was changed by the mutation at `position`. */
  changeAll(position: Position): void {
    if (position > this.#last) this.#last = position;
    this.#stripes.fill(this.#last);
    this.#reveal(position);
  }

  #reveal(position: Position): void {
    if (position > this.#revealed.position) this.#revealed.position = position;
  }
}
