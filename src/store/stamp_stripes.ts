/**
 * Which mutation last touched a key, roughly: the stamps of all keys whose hashes share their low bits lie in one
 * stripe, as the highest of them. Looking at a key reveals its stripe's stamp, so a reply waits for the commit of
 * every mutation that it shows, and only now and then for one that it does not. A miss reveals it as well: what it
 * shows may be a delete.
 */
import type { Revealed, Stamp } from "./mutation_listener.ts";

/** A power of two. */
const STRIPE_COUNT = 4096;

export class StampStripes {
  readonly #stripes = new Float64Array(STRIPE_COUNT);
  readonly #revealed: Revealed;
  #last: Stamp = 0;

  constructor(revealed: Revealed) {
    this.#revealed = revealed;
  }

  /** The highest stamp of the keys that share a stripe with `hash`. Reveals nothing. */
  of(hash: number): Stamp {
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

  /** A key with `hash` was changed by the mutation at `stamp`. */
  change(hash: number, stamp: Stamp): void {
    const stripe = hash & (STRIPE_COUNT - 1);
    if (stamp > this.#stripes[stripe]!) this.#stripes[stripe] = stamp;
    if (stamp > this.#last) this.#last = stamp;
    this.#reveal(stamp);
  }

  /** Every key was changed by the mutation at `stamp`. */
  changeAll(stamp: Stamp): void {
    if (stamp > this.#last) this.#last = stamp;
    this.#stripes.fill(this.#last);
    this.#reveal(stamp);
  }

  #reveal(stamp: Stamp): void {
    if (stamp > this.#revealed.stamp) this.#revealed.stamp = stamp;
  }
}
