/** What a seed stands for: the cluster, its clients, and the faults that befall it. */
import { type Random, randomBelow } from "../../src/core/random.ts";
import type { FsyncPolicy } from "../../src/persistence/log.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { drawFaults, type Fault } from "./faults.ts";

export interface RunOptions {
  readonly seed: number;
  readonly nodeCount: number;
  readonly replicas: number;
  readonly shardCount: number;
  readonly fsync: FsyncPolicy;
  readonly dumpIntervalMs: number;
  /** Clients of the balancer, and of nodes. */
  readonly clientCount: number;
  readonly directCount: number;
  readonly keyCount: number;
  readonly thinkMs: number;
  readonly pipelineMax: number;
  readonly latencyMs: number;
  readonly syncMs: number;
  /** By how much clocks go wrong, as a share. */
  readonly drift: number;
  /** When faults end. */
  readonly safetyMs: number;
  readonly faults: readonly Fault[];
}

/** What a person may fix; the seed says the rest. */
export interface Fixed {
  readonly nodeCount?: number;
  readonly replicas?: number;
  readonly safetyMs?: number;
}

export function optionsOf(seed: number, fixed: Fixed = {}): RunOptions {
  const random = new SeededRandom(seed);
  const nodeCount = fixed.nodeCount ?? 2 + randomBelow(random, 2);
  const safetyMs = fixed.safetyMs ?? 6_000;
  const fsync = oneOf<FsyncPolicy>(random, ["always", "always", "always", "everysec", "no"]);
  const drawn = {
    seed,
    nodeCount,
    replicas: fixed.replicas ?? 0,
    shardCount: oneOf(random, [4, 6]),
    fsync,
    dumpIntervalMs: oneOf(random, [0, 700, 2_000]),
    clientCount: 2 + randomBelow(random, 3),
    directCount: randomBelow(random, 3),
    keyCount: 2 + randomBelow(random, 5),
    thinkMs: oneOf(random, [10, 40, 100]),
    pipelineMax: oneOf(random, [1, 4, 12]),
    latencyMs: oneOf(random, [0.1, 0.3, 2]),
    syncMs: oneOf(random, [0.2, 1, 5]),
    drift: oneOf(random, [0, 0.001, 0.02]),
    safetyMs,
  };
  return { ...drawn, faults: drawFaults(random, drawn) };
}

export function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[randomBelow(random, values.length)]!;
}
