/**
 * What must be true at any time, of all processes together (DESIGN.md, "How copies agree"): looked at all the time, from
 * outside of the product, by hooks in three of its methods that are there for as long as a run takes.
 *
 * - One copy of a shard answers at most.
 * - The same epoch and sequence of a shard is the same mutation everywhere.
 * - What a primary may acknowledge, every member of the in-sync set of the newest topology has.
 * - Nobody has a topology that is newer than the one that is kept.
 * - No copy uses more memory than its cap.
 */
import { crc32 } from "node:zlib";
import {
  KIND_BEGIN_ANEW,
  KIND_BEGIN_EPOCH,
  KIND_EXPIRE,
  KIND_FILL,
  KIND_FILLED,
  KIND_FLUSH,
  KIND_SET,
  type Mutation,
  type Position,
} from "../../src/core/mutation.ts";
import { Copies, type CopiesOptions } from "../../src/node/copies.ts";
import type { ShardCopy } from "../../src/node/shard_copy.ts";
import type { World } from "../../src/node/world.ts";
import { Log } from "../../src/persistence/log.ts";
import { type HistoryFinding, ShardHistory } from "../../src/persistence/shard_history.ts";
import { isWithin } from "../../src/replication/place.ts";
import type { Topology } from "../../src/topology/topology.ts";
import type { TopologyStore } from "../../src/topology/topology_file.ts";
import type { SimulatedProcess } from "./machine.ts";
import { replace } from "./replace.ts";

/** A mutation of a shard, by its place. */
interface Place {
  readonly epoch: number;
  readonly sequence: number;
}

/** A mutation that a primary's log has, and that is not committed as far as is known. */
interface Pending extends Place {
  readonly position: Position;
}

export interface InvariantsOptions {
  readonly replicas: number;
  readonly saw: (what: string) => void;
  readonly violated: (what: string) => void;
}

export class Invariants {
  readonly #options: InvariantsOptions;
  readonly #processes = new Map<World, SimulatedProcess>();
  readonly #nodes = new Map<SimulatedProcess, Copies>();
  /** By shard, then by epoch and sequence, a checksum of the mutation. */
  readonly #mutations = new Map<number, Map<string, number>>();
  readonly #pending = new Map<Log, Map<number, Pending[]>>();
  /** By shard, the newest that was committed. */
  readonly #committed = new Map<number, Place>();
  /** What is kept for the controller. */
  #topology: Topology | null = null;
  readonly #removeHooks: (() => void)[];

