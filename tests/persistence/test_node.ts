/**
 * A node's persistence without the node: a model that mutations are applied to and logged from, and that recovery
 * fills again. What a test compares are two models.
 */
import { assert } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import type { Logger } from "../../src/core/logger.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import type { Disk } from "../../src/io/disk.ts";
import type { DumpSink, DumpSource, StepPace } from "../../src/persistence/dump_stream.ts";
import { DumpWriter, type WrittenDump } from "../../src/persistence/dump_writer.ts";
import type { FsyncPolicy } from "../../src/persistence/log.ts";
import { pathsOf } from "../../src/persistence/paths.ts";
import { recover, type Recovered } from "../../src/persistence/recovery.ts";
import type { EntryLoader, RecoveryTarget } from "../../src/persistence/replayer.ts";
import { FakeClock } from "../support/fake_clock.ts";
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
      add: (bytes, keyStart, valueStart, valueEnd, expiresAtMs) => {
        assert(!this.entries.has(nameOf(shard, bytes, keyStart, valueStart)), "no key comes twice");
        this.set(shard, bytes, keyStart, valueStart, valueStart, valueEnd, expiresAtMs);
      },
      end: () => this.#missing -= entryCount,
    };
  }

  set(
    shard: number,
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    expiresAtMs: number,
  ): void {
    this.entries.set(
      nameOf(shard, bytes, keyStart, keyEnd),
      `${textOf(bytes, valueStart, valueEnd)}@${expiresAtMs}`,
    );
  }

  delete(shard: number, bytes: Uint8Array, keyStart: number, keyEnd: number): void {
    this.entries.delete(nameOf(shard, bytes, keyStart, keyEnd));
  }

  expire(shard: number, bytes: Uint8Array, keyStart: number, keyEnd: number, expiresAtMs: number): void {
    const name = nameOf(shard, bytes, keyStart, keyEnd);
    const value = this.entries.get(name);
    if (value !== undefined) this.entries.set(name, value.replace(/@[^@]*$/, `@${expiresAtMs}`));
  }

  flush(shard: number): void {
    for (const name of this.entries.keys()) if (name.startsWith(`${shard}/`)) this.entries.delete(name);
  }

  announce(shard: number, bytes: Uint8Array, keyStart: number, keyEnd: number): void {
    this.announced.push(nameOf(shard, bytes, keyStart, keyEnd));
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
}

export class TestNode {
  readonly disk: SimulatedDisk;
  readonly clock: FakeClock;
  readonly recovered: Recovered;
  readonly model: Model;
  readonly writer: DumpWriter;
  readonly #sequences = new Map<number, number>();
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
    this.writer = new DumpWriter({ disk: process, clock, path: PATHS.dump, identity: recovered.identity.id });
    for (const [shard, { sequence }] of recovered.histories) this.#sequences.set(shard, sequence);
  }

  /** Recovers what is on the disk. */
  static async start(disk: SimulatedDisk, options: TestNodeOptions = {}): Promise<TestNode> {
    const clock = options.clock ?? new FakeClock();
    const model = new Model();
    const process = disk.process();
    const recovered = await recover({
      disk: process,
      clock,
      random: new SeededRandom(options.seed ?? 1),
      logger: QUIET,
      paths: PATHS,
      policy: options.policy ?? "always",
      targetFor: () => model,
    });
    return new TestNode(disk, process, clock, recovered, model);
  }

  get log(): Recovered["log"] {
    return this.recovered.log;
  }

  set(shard: number, key: string, value: string, expiresAtMs = 0): number {
    const [k, v] = [bytesOf(key), bytesOf(value)];
    this.model.entries.set(`${shard}/${key}`, `${value}@${expiresAtMs}`);
    const sequence = this.#nextSequence(shard);
    return this.log.appendSet(shard, this.epoch, sequence, k, 0, k.length, v, 0, v.length, expiresAtMs);
  }

  delete(shard: number, key: string): number {
    const bytes = bytesOf(key);
    this.model.delete(shard, bytes, 0, bytes.length);
    return this.log.appendDelete(shard, this.epoch, this.#nextSequence(shard), bytes, 0, bytes.length);
  }

  expire(shard: number, key: string, expiresAtMs: number): number {
    const bytes = bytesOf(key);
    this.model.expire(shard, bytes, 0, bytes.length, expiresAtMs);
    return this.log.appendExpire(
      shard,
      this.epoch,
      this.#nextSequence(shard),
      bytes,
      0,
      bytes.length,
      expiresAtMs,
    );
  }

  flush(shard: number): number {
    this.model.flush(shard);
    return this.log.appendFlush(shard, this.epoch, this.#nextSequence(shard));
  }

  /** Ends the request and waits for its commit. */
  commit(): Promise<boolean> {
    this.log.endRequest();
    return this.log.whenCommitted(this.log.appended);
  }

  /** Leaves out a sequence, as no node would. */
  skipSequence(shard: number): void {
    this.#nextSequence(shard);
  }

  dump(sources = [new ModelSource(this, 0), new ModelSource(this, 1)]): Promise<WrittenDump> {
    return this.writer.write(sources, this.log, UNPACED);
  }

  sequenceOf(shard: number): number {
    return this.#sequences.get(shard) ?? 0;
  }

  async stop(): Promise<void> {
    await this.log.close();
    this.recovered.lock.release();
  }

  #nextSequence(shard: number): number {
    const sequence = this.sequenceOf(shard) + 1;
    this.#sequences.set(shard, sequence);
    return sequence;
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

  get epoch(): number {
    return this.#node.epoch;
  }

  get sequence(): number {
    return this.#node.sequenceOf(this.shard);
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
    const output = this.#sink!.entryStart(key.length, value.length, Number(content.slice(at + 1)));
    output.copy(key);
    output.copy(value);
    this.#sink!.entryEnd();
  }
}

/** Lets everything happen that needs neither time nor an answer that is held back. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

function nameOf(shard: number, bytes: Uint8Array, keyStart: number, keyEnd: number): string {
  return `${shard}/${textOf(bytes, keyStart, keyEnd)}`;
}
