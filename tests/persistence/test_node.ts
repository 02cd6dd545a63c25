/**
 * A node's persistence without the node: a model that mutations are applied to and logged from, and that recovery
 * fills again. What a test compares are two models.
 */
import { assert } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
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
  TYPE_STRING,
} from "../../src/core/mutation.ts";
import type { Logger } from "../../src/core/logger.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import type { Disk } from "../../src/io/disk.ts";
import type { DumpSink, DumpSource, StepPace } from "../../src/persistence/dump_stream.ts";
import { DumpWriter, type WrittenDump } from "../../src/persistence/dump_writer.ts";
import type { FsyncPolicy } from "../../src/persistence/log.ts";
import { pathsOf } from "../../src/persistence/paths.ts";
import { recover, type Recovered } from "../../src/persistence/recovery.ts";
import { ShardHistory } from "../../src/persistence/shard_history.ts";
import type { EntryLoader, RecoveryTarget } from "../../src/persistence/replayer.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type MutationFields, mutationOf } from "../support/mutations.ts";
import type { SimulatedDisk } from "../support/simulated_disk.ts";

export const PATHS = pathsOf("data", 8081);
export const FIRST_SEGMENT = `${PATHS.logDirectory}/0000000000000001.log`;
export const SECOND_SEGMENT = `${PATHS.logDirectory}/0000000000000002.log`;

export const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Lets a dump go on at once. */
export const UNPACED: StepPace = { nextStep: () => Promise.resolve() };

/** What a node holds: `shard/key` → `value@expiresAt`. */
export class Model implements RecoveryTarget {
  readonly entries = new Map<string, string>();
  /** Keys that were said to come soon, and how often those were to be fetched. */
  readonly announced: string[] = [];
  fetchCount = 0;
  /** Entries of dumps that are to come. */
  #missing = 0;

  load(shard: number, entryCount: number): EntryLoader {
    this.#missing += entryCount;
    return {
      add: (mutation) => {
        assert(mutation.shard === shard && !this.entries.has(nameOf(mutation)), "no key comes twice");
        this.apply(mutation);
      },
      end: () => this.#missing -= entryCount,
    };
  }

  apply(mutation: Mutation): void {
    const { kind, shard, valueBytes, valueStart, valueEnd, expiresAtMs } = mutation;
    const name = nameOf(mutation);
    if (kind === KIND_SET || kind === KIND_FILL) {
      this.entries.set(name, `${textOf(valueBytes, valueStart, valueEnd)}@${expiresAtMs}`);
    } else if (kind === KIND_DELETE) this.entries.delete(name);
    else if (kind === KIND_EXPIRE) {
      const value = this.entries.get(name);
      if (value !== undefined) this.entries.set(name, value.replace(/@[^@]*$/, `@${expiresAtMs}`));
    } else if (kind === KIND_FLUSH || kind === KIND_BEGIN_ANEW) {
      for (const name of this.entries.keys()) if (name.startsWith(`${shard}/`)) this.entries.delete(name);
    }
  }

  announce(mutation: Mutation): void {
    this.announced.push(nameOf(mutation));
  }

  fetchAnnounced(): void {
    this.fetchCount++;
  }

  /** The entries, sorted, for comparison. */
  content(): Record<string, string> {
    assert(this.#missing === 0, "every loader was ended");
    return Object.fromEntries([...this.entries].sort());
  }
}

export interface TestNodeOptions {
  readonly policy?: FsyncPolicy;
  readonly clock?: FakeClock;
  readonly seed?: number;
  /** The disk as the node sees it. */
  readonly process?: Disk;
  readonly bootId?: string;
  readonly segmentBytes?: number;
  readonly frameBytes?: number;
}

export class TestNode {
  readonly disk: SimulatedDisk;
  readonly clock: FakeClock;
  readonly recovered: Recovered;
  readonly model: Model;
  readonly writer: DumpWriter;
  readonly #histories = new Map<number, ShardHistory>();
  epoch = 1;

  private constructor(
    disk: SimulatedDisk,
    process: Disk,
    clock: FakeClock,
    recovered: Recovered,
    model: Model,
  ) {
    this.disk = disk;
    this.clock = clock;
    this.recovered = recovered;
    this.model = model;
    this.writer = new DumpWriter({
      disk: process,
      clock,
      path: PATHS.dump,
      identity: recovered.nodeFile.identity.id,
    });
    for (const [shard, history] of recovered.histories) this.#histories.set(shard, history);
  }

  /** Recovers what is on the disk. */
  static async start(disk: SimulatedDisk, options: TestNodeOptions = {}): Promise<TestNode> {
    const clock = options.clock ?? new FakeClock();
    const model = new Model();
    const process = options.process ?? disk.process();
    const recovered = await recover({
      disk: process,
      clock,
      random: new SeededRandom(options.seed ?? 1),
      logger: QUIET,
      paths: PATHS,
      policy: options.policy ?? "always",
      bootId: options.bootId ?? "boot",
      ...(options.segmentBytes && { segmentBytes: options.segmentBytes }),
      ...(options.frameBytes && { frameBytes: options.frameBytes }),
      targetFor: () => model,
    });
    return new TestNode(disk, process, clock, recovered, model);
  }

