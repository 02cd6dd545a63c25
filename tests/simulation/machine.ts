/**
 * A machine of the simulation, with its disk and its clock, and the process that runs on it. Whatever a process learns
 * from outside (an answer of the disk, bytes, a timer) passes {@linkcode SimulatedProcess.enter}: so nothing of a dead
 * process ever goes on, and a process that stands still learns everything late.
 */
import type { Clock, Timer } from "../../src/core/clock.ts";
import { type Random, randomBelow, randomUuid } from "../../src/core/random.ts";
import type { DiskWork } from "../support/simulated_disk.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import type { Scheduler } from "./scheduler.ts";

const EPOCH_MS = 1_700_000_000_000;
/** How much later than asked for a timer may run. */
const TIMER_LATE_MS = 0.3;
/** A process that goes on has learned within this what happened meanwhile. */
const RESUME_MS = 0.2;

/** How long work of a disk takes. */
export interface DiskPace {
  readonly workMs: number;
  readonly syncMs: number;
}

export class Machine {
  readonly name: string;
  readonly disk = new SimulatedDisk();
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** The process that runs, or ran last. */
  process: SimulatedProcess | null = null;
  bootId: string;
  /** Without power: nothing gets to it. */
  isDown = false;
  /** Its time goes by this much faster than that of the simulation. */
  rate = 1;
  /** Its time of day is ahead by this. */
  wallOffsetMs = 0;
  pace: DiskPace = { workMs: 0.1, syncMs: 1 };
  /** How many times slower its disk is for now; of several, the most counts. */
  readonly #diskFactors: number[] = [];
  #starts = 0;

  constructor(name: string, scheduler: Scheduler, random: Random) {
    this.name = name;
    this.scheduler = scheduler;
    this.random = random;
    this.bootId = randomUuid(random);
    this.disk.pace = (work) => this.#workOf(work);
  }

  /** A process that begins now. There is none before. */
  begin(): SimulatedProcess {
    this.process = new SimulatedProcess(this, ++this.#starts);
    return this.process;
  }

  /** The process dies, what it has written stays. */
  crash(): void {
    this.process?.kill();
    this.disk.killProcess(this.random);
  }

  /** The machine dies, and what was not synced with it, but for some of it. */
  losePower(): void {
    this.process?.kill();
    this.disk.losePower(this.random);
    this.bootId = randomUuid(this.random);
    this.isDown = true;
  }

  /** A number from half of `ms` to `ms` and a half; now and then a multiple. */
  around(ms: number): number {
    const share = this.random.u32() / 2 ** 32;
    return ms * (0.5 + share) * (randomBelow(this.random, 50) === 0 ? 8 : 1);
  }

  /** Its disk is slower from now on; returns what ends that. */
  slowDisk(factor: number): () => void {
    this.#diskFactors.push(factor);
    return () => void this.#diskFactors.splice(this.#diskFactors.indexOf(factor), 1);
  }

  #workOf(work: DiskWork): Promise<void> {
    const { process } = this;
    if (process === null) return Promise.resolve();
    const paceMs = work === "sync" ? this.pace.syncMs : this.pace.workMs;
    const ms = this.around(paceMs * Math.max(1, ...this.#diskFactors));
    return new Promise((resolve) => process.after(ms, `${process.name} disk ${work}`, resolve));
  }
}

export class SimulatedProcess {
  readonly machine: Machine;
  readonly name: string;
  readonly clock: Clock;
  #isDead = false;
  /** What it has yet to learn; `null` while it runs. */
  #held: { readonly run: () => void; readonly isTimer: boolean }[] | null = null;
  /** Told when it dies. */
  onDeath: () => void = () => {};

  constructor(machine: Machine, number: number) {
    this.machine = machine;
    this.name = `${machine.name}/${number}`;
    this.clock = new MachineClock(this);
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isPaused(): boolean {
    return this.#held !== null;
  }

  /** Something that the process notices: at once, when it goes on, or never. */
  enter(run: () => void, isTimer = false): void {
    if (this.#isDead) return;
    if (this.#held !== null) this.#held.push({ run, isTimer });
    else run();
  }

  /** As {@linkcode SimulatedProcess.enter}, in `delayMs`. */
  after(delayMs: number, label: string, run: () => void): Timer {
    return this.machine.scheduler.after(delayMs, this.#isDead ? "" : label, () => this.enter(run));
  }

  /** A timer of the process itself. */
  timer(delayMs: number, run: () => void): Timer {
    return this.machine.scheduler.after(delayMs, "", () => this.enter(run, true));
  }

  /** It stands still, as after SIGSTOP. */
  pause(): void {
    this.#held ??= [];
  }

  /** It goes on, and learns what it has missed: timers in their order, all else in any. */
  resume(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const { run, isTimer } of held) {
      if (isTimer) this.timer(0, run);
      else this.after(this.machine.random.u32() / 2 ** 32 * RESUME_MS, "", run);
    }
  }

  kill(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#held = null;
    this.onDeath();
  }
}

/** The clock of a machine as one of its processes has it. */
class MachineClock implements Clock {
  readonly #process: SimulatedProcess;
  readonly #machine: Machine;

  constructor(process: SimulatedProcess) {
    this.#process = process;
    this.#machine = process.machine;
  }

  nowMs(): number {
    return Math.floor(EPOCH_MS + this.monotonicMs() + this.#machine.wallOffsetMs);
  }

  monotonicMs(): number {
    return this.#machine.scheduler.nowMs * this.#machine.rate;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#process.timer(this.#realMs(delayMs) + this.#lateMs(), run);
  }

  every(periodMs: number, run: () => void): Timer {
    let isCancelled = false;
    let next: Timer;
    const again = (delayMs: number) => {
      next = this.#process.timer(delayMs, () => {
        if (isCancelled) return;
        again(this.#realMs(periodMs));
        run();
      });
    };
    again(this.#realMs(periodMs) + this.#lateMs());
    return {
      cancel: () => {
        isCancelled = true;
        next.cancel();
      },
    };
  }

  #lateMs(): number {
    return this.#machine.random.u32() / 2 ** 32 * TIMER_LATE_MS;
  }

  #realMs(ms: number): number {
    return ms / this.#machine.rate;
  }
}
