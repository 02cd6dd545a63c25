/**
 * The copies of a fake node: what it says of them, whether it serves their shards, and how it is frozen. It leads what the
 * topology says, at once, unless a test says otherwise.
 */
import type { CopyStatus } from "../../src/protocol/roundel_exchange.ts";
import type { Topology } from "../../src/topology/topology.ts";

export class FakeCopies {
  incarnation = crypto.randomUUID() as string;
  /** What is not as usual about a shard's copy, by its number. */
  readonly unusual = new Map<number, Partial<CopyStatus>>();
  /** Shards that do not open, though the node leads them. */
  readonly shut = new Set<number>();
  /** Newest epoch in which each shard is frozen. */
  readonly frozen = new Map<number, number>();
  /** The newest epoch of each shard that the present run has led in or may: a new run leads only in newer ones. */
  #forbidden = new Map<number, number>();

  /** The process is another one: it has forgotten what it was asked, and leads in no epoch that it knows. */
  restart(topology: Topology | null): void {
    this.incarnation = crypto.randomUUID();
    this.frozen.clear();
    this.#forbidden = new Map(topology?.shards.map(({ epoch }, shard) => [shard, epoch]));
  }

  status(topology: Topology, id: string): CopyStatus[] {
    return topology.shards.flatMap(({ epoch, primary, replicas }, shard): CopyStatus[] => {
      if (primary !== id && !replicas.includes(id)) return [];
      const over = Math.max(
        this.frozen.get(shard) ?? 0,
        replicas.length > 0 ? this.#forbidden.get(shard) ?? 0 : 0,
      );
      const isLeading = primary === id && epoch > over;
      return [{
        shard,
        epoch,
        role: primary === id ? "primary" : "replica",
        isLeading,
        isOpen: isLeading && !this.shut.has(shard),
        isFilling: false,
        mayLack: false,
        sequence: 0,
        lastEpoch: 1,
        join: [],
        leave: [],
        ...this.unusual.get(shard),
      }];
    });
  }

  /** Answers `FREEZE` with the words `pairs`. */
  freeze(topology: Topology, id: string, pairs: readonly string[]): string {
    const places = [];
    const copies = this.status(topology, id);
    for (let i = 0; i < pairs.length; i += 2) {
      const [shard, epoch] = [Number(pairs[i]), Number(pairs[i + 1])];
      this.frozen.set(shard, Math.max(epoch, this.frozen.get(shard) ?? 0));
      const copy = copies.find((each) => each.shard === shard)!;
      const { sequence, lastEpoch, isFilling, mayLack } = copy;
      places.push({ shard, epoch: this.frozen.get(shard)!, sequence, lastEpoch, isFilling, mayLack });
    }
    return JSON.stringify({ incarnation: this.incarnation, places });
  }
}

/** Which shards a connection refuses until it is told to resume, and whether a request is refused there now. */
export class FakeRefusals {
  readonly #shards = new Set<number>();

  /** The error with which a request of `shard` is refused; `null` when it is executed. */
  refusalOf(shard: number, copies: readonly CopyStatus[], primary: string): string | null {
    const copy = copies.find((each) => each.shard === shard);
    const isServed = copy?.isOpen === true;
    if (isServed && !this.#shards.has(shard)) return null;
    this.#shards.add(shard);
    if (copy?.role === "primary") return `-TRYAGAIN Shard ${shard} is not served yet\r\n`;
    return `-MOVED 0 ${primary}\r\n`;
  }

  resume(shards: readonly string[]): void {
    for (const shard of shards) this.#shards.delete(Number(shard));
  }
}
