/**
 * The life of a data folder, out of a seed: nodes start on it, run random requests and dumps on a disk that is full now
 * and then, that fails to sync or has no more files to open, and end by a kill (what was written can still be read), a
 * loss of power, or in order; some die before they have started. After every start the data has to be as it was after
 * some request, and that no earlier one than the last that must be there. So nothing acknowledged is lost, no request is
 * there by half, and no start is refused.
 */
import { assert } from "@std/assert";
import { DISK_FULL_RETRY_MS, KIB } from "../../src/core/limits.ts";
import { randomBelow } from "../../src/core/random.ts";
import type { FsyncPolicy } from "../../src/persistence/log.ts";
import { ShardHistory } from "../../src/persistence/shard_history.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { type Omission, OmittingDisk } from "./omitting_disk.ts";
import { TestNode } from "./test_node.ts";

/** Nodes that run on a folder, one after the other. */
const RUNS = 4;
const STEPS_MAX = 30;
/** Turns in which a start is over, mostly. */
const START_TURNS = 150;
/** Starts that may go wrong before one has to succeed. */
const FAILED_STARTS_MAX = 3;
const IO_ERROR = new Error("I/O error");
const NO_FILES = Object.assign(new Error("Too many open files"), { code: "EMFILE" });
const POLICIES: readonly FsyncPolicy[] = ["always", "always", "everysec", "no"];

/** What a node holds that has just begun. */
const NOTHING = JSON.stringify([{}, [{ ...new ShardHistory() }, { ...new ShardHistory() }]]);

/** The data as it was after a request, and where the log had got to. */
interface Moment {
  readonly content: string;
  readonly position: number;
}