  get log(): Recovered["log"] {
    return this.recovered.log;
  }

  set(shard: number, key: string, value: string, expiresAtMs = 0): number {
    return this.#mutate(shard, KIND_SET, key, { value, expiresAtMs });
  }

  delete(shard: number, key: string): number {
    return this.#mutate(shard, KIND_DELETE, key);
  }

  expire(shard: number, key: string, expiresAtMs: number): number {
    return this.#mutate(shard, KIND_EXPIRE, key, { expiresAtMs });
  }

  flush(shard: number): number {
    return this.#mutate(shard, KIND_FLUSH, "");
  }

  /** Ends the request and waits for its commit. */
  commit(): Promise<boolean> {
    this.log.endRequest();
    return this.log.whenCommitted(this.log.appended);
  }

  /** Says that epoch `epoch` of the shard begins. */
  beginEpoch(shard: number, epoch: number): number {
    return this.#append({ kind: KIND_BEGIN_EPOCH, shard, epoch, sequence: this.sequenceOf(shard) });
  }

  /** Empties the shard's copy, and lets its history begin anew. */
  beginAnew(shard: number, epoch: number, sequence: number): number {
    return this.#append({ kind: KIND_BEGIN_ANEW, shard, epoch, sequence });
  }

  /** An entry of the copy that began anew. */
  fill(shard: number, key: string, value: string, expiresAtMs = 0): number {
    return this.#append({ kind: KIND_FILL, shard, ...this.placeOf(shard), key, value, expiresAtMs });
  }

  /** The copy that began anew is whole. */
  filled(shard: number): number {
    return this.#append({ kind: KIND_FILLED, shard, ...this.placeOf(shard) });
  }

  placeOf(shard: number): { epoch: number; sequence: number } {
    const { epoch, sequence } = this.historyOf(shard);
    return { epoch, sequence };
  }

  dump(sources = [new ModelSource(this, 0), new ModelSource(this, 1)]): Promise<WrittenDump> {
    return this.writer.write(sources, this.log, UNPACED);
  }

  historyOf(shard: number): ShardHistory {
    if (!this.#histories.has(shard)) this.#histories.set(shard, new ShardHistory());
    return this.#histories.get(shard)!;
  }

  sequenceOf(shard: number): number {
    return this.historyOf(shard).sequence;
  }

  async stop(): Promise<void> {
    await this.log.close();
    this.recovered.lock.release();
  }

  #mutate(shard: number, kind: number, key: string, { value = "", expiresAtMs = 0 } = {}): number {
    const epoch = Math.max(this.epoch, this.historyOf(shard).epoch);
    return this.#append({
      kind,
      shard,
      epoch,
      sequence: this.sequenceOf(shard) + 1,
      key,
      value,
      expiresAtMs,
    });
  }

  #append(fields: MutationFields & { readonly shard: number }): number {
    const mutation = mutationOf(fields);
    assert(this.historyOf(fields.shard).follow(mutation) === "good record");
    this.model.apply(mutation);
    return this.log.append(mutation);
  }
}

/** A shard of a model as a source of dumps: copies everything when it begins. */
export class ModelSource implements DumpSource {
  readonly shard: number;
  readonly #node: TestNode;
  #pending: [string, string][] = [];
  #sink: DumpSink | null = null;
  abandoned = false;
  /** Called before each step. */
  onStep: () => void = () => {};

  constructor(node: TestNode, shard: number) {
    this.#node = node;
    this.shard = shard;
  }

  get history(): ShardHistory {
    return this.#node.historyOf(this.shard);
  }

  get entryCount(): number {
    return this.#entries().length;
  }

  begin(sink: DumpSink): void {
    this.abandoned = false;
    this.#pending = this.#entries();
    this.#sink = sink;
  }

  step(entriesMax: number): boolean {
    this.onStep();
    for (let i = 0; i < entriesMax && this.#pending.length > 0; i++) {
      this.#handOver(...this.#pending.shift()!);
    }
    return this.#pending.length === 0;
  }

  abandon(): void {
    this.abandoned = this.#pending.length > 0;
    this.#pending = [];
  }

  #entries(): [string, string][] {
    return [...this.#node.model.entries].filter(([name]) => name.startsWith(`${this.shard}/`));
  }

  #handOver(name: string, content: string): void {
    const key = bytesOf(name.slice(name.indexOf("/") + 1));
    const at = content.lastIndexOf("@");
    const value = bytesOf(content.slice(0, at));
    const expiresAtMs = Number(content.slice(at + 1));
    const lengths = { keyLength: key.length, valueLength: value.length };
    const output = this.#sink!.entryStart({ ...lengths, expiresAtMs, database: 0, type: TYPE_STRING });
    output.copy(key);
    output.copy(value);
    this.#sink!.entryEnd();
  }
}

/** Lets everything happen that needs neither time nor an answer that is held back. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

function nameOf({ shard, keyBytes, keyStart, keyEnd }: Mutation): string {
  return `${shard}/${textOf(keyBytes, keyStart, keyEnd)}`;
}
