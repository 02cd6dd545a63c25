/**
 * Which node a key was last seen on: an LRU cache of bounded memory, made of the store that nodes keep data in.
 * What it says is always right about the other nodes: none of those that serve has the key.
 */
import { type HashSeed, randomHashSeed } from "../core/key_hash.ts";
import { MIB } from "../core/limits.ts";
import { Mutation } from "../core/mutation.ts";
import type { Random } from "../core/random.ts";
import { Store } from "../store/store.ts";

const CACHE_BYTES = 16 * MIB;

export class LocationCache {
  readonly #store: Store;
  readonly #value = new Uint8Array(1);
  readonly #mutation = new Mutation();

  constructor(random: Random, capBytes = CACHE_BYTES) {
    const seed: HashSeed = randomHashSeed(random);
    const listener = { onMutation: () => 0 };
    this.#store = new Store({ capBytes, seed, listener });
  }

  /** Index of the node, or −1 when it is not known. */
  get(key: Uint8Array): number {
    const row = this.#store.find(this.#store.hashOf(key, 0, key.length), key, 0, key.length, 0);
    if (row === 0) return -1;
    this.#store.touch(row);
    this.#store.copyValue(row, this.#value, 0);
    return this.#value[0]!;
  }

  set(key: Uint8Array, index: number): void {
    this.#value[0] = index;
    this.#mutation.setKey(key, 0, key.length);
    this.#mutation.setValue(this.#value, 0, 1);
    this.#store.set(this.#store.hashOf(key, 0, key.length), this.#mutation);
  }
}