/** Leads the life of `seed`; rejects when it goes wrong. With `omission`, one safety measure is left out. */
export async function live(seed: number, omission: Omission | null = null): Promise<void> {
  const life = new Life(seed, omission);
  try {
    await life.run();
  } catch (error) {
    throw new Error(`life ${seed}, ${life.told}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

class Life {
  readonly #random: SeededRandom;
  readonly #omission: Omission | null;
  readonly #disk = new SimulatedDisk();
  readonly #policy: FsyncPolicy;
  readonly #segmentBytes: number;
  readonly #frameBytes: number;
  /** The data since the last start, one moment after the other; the last start's own is the first. */
  #moments: Moment[] = [{ content: NOTHING, position: 0 }];
  /** Index of the moment that must be there, at least, at the next start; and after a loss of power. */
  #mustBeThere = 0;
  #mustBeSafe = 0;
  #dumping: Promise<void> | null = null;
  /** Log position up to which the node that runs was told that all is synced. */
  #synced = 0;
  /** Failed syncs before this node has started. */
  #failedSyncsBefore = 0;
  /** Whether the folder comes from a backup, and no node has started on it: nothing of it is safe yet. */
  #isRestored = false;
  #value = 0;
  readonly #events: string[] = [];

  constructor(seed: number, omission: Omission | null) {
    this.#random = new SeededRandom(seed);
    this.#omission = omission;
    this.#policy = POLICIES[this.#below(POLICIES.length)]!;
    this.#segmentBytes = KIB / 2 + this.#below(3 * KIB);
    this.#frameBytes = 32 + this.#below(KIB / 2);
  }

  /** What has happened so far. */
  get told(): string {
    return `policy ${this.#policy}: ${this.#events.join(", ")}`;
  }

  async run(): Promise<void> {
    for (let run = 0; run < RUNS; run++) {
      const node = await this.#start();
      for (let steps = this.#below(STEPS_MAX); steps > 0; steps--) await this.#step(node);
      await this.#end(node);
    }
    await (await this.#start()).stop();
  }

  /** Starts a node, at last; some attempts before that come to nothing. */
  async #start(): Promise<TestNode> {
    for (let failures = this.#below(FAILED_STARTS_MAX + 1); failures > 0; failures--) {
      if (this.#isRestored || this.#below(2) === 0) await this.#dieWhileStarting();
      else await this.#failToStart();
    }
    this.#events.push("start");
    return this.#found(await this.#begin());
  }

  async #dieWhileStarting(): Promise<void> {
    const starting = this.#begin().then((node) => this.#found(node)).catch(ignoreDeath);
    await turns(this.#below(START_TURNS));
    this.#crash("while starting");
    await starting;
  }

  async #failToStart(): Promise<void> {
    const disk = this.#disk;
    if (this.#below(2) === 0) disk.failSyncs = IO_ERROR;
    else disk.failDirectorySyncs = IO_ERROR;
    try {
      this.#found(await this.#begin());
    } catch (error) {
      if (error !== IO_ERROR) throw error;
    }
    disk.failSyncs = disk.failDirectorySyncs = null;
    this.#mayLoseUnsynced();
    this.#crash("after a failed start");
  }

  async #begin(): Promise<TestNode> {
    const disk = this.#omission === null ? null : new OmittingDisk(this.#disk.process(), this.#omission);
    const node = await TestNode.start(this.#disk, {
      policy: this.#policy,
      seed: this.#random.u32(),
      segmentBytes: this.#segmentBytes,
      frameBytes: this.#frameBytes,
      ...(disk && { process: disk }),
    });
    disk?.started();
    return node;
  }

  /** A node has started: what it has found is all that there is from now on, and safe. */
  #found(node: TestNode): TestNode {
    const content = contentOf(node);
    const found = this.#moments.findLastIndex((moment) => moment.content === content);
    assert(found >= 0, `${content} was never the data`);
    assert(found >= this.#mustBeThere, `moment ${found} came back, but ${this.#mustBeThere} must be there`);
    this.#moments = [{ content, position: node.log.appended }];
    this.#synced = node.log.appended;
    this.#mustBeThere = this.#mustBeSafe = 0;
    this.#isRestored = false;
    this.#failedSyncsBefore = this.#disk.failedSyncCount;
    return node;
  }

  async #step(node: TestNode): Promise<void> {
    const disk = this.#disk;
    switch (this.#below(20)) {
      case 0:
        await node.commit();
        return;
      case 1:
        return this.#dump(node);
      case 2:
        disk.capacityBytes = disk.usedBytes + this.#below(200);
        return;
      case 3:
        if (this.#below(4) === 0) disk.failSyncs = IO_ERROR;
        return;
      case 4:
        disk.failOpens = NO_FILES;
        return;
      case 5:
      case 6:
        this.#heal();
        node.clock.advance(DISK_FULL_RETRY_MS);
        return await turns(this.#below(60));
      case 7:
        return await this.#sync(node);
      case 8:
      case 9:
        return await turns(this.#below(30));
      default:
        if (node.log.failure === "") this.#request(node);
    }
  }

  #request(node: TestNode): void {
    for (let count = 1 + this.#below(3); count > 0; count--) this.#mutate(node);
    node.log.endRequest();
    this.#moments.push({ content: contentOf(node), position: node.log.appended });
  }

  #mutate(node: TestNode): void {
    const shard = this.#below(2);
    const key = `k${this.#below(5)}`;
    const kind = this.#below(12);
    if (kind < 6) {
      const length = this.#below(8) === 0 ? this.#below(KIB) : this.#below(40);
      node.set(shard, key, "v".repeat(length) + this.#value++, this.#below(2) * 99);
    } else if (kind < 8) node.delete(shard, key);
    else if (kind < 9) node.expire(shard, key, this.#below(1000));
    else if (kind < 10) node.flush(shard);
    else this.#turn(node, shard);
  }

  /** A turn in a shard's history. */
  #turn(node: TestNode, shard: number): void {
    const { epoch, sequence, isFilling } = node.historyOf(shard);
    if (isFilling && this.#below(3) > 0) {
      if (this.#below(2) === 0) {
        node.fill(shard, `k${this.#below(5)}`, `f${this.#value++}`, this.#below(2) * 99);
      } else node.filled(shard);
    } else if (this.#below(2) === 0) node.beginEpoch(shard, epoch + 1 + this.#below(2));
    else node.beginAnew(shard, epoch + this.#below(2), this.#below(2) * sequence + this.#below(9));
  }

  #dump(node: TestNode): void {
    if (this.#dumping !== null) return;
    const dumping = node.dump().then(({ position }) => {
      this.#synced = Math.max(this.#synced, position);
      return node.log.removeBefore(position);
    });
    this.#dumping = dumping.catch(() => {}).finally(() => this.#dumping = null);
  }

  async #sync(node: TestNode): Promise<void> {
    const { appended } = node.log;
    if (await node.log.syncThrough(appended)) this.#synced = Math.max(this.#synced, appended);
  }

  /** The node that runs ends in one of three ways. */
  async #end(node: TestNode): Promise<void> {
    if (this.#below(5) === 0) {
      this.#heal();
      await this.#dumping;
      await node.stop();
      this.#settle(node);
      if (node.log.failure === "") this.#mustBeThere = this.#mustBeSafe = this.#moments.length - 1;
      this.#events.push("stop");
      this.#disk.killProcess();
      if (this.#below(2) === 0) this.#restore();
      return;
    }
    this.#settle(node);
    this.#crash("");
    this.#heal();
    await this.#dumping;
    await turns(20); // what the dead process had begun comes to nothing
  }

  /** Notes what must be there after the end of `node`. */
  #settle(node: TestNode): void {
    const upTo = (position: number) => this.#moments.findLastIndex((moment) => moment.position <= position);
    const { committedPosition: committed } = node.log;
    this.#mustBeThere = upTo(committed);
    this.#mustBeSafe = this.#policy === "always" ? this.#mustBeThere : upTo(this.#synced);
    if (this.#disk.failedSyncCount > this.#failedSyncsBefore) this.#mayLoseUnsynced();
  }

  /** Where a sync has failed, the system may forget what it was to sync although nobody pulls the plug. */
  #mayLoseUnsynced(): void {
    this.#mustBeThere = Math.min(this.#mustBeThere, this.#mustBeSafe);
  }

  /** A person has put the folder back from a backup of a node that was stopped. */
  #restore(): void {
    this.#events.push("restore");
    this.#disk.restoreFromBackup();
    this.#isRestored = true;
  }

  #crash(when: string): void {
    if (this.#isRestored || this.#below(2) === 0) {
      this.#events.push(`kill ${when}`);
      this.#disk.killProcess(this.#random);
    } else {
      this.#events.push(`power loss ${when}`);
      this.#disk.losePower(this.#random);
      this.#mayLoseUnsynced();
    }
  }

  #heal(): void {
    const disk = this.#disk;
    disk.capacityBytes = Infinity;
    disk.failSyncs = disk.failOpens = null;
  }

  #below(bound: number): number {
    return randomBelow(this.#random, bound);
  }
}

/** The data and the shards' histories. */
function contentOf(node: TestNode): string {
  const histories = [0, 1].map((shard) => ({
    ...node.historyOf(shard),
    starts: node.historyOf(shard).starts,
  }));
  return JSON.stringify([node.model.content(), histories]);
}

/** What a dying process still says. */
function ignoreDeath(error: unknown): void {
  if (!(error instanceof Error && error.message.includes("the process is dead"))) throw error;
}

async function turns(count: number): Promise<void> {
  for (; count > 0; count--) await Promise.resolve();
}
