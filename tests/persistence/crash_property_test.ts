/**
 * Random requests, dumps, full disks and crashes: after every start the data is as it was after some request, and that
 * is no earlier one than the last acknowledged. So nothing acknowledged is lost and no request is there by half.
 */
import { assert } from "@std/assert";
import fc from "fast-check";
import { DISK_FULL_RETRY_MS, LOG_FRAME_BYTES } from "../../src/core/limits.ts";
import { randomBelow } from "../../src/core/random.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import type { FsyncPolicy } from "../../src/persistence/log.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { settle, TestNode } from "./test_node.ts";
import { assertProperty } from "../support/property.ts";

const LIVES = 4;
const STEPS_MAX = 40;
/** One life in so many has values that fill frames of the log, so that requests go on from one to the next. */
const LONG_LIVES = 8;

/** The data and the shards' histories as they were after a request, and the position that has to be committed for it to be acknowledged. */
interface Moment {
  readonly content: string;
  readonly position: number;
}

/** One life of a node: it starts, does random things, and notes every moment. */
class Life {
  readonly node: TestNode;
  readonly moments: Moment[];
  readonly #random: SeededRandom;
  readonly #isLong: boolean;
  #dumping: Promise<void> | null = null;

  private constructor(node: TestNode, random: SeededRandom) {
    this.node = node;
    this.#random = random;
    this.#isLong = this.#below(LONG_LIVES) === 0;
    this.moments = [{ content: contentOf(node), position: 0 }];
  }

  static async begin(disk: SimulatedDisk, policy: FsyncPolicy, random: SeededRandom): Promise<Life> {
    return new Life(await TestNode.start(disk, { policy, seed: random.u32() }), random);
  }

  async step(): Promise<void> {
    switch (this.#below(12)) {
      case 0:
        return void await this.node.commit();
      case 1:
        return this.#startDump();
      case 2:
        return this.#fillDisk();
      case 3:
        return this.#freeDisk();
      case 4:
      case 5:
        return await this.#wait(this.#below(30));
      default:
        if (this.node.log.failure === "") this.#request();
    }
  }

  /** Index of the newest moment that a client was told of. */
  get acknowledged(): number {
    return this.moments.findLastIndex(({ position }) => position <= this.node.log.committed);
  }

  /** What the dead process had begun comes to nothing. */
  async end(): Promise<void> {
    await this.#dumping;
    await settle();
  }

  #request(): void {
    for (let count = 1 + this.#below(3); count > 0; count--) this.#mutate();
    this.node.log.endRequest();
    this.moments.push({ content: contentOf(this.node), position: this.node.log.appended });
  }

  #mutate(): void {
    const shard = this.#below(2);
    const key = `k${this.#below(5)}`;
    const kind = this.#below(11);
    if (kind < 6) {
      const length = this.#isLong && this.#below(2) === 0 ? LOG_FRAME_BYTES : this.#below(40);
      this.node.set(shard, key, "v".repeat(length) + this.#below(1000), this.#below(2) * 99);
    } else if (kind < 8) this.node.delete(shard, key);
    else if (kind < 9) this.node.expire(shard, key, this.#below(1000));
    else if (kind < 10) this.node.flush(shard);
    else this.#turn(shard);
  }

  /** A turn in a shard's history. */
  #turn(shard: number): void {
    const { epoch, sequence } = this.node.historyOf(shard);
    if (this.#below(2) === 0) this.node.beginEpoch(shard, epoch + 1 + this.#below(2));
    else this.node.beginAnew(shard, epoch + this.#below(2), this.#below(2) * sequence + this.#below(9));
  }

  #startDump(): void {
    if (this.#dumping !== null) return;
    const dumping = this.node.dump().then(({ position }) => this.node.log.removeBefore(position));
    this.#dumping = dumping.catch(() => {}).finally(() => this.#dumping = null);
  }

  #fillDisk(): void {
    const { disk } = this.node;
    const used = disk.paths.reduce((sum, path) => sum + disk.contentOf(path).length, 0);
    disk.capacityBytes = used + this.#below(200);
  }

  async #freeDisk(): Promise<void> {
    this.node.disk.capacityBytes = Infinity;
    this.node.clock.advance(DISK_FULL_RETRY_MS);
    await this.#wait(this.#below(30));
  }

  async #wait(turns: number): Promise<void> {
    for (; turns > 0; turns--) await Promise.resolve();
  }

  #below(bound: number): number {
    return randomBelow(this.#random, bound);
  }
}

function contentOf(node: TestNode): string {
  const histories = [0, 1].map((shard) => ({
    ...node.historyOf(shard),
    starts: node.historyOf(shard).starts,
  }));
  return JSON.stringify([node.model.content(), histories]);
}

/** Lives one life after the other; `crash` ends each, and says how early a moment may come back. */
async function live(seed: number, policy: FsyncPolicy, crash: Crash): Promise<void> {
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk();
  let life = await Life.begin(disk, policy, random);
  for (let number = 1; number <= LIVES; number++) {
    for (let steps = randomBelow(random, STEPS_MAX); steps > 0; steps--) await life.step();
    const earliest = crash(disk, life, random);
    disk.capacityBytes = Infinity;
    await life.end();
    const next = await Life.begin(disk, policy, random);
    const found = life.moments.findLastIndex(({ content }) => content === next.moments[0]!.content);
    assert(found >= 0, `life ${number}: ${next.moments[0]!.content} was never the data`);
    assert(found >= earliest, `life ${number}: moment ${found} came back, but ${earliest} was acknowledged`);
    life = next;
  }
  await life.node.stop();
}

type Crash = (disk: SimulatedDisk, life: Life, random: SeededRandom) => number;

const powerLoss: Crash = (disk, life, random) => {
  const { acknowledged } = life;
  disk.losePower(random);
  return acknowledged;
};

const kill: Crash = (disk, life) => {
  const { acknowledged } = life;
  disk.killProcess();
  return acknowledged;
};

/** Under policies other than `always` a power loss may take what was acknowledged, but still no half request. */
const powerLossUnsynced: Crash = (disk, _, random) => {
  disk.losePower(random);
  return 0;
};

for (
  const [name, policy, crash] of [
    ["always keeps everything acknowledged through power losses", "always", powerLoss],
    ["everysec keeps everything acknowledged through kills", "everysec", kill],
    ["no comes back whole from power losses", "no", powerLossUnsynced],
  ] as const
) {
  Deno.test(`A node with policy ${name}`, async () => {
    const seeds = fc.integer();
    await assertProperty(fc.asyncProperty(seeds, (seed) => live(seed, policy, crash)), { numRuns: 250 });
  });
}
