/**
 * Work that nobody asked for but that must go on: removing what has expired, and shrinking stores whose cap was
 * lowered. Only of shards that this node serves: to copies that follow, their primary tells what is gone. Done in small steps by a timer, each bounded in time, so that no client waits for it.
 */
import type { Clock, Timer } from "../core/clock.ts";
import {
  BACKGROUND_STEP_MS,
  SWEEP_BLOCKS_PER_STEP,
  SWEEP_DELETES_PER_STEP,
  SWEEP_INTERVAL_MS,
} from "../core/limits.ts";
import type { Log } from "../persistence/log.ts";
import type { NodeTime } from "./node_time.ts";
import type { ShardTable } from "./shard_table.ts";

/** Entries evicted at once from a store that is over a lowered cap. */
const SHRINK_ENTRIES_PER_STEP = 128;

export interface MaintenanceOptions {
  readonly clock: Clock;
  readonly time: NodeTime;
  readonly shards: ShardTable;
  readonly log: Log;
  /** Not empty while the node takes no writes: then nothing is removed either. */
  readonly writeRefusal: () => string;
  /** Whether the disk is behind: then removing waits. */
  readonly congested: () => boolean;
}

export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #timer: Timer;
  #next = 0;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    this.#timer = options.clock.every(SWEEP_INTERVAL_MS, () => this.#step());
  }

  stop(): void {
    this.#timer.cancel();
  }

  /** Goes round the stores, from where the last step ended, for as long as there is time and something to remove. */
  #step(): void {
    const { clock, time, shards, log, writeRefusal, congested } = this.#options;
    const copies = shards.shards;
    if (writeRefusal() !== "" || congested()) return;
    const nowMs = time.nowMs();
    const beganMs = clock.monotonicMs();
    const deadlineMs = beganMs + BACKGROUND_STEP_MS;
    for (let idle = 0; idle < copies.length && clock.monotonicMs() < deadlineMs;) {
      const { store, servesUntilMs } = copies[this.#next++ % copies.length]!;
      if (beganMs >= servesUntilMs) {
        idle++;
        continue;
      }
      const removed = store.sweepExpired(nowMs, SWEEP_BLOCKS_PER_STEP, SWEEP_DELETES_PER_STEP);
      const isOverCap = store.shrink(SHRINK_ENTRIES_PER_STEP);
      log.endRequest();
      // What was removed was shown to nobody: no reply waits for it.
      store.positions.take();
      idle = removed > 0 || isOverCap ? 0 : idle + 1;
    }
  }
}
