/**
 * Whatever happens to the links and to the nodes with copies, a copy never acknowledges what a loss of power could take,
 * and once all is quiet every copy is what the primary's is.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { BEAT_MS, KIB, STORE_CAP_BYTES_MIN } from "../../src/core/limits.ts";
import { randomBelow } from "../../src/core/random.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { assertProperty } from "../support/property.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { advance } from "../support/settle.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";
import { type CopyWorld, FollowerNode, PrimaryNode, SHARDS } from "./copy_node.ts";

const STEPS = 60;
const PORT = 9001;
const QUIET_BEATS_MAX = 60;

class Run {
  readonly #random: SeededRandom;
  readonly #world: CopyWorld;
  readonly #network = new SimulatedNetwork();
  readonly #clock = new FakeClock();
  readonly #disk = new SimulatedDisk();
  #primary!: PrimaryNode;
  /** `null` while it is dead. */
  #replica: FollowerNode | null = null;
  /** Up to where each shard was acknowledged. */
  readonly #acknowledged = SHARDS.map(() => 0);
  #isCutOff = false;
  #value = 0;
  /** What has happened, for who has to find out. */
  readonly events: string[] = [];

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    // Few segments hold much, so that the log often does not reach back.
    this.#world = {
      network: this.#network,
      clock: this.#clock,
      segmentBytes: KIB + this.#below(8 * KIB),
      capBytes: STORE_CAP_BYTES_MIN * (1 + this.#below(4)),
    };
  }

  async run(): Promise<void> {
    this.#primary = await PrimaryNode.start(new SimulatedDisk(), this.#world);
    for (const led of this.#primary.led) {
      led.onAcknowledged = (_peer, sequence) => this.#heard(led.shard, sequence);
    }
    if (this.#below(3) === 0) await this.#leadAnotherHistory();
    for (let i = this.#below(300); i > 0; i--) this.#mutate();
    await this.#startReplica();
    this.#primary.follow(this.#replica!);
    for (let step = 0; step < STEPS; step++) {
      await this.#step();
      for (let turns = this.#below(60); turns > 0; turns--) await Promise.resolve();
    }
    await this.#becomeQuiet();
    assertEquals(this.#replica!.content(), this.#primary.content());
    for (const { store } of this.#primary.led) store.check();
    await this.#primary.stop();
  }

  /** An acknowledgement has come: what is on the replica's disk has to have everything up to there. */
  #heard(shard: number, sequence: number): void {
    this.#acknowledged[shard] = Math.max(this.#acknowledged[shard]!, sequence);
    const durable = this.#replica?.copies[shard]?.durableSequence ?? sequence;
    assert(durable >= sequence, `${sequence} of shard ${shard} is acknowledged, durable is ${durable}`);
  }

  async #step(): Promise<void> {
    const step = this.#below(24);
    if (step < 12) { for (let count = 1 + this.#below(12); count > 0; count--) this.#mutate(); }
    else if (step < 16) this.#clock.advance(BEAT_MS);
    else if (step === 16) this.#note("cut", () => this.#replica?.cut());
    else if (step === 17) this.#cutOff();
    else if (step === 18) this.#heal();
    else if (step === 19) this.#note("sync late", () => this.#disk.holdSyncs());
    else if (step === 20) this.#disk.releaseSyncs();
    else if (step === 21) await this.#crashOrStart();
    else if (step === 22) await this.#shortenLog();
    else this.#beginEpoch();
  }

  #mutate(): void {
    const shard = this.#below(SHARDS.length);
    const key = `k${this.#below(200)}`;
    const kind = this.#below(400);
    const expiresAtMs = this.#below(3) === 0 ? this.#clock.nowMs() + this.#below(2_000) : 0;
    // Long ones are evicted, or evict others.
    const length = this.#below(30) === 0
      ? this.#below(100 * KIB)
      : this.#below(this.#below(4) === 0 ? 8 * KIB : 99);
    if (kind < 280) this.#primary.set(shard, key, "v".repeat(length) + this.#value++, expiresAtMs);
    else if (kind < 340) this.#primary.delete(shard, key);
    else if (kind < 370) this.#primary.expire(shard, key, expiresAtMs);
    else if (kind < 399) this.#primary.sweep(shard);
    else this.#primary.flush(shard);
  }

  #beginEpoch(): void {
    const shard = this.#below(SHARDS.length);
    this.#primary.beginEpoch(shard, this.#primary.led[shard]!.epoch + 1 + this.#below(2));
  }

  async #shortenLog(): Promise<void> {
    this.events.push("shorter log");
    const { log } = this.#primary.folder;
    await log.removeBefore(log.committedPosition);
  }

  #cutOff(): void {
    if (this.#isCutOff) return;
    this.events.push("cut off");
    this.#isCutOff = true;
    this.#network.cutOff(PORT);
  }

  #heal(): void {
    if (!this.#isCutOff) return;
    this.events.push("healed");
    this.#isCutOff = false;
    const deliver = this.#network.heal(PORT);
    if (this.#below(2) === 0) deliver();
    else this.#replica?.cut();
  }

  async #crashOrStart(): Promise<void> {
    if (this.#replica === null) return await this.#startReplica();
    this.events.push("power loss");
    this.#replica.die();
    this.#replica = null;
    this.#disk.losePower(this.#random);
  }

  async #startReplica(): Promise<void> {
    this.events.push("start");
    this.#disk.releaseSyncs();
    const replica = await FollowerNode.start(this.#disk, this.#world, { port: PORT });
    for (const { shard, history } of replica.copies) {
      const acknowledged = this.#acknowledged[shard]!;
      assert(
        history.sequence >= acknowledged,
        `shard ${shard} came back at ${history.sequence}, ${acknowledged} was acknowledged`,
      );
    }
    this.#replica = replica;
  }

  /** The replica's disk has what it did as a primary in an epoch that the primary's history does not have. */
  async #leadAnotherHistory(): Promise<void> {
    this.events.push("another history");
    const former = await PrimaryNode.start(this.#disk, this.#world);
    for (let i = this.#below(50); i > 0; i--) former.set(this.#below(SHARDS.length), `k${i}`, "another");
    await former.stop();
    this.#disk.killProcess();
    for (const shard of SHARDS) this.#primary.beginEpoch(shard, 2);
  }

  async #becomeQuiet(): Promise<void> {
    this.#disk.releaseSyncs();
    this.#heal();
    if (this.#replica === null) await this.#startReplica();
    const isQuiet = () =>
      this.#primary.led.every(({ states, history, acknowledgements }) =>
        states.get("replica") === "live" && acknowledgements.get("replica")!.sequence === history.sequence
      );
    for (let beats = 0; !isQuiet(); beats++) {
      const states = this.#primary.led.map(({ states }) => states.get("replica"));
      assert(beats < QUIET_BEATS_MAX, `the copies are ${states}`);
      await advance(this.#clock, BEAT_MS);
    }
  }

  #note(event: string, happen: () => void): void {
    this.events.push(event);
    happen();
  }

  #below(bound: number): number {
    return randomBelow(this.#random, bound);
  }
}

Deno.test("A copy has on its disk what it acknowledges, and all that its primary has once all is quiet", async () => {
  await assertProperty(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const run = new Run(seed);
      try {
        await run.run();
      } catch (error) {
        const what = error instanceof Error ? error.message : error;
        throw new Error(`run ${seed} (${run.events.join(", ")}): ${what}`, { cause: error });
      }
    }),
    { numRuns: 12 },
  );
});
