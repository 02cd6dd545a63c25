import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import type { Disk } from "../io/disk.ts";
import type { Network } from "../io/network.ts";
import type { ProcessFacts } from "../io/process.ts";

/** Everything outside the node's own memory. */
export interface World {
  readonly clock: Clock;
  readonly network: Network;
  readonly disk: Disk;
  readonly random: Random;
  readonly process: ProcessFacts;
  readonly logger: Logger;
}
