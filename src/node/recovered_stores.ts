/**
 * The stores of a node while its data folder is read: which shards it keeps and how large they are, as the node file
 * says, filled by recovery without anything being logged again.
 */
import { assert } from "../core/assert.ts";
import { RefusalError } from "../core/errors.ts";
import { type HashSeed, parseHashSeed } from "../core/key_hash.ts";
import { STORE_CAP_BYTES_MIN } from "../core/limits.ts";
import {
  KIND_BEGIN_ANEW,
  KIND_BEGIN_EPOCH,
  KIND_DELETE,
  KIND_EXPIRE,
  KIND_FILL,
  KIND_FILLED,
  KIND_FLUSH,
  KIND_SET,
  type Mutation,
} from "../core/mutation.ts";
import type { EntryLoader, RecoveryTarget } from "../persistence/replayer.ts";
import { Prefetcher } from "../store/prefetcher.ts";
import { Store } from "../store/store.ts";
import type { Topology } from "../topology/topology.ts";
import { SILENT } from "./shard_copy.ts";

/** With `nowMs` 0 nothing is expired: what had expired by itself is in the log as a delete. */
const NO_TIME = 0;

export class RecoveredStores implements RecoveryTarget {
  /** By shard number. */
  readonly stores = new Map<number, Store>();
  #seed: HashSeed | null = null;
  readonly #prefetcher = new Prefetcher();

  /** By which all stores order their keys. Said before the first is made. */
  useSeed(text: string): void {
    this.#seed = parseHashSeed(text);
  }

  /** Entries that had to make room while the data was read: the cap is lower than it was. */
  get evictedCount(): number {
    let count = 0;
    for (const store of this.stores.values()) count += store.evictedCount;
    return count;
  }

  /** Makes the store of a shard with `capBytes` of memory. Throws `RefusalError` when there is no such memory. */
  add(shard: number, capBytes: number): Store {
    if (capBytes < STORE_CAP_BYTES_MIN) {
      throw new RefusalError(
        `Cannot keep shard ${shard}: its memory cap is ${capBytes} bytes, the least is ${STORE_CAP_BYTES_MIN}; ` +
          "give the nodes more --max-memory or the cluster fewer --shards",
      );
    }
    assert(this.#seed !== null, "the seed is known before the first store");
    try {
      const store = new Store({ capBytes, seed: this.#seed, listener: SILENT });
      this.stores.set(shard, store);
      return store;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RefusalError(
        `Cannot reserve ${capBytes} bytes for shard ${shard}: ${error.message}; lower --max-memory`,
      );
    }
  }

  load(shard: number, entryCount: number): EntryLoader {
    const store = this.#storeOf(shard, "dump");
    const loader = store.load(entryCount);
    return {
      add: (mutation) => {
        if (!loader.add(mutation)) throw tooLargeError(store, shard, mutation);
      },
      end: () => loader.end(),
    };
  }

  apply(mutation: Mutation): void {
    const { kind, shard, keyBytes, keyStart, keyEnd } = mutation;
    const store = this.#storeOf(shard);
    if (kind === KIND_BEGIN_EPOCH || kind === KIND_FILLED) return;
    if (kind === KIND_FLUSH || kind === KIND_BEGIN_ANEW) return store.flush();
    const hash = store.hashOf(keyBytes, keyStart, keyEnd);
    if (kind === KIND_SET || kind === KIND_FILL) {
      if (!store.set(hash, mutation)) throw tooLargeError(store, shard, mutation);
      return;
    }
    const row = store.find(hash, keyBytes, keyStart, keyEnd, NO_TIME);
    // Absent only where a lowered cap has evicted it meanwhile, or the copy was filling and did not have it yet.
    if (row === 0) return;
    if (kind === KIND_DELETE) store.delete(row);
    else {
      assert(kind === KIND_EXPIRE, "a mutation is of a known kind");
      store.expire(row, mutation.expiresAtMs);
    }
  }

  announce({ shard, keyBytes, keyStart, keyEnd }: Mutation): void {
    const store = this.stores.get(shard);
    if (store !== undefined) {
      this.#prefetcher.announce(store.fetchable, store.hashOf(keyBytes, keyStart, keyEnd));
    }
  }

  fetchAnnounced(): void {
    this.#prefetcher.fetch(true);
  }

  #storeOf(shard: number, file = "log"): Store {
    const store = this.stores.get(shard);
    if (store === undefined) {
      throw new RefusalError(
        `Cannot recover: the ${file} holds shard ${shard}, which the node file does not give to this node; ` +
          "restore the data folder from a backup",
      );
    }
    return store;
  }
}

function tooLargeError(store: Store, shard: number, { valueStart, valueEnd }: Mutation): RefusalError {
  return new RefusalError(
    `Cannot recover: a value of ${valueEnd - valueStart} bytes does not fit into the memory cap of ` +
      `${store.capBytes} bytes of shard ${shard}; raise --max-memory to what it was`,
  );
}

/** The shards that `topology` gives to node `id`, each with its cap. */
export function shardsOfNode(topology: Topology, id: string, maxMemoryBytes: number): Map<number, number> {
  if (topology.routing === "round-robin") return new Map([[0, maxMemoryBytes]]);
  const caps = new Map<number, number>();
  topology.shards.forEach((shard, number) => {
    if (shard.primary === id || shard.replicas.includes(id)) caps.set(number, topology.shardCapBytes);
  });
  return caps;
}