  constructor(options: InvariantsOptions) {
    this.#options = options;
    const recovered = (world: World, copies: Copies) => this.#nodes.set(this.#processes.get(world)!, copies);
    const followed = (mutation: Mutation) => this.#followed(mutation);
    const appended = (log: Log, mutation: Mutation, position: Position) =>
      this.#appended(log, mutation, position);
    const { recover } = Copies;
    const { follow } = ShardHistory.prototype;
    const { append } = Log.prototype;
    this.#removeHooks = [
      replace(Copies, "recover", async function (this: typeof Copies, options: CopiesOptions, world: World) {
        const copies = await recover.call(Copies, options, world);
        recovered(world, copies);
        return copies;
      }),
      replace(
        ShardHistory.prototype,
        "follow",
        function (this: ShardHistory, mutation: Mutation): HistoryFinding {
          const hadData = this.sequence > 0;
          const finding = follow.call(this, mutation);
          if (finding === "good record") followed(mutation);
          if (mutation.kind === KIND_BEGIN_ANEW && hadData) options.saw("a copy that had data began anew");
          return finding;
        },
      ),
      replace(Log.prototype, "append", function (this: Log, mutation: Mutation): Position {
        const position = append.call(this, mutation);
        appended(this, mutation, position);
        return position;
      }),
    ];
  }

  /** Takes the hooks out again. */
  end(): void {
    for (const remove of this.#removeHooks) remove();
  }

  /** `process` is a node that has `world`. */
  add(process: SimulatedProcess, world: World): void {
    this.#processes.set(world, process);
  }

  /** The same store, of which is known what it keeps. */
  register(store: TopologyStore): TopologyStore {
    const keep = (topology: Topology | null) => this.#topology = topology;
    return {
      load: async () => {
        const topology = await store.load();
        keep(topology);
        return topology;
      },
      save: async (next, expectedVersion) => {
        const isSaved = await store.save(next, expectedVersion);
        if (isSaved) keep(next);
        return isSaved;
      },
    };
  }

  /** Whether some copy of `shard` is being filled. */
  isFilling(shard: number): boolean {
    return [...this.#alive()].some(([, { table }]) =>
      table.copies.some((copy) => copy.id === shard && copy.history.isFilling)
    );
  }

  /** Whether some primary waits to hear what became of a proposal. */
  get hasProposals(): boolean {
    return [...this.#alive()].some(([, { roles }]) => roles.statuses().some(({ join }) => join.length > 0));
  }

  check(): void {
    const servers = new Map<number, SimulatedProcess>();
    for (const [process, { table, topology, folder: { log } }] of this.#alive()) {
      if ((topology?.version ?? 0) > (this.#topology?.version ?? 0)) {
        this.#options.violated(
          `${process.name} has topology ${topology!.version}, and ${this.#topology?.version} is kept`,
        );
      }
      const nowMs = process.clock.monotonicMs();
      for (const copy of table.shards) {
        if (nowMs >= copy.servesUntilMs) continue;
        const other = servers.get(copy.id);
        if (other !== undefined) {
          this.#options.violated(`shard ${copy.id} is answered for by ${other.name} and by ${process.name}`);
        }
        servers.set(copy.id, process);
      }
      for (const copy of table.copies) {
        this.#checkCopy(process, copy, table.shards.includes(copy) ? log : null);
      }
    }
    if (this.#options.replicas > 0) this.#checkMembers();
  }

  /** `log` is that of a node that leads the shard. */
  #checkCopy(process: SimulatedProcess, copy: ShardCopy, log: Log | null): void {
    const { id, store, committing } = copy;
    if (store.usedBytes > store.reservedCapBytes) {
      this.#options.violated(
        `${process.name} uses ${store.usedBytes} bytes for shard ${id}, more than its cap`,
      );
    }
    // Before it is open a primary acknowledges nothing, whatever its log has.
    if (log === null || copy.servesUntilMs === -Infinity) return;
    const pending = this.#pending.get(log)?.get(id);
    if (pending === undefined || pending.length === 0) return;
    const { committedPosition } = committing;
    let count = 0;
    while (count < pending.length && pending[count]!.position <= committedPosition) count++;
    if (count > 0) this.#committed.set(id, pending[count - 1]!);
    pending.splice(0, count);
  }

  #checkMembers(): void {
    for (const [process, { table }] of this.#alive()) {
      for (const { id, history } of table.copies) {
        const committed = this.#committed.get(id);
        if (committed === undefined || !this.#topology!.shards[id]!.inSync.includes(table.myId)) continue;
        const { epoch, sequence } = committed;
        const knowsEpoch = history.starts.some((start) => start.epoch === epoch);
        if (history.sequence >= sequence && (!knowsEpoch || isWithin(history, committed))) continue;
        this.#options.violated(
          `${process.name} is in the in-sync set of shard ${id} and stands at epoch ${history.epoch}, sequence ` +
            `${history.sequence}: it lacks what was acknowledged, epoch ${epoch}, sequence ${sequence}`,
        );
      }
    }
  }

  #alive(): [SimulatedProcess, Copies][] {
    return [...this.#nodes].filter(([process]) => !process.isDead);
  }

  #followed(mutation: Mutation): void {
    const { kind, shard, epoch, sequence } = mutation;
    if (kind === KIND_BEGIN_ANEW) this.#options.saw("a full copy");
    if (kind === KIND_FILLED) this.#options.saw("a full copy that ended");
    if (!isCounted(kind) || this.#options.replicas === 0) return;
    const sum = sumOf(mutation);
    let mutations = this.#mutations.get(shard);
    if (mutations === undefined) this.#mutations.set(shard, mutations = new Map());
    const place = `${epoch}:${sequence}`;
    const known = mutations.get(place);
    if (known === undefined) mutations.set(place, sum);
    else if (known !== sum) {
      this.#options.violated(
        `sequence ${sequence} of epoch ${epoch} of shard ${shard} is not the same everywhere`,
      );
    }
  }

  #appended(log: Log, { kind, shard, epoch, sequence }: Mutation, position: Position): void {
    if (!isCounted(kind)) return;
    let pending = this.#pending.get(log);
    if (pending === undefined) this.#pending.set(log, pending = new Map());
    const ofShard = pending.get(shard);
    if (ofShard === undefined) pending.set(shard, [{ epoch, sequence, position }]);
    else ofShard.push({ epoch, sequence, position });
  }
}

/** Whether a mutation of this kind takes a sequence of its own. */
function isCounted(kind: number): boolean {
  return kind !== KIND_BEGIN_ANEW && kind !== KIND_BEGIN_EPOCH && kind !== KIND_FILL && kind !== KIND_FILLED;
}

/** A checksum of what a mutation does. What its kind has no use for is left over from another. */
function sumOf(mutation: Mutation): number {
  const { kind, keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd, expiresAtMs } = mutation;
  let sum = kind;
  if (kind !== KIND_FLUSH) sum = crc32(keyBytes.subarray(keyStart, keyEnd), sum);
  if (kind === KIND_SET) sum = crc32(valueBytes.subarray(valueStart, valueEnd), sum);
  return kind === KIND_SET || kind === KIND_EXPIRE ? crc32(String(expiresAtMs), sum) : sum;
}
