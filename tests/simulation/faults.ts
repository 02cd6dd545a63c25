/** The faults that a seed draws, and how each is begun and ended. */
import { type Random, randomBelow } from "../../src/core/random.ts";
import type { FsyncPolicy } from "../../src/persistence/log.ts";
import { diskFullError } from "../support/simulated_disk.ts";
import type { SimulatedCluster } from "./cluster.ts";
import type { Machine } from "./machine.ts";

/** Machines are named: `node1`, `node2`, …, `balancer`, `client1`, … */
export type Fault = { readonly atMs: number } & FaultKind;

type FaultKind =
  | { readonly kind: "crash"; readonly machine: string; readonly downMs: number }
  | { readonly kind: "power loss"; readonly machine: string; readonly downMs: number }
  | { readonly kind: "power loss of all"; readonly downMs: number }
  | { readonly kind: "stop"; readonly machine: string; readonly downMs: number }
  | { readonly kind: "pause"; readonly machine: string; readonly forMs: number }
  | {
    readonly kind: "cut";
    readonly from: string;
    readonly to: string;
    readonly isOneWay: boolean;
    readonly forMs: number;
  }
  | { readonly kind: "isolation"; readonly machine: string; readonly forMs: number }
  | {
    readonly kind: "slow network";
    readonly from: string;
    readonly to: string;
    readonly factor: number;
    readonly forMs: number;
  }
  | { readonly kind: "dropped connections"; readonly from: string; readonly to: string }
  | { readonly kind: "clock jump"; readonly machine: string; readonly byMs: number }
  | { readonly kind: "slow disk"; readonly machine: string; readonly factor: number; readonly forMs: number }
  | { readonly kind: "failed syncs"; readonly machine: string; readonly forMs: number }
  | { readonly kind: "full disk"; readonly machine: string; readonly forMs: number };

interface Drawn {
  readonly nodeCount: number;
  readonly fsync: FsyncPolicy;
  readonly clientCount: number;
  readonly directCount: number;
  readonly safetyMs: number;
}

const FAULTS_MAX = 8;
/** Faults begin when the cluster has been founded. */
const FIRST_FAULT_MS = 300;

/** Draws faults, so many that the cluster is in trouble, and so few that it serves in between. */
export function drawFaults(random: Random, drawn: Drawn): Fault[] {
  const nodes = Array.from({ length: drawn.nodeCount }, (_, i) => `node${i + 1}`);
  const clients = Array.from({ length: drawn.clientCount + drawn.directCount }, (_, i) => `client${i + 1}`);
  const machines = [...nodes, "balancer"];
  const pick = <T>(values: readonly T[]) => values[randomBelow(random, values.length)]!;
  const forMs = (mostMs: number) => 20 + randomBelow(random, mostMs);
  const pair = () => {
    const to = pick(nodes);
    const others = ["balancer", "balancer", ...machines, ...clients].filter((name) => name !== to);
    const ends = [to, pick(others)];
    return randomBelow(random, 2) === 0 ? { from: ends[0]!, to: ends[1]! } : { from: ends[1]!, to: ends[0]! };
  };
  /** What may lose what was acknowledged, by the policy's own words. */
  const losing: (() => FaultKind)[] = [
    () => ({ kind: "power loss", machine: pick(nodes), downMs: forMs(1_500) }),
    () => ({ kind: "power loss of all", downMs: forMs(800) }),
    () => ({ kind: "failed syncs", machine: pick(nodes), forMs: forMs(500) }),
  ];
  const kinds: (() => FaultKind)[] = [
    ...(drawn.fsync === "always" ? losing : []),
    () => ({ kind: "crash", machine: pick(nodes), downMs: forMs(1_500) }),
    () => ({ kind: "crash", machine: "balancer", downMs: forMs(500) }),
    () => ({ kind: "stop", machine: pick(machines), downMs: forMs(500) }),
    () => ({ kind: "pause", machine: pick(machines), forMs: forMs(3_000) }),
    () => ({ kind: "cut", ...pair(), isOneWay: randomBelow(random, 2) === 0, forMs: forMs(2_500) }),
    () => ({ kind: "cut", ...pair(), isOneWay: randomBelow(random, 2) === 0, forMs: forMs(2_500) }),
    () => ({ kind: "isolation", machine: pick(machines), forMs: forMs(2_500) }),
    () => ({ kind: "slow network", ...pair(), factor: 10 + randomBelow(random, 1_000), forMs: forMs(2_000) }),
    () => ({ kind: "dropped connections", ...pair() }),
    () => ({ kind: "clock jump", machine: pick(machines), byMs: randomBelow(random, 20_000) - 10_000 }),
    () => ({
      kind: "slow disk",
      machine: pick(nodes),
      factor: 5 + randomBelow(random, 200),
      forMs: forMs(2_000),
    }),
    () => ({ kind: "full disk", machine: pick(machines), forMs: forMs(1_500) }),
  ];
  const count = 1 + randomBelow(random, FAULTS_MAX);
  const faults = Array.from({ length: count }, () => ({
    atMs: FIRST_FAULT_MS + randomBelow(random, drawn.safetyMs - FIRST_FAULT_MS),
    ...pick(kinds)(),
  }));
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** Begins `fault`; returns what ends it, which is called once, and `null` for one that is over at once. */
export function beginFault(cluster: SimulatedCluster, fault: Fault): (() => void) | null {
  const { wire } = cluster;
  const at = (name: string) => cluster.machine(name);
  switch (fault.kind) {
    case "crash":
      cluster.crash(at(fault.machine), fault.downMs);
      return null;
    case "power loss":
      cluster.losePower(at(fault.machine), fault.downMs);
      return null;
    case "power loss of all":
      for (const machine of cluster.servers) cluster.losePower(machine, fault.downMs);
      return null;
    case "stop":
      cluster.stop(at(fault.machine), fault.downMs);
      return null;
    case "pause": {
      const process = at(fault.machine).process!;
      process.pause();
      return () => process.resume();
    }
    case "cut":
      return cutWays(
        cluster,
        fault.isOneWay ? [[fault.from, fault.to]] : [[fault.from, fault.to], [fault.to, fault.from]],
      );
    case "isolation": {
      const others = cluster.machines.map(({ name }) => name).filter((name) => name !== fault.machine);
      return cutWays(cluster, others.flatMap((name) => [[name, fault.machine], [fault.machine, name]]));
    }
    case "slow network":
      wire.slowDown(at(fault.from), at(fault.to), fault.factor);
      return () => wire.slowDown(at(fault.from), at(fault.to), 1);
    case "dropped connections":
      if (wire.drop(at(fault.from), at(fault.to)) > 0) cluster.saw("connections were dropped");
      return null;
    case "clock jump":
      at(fault.machine).wallOffsetMs += fault.byMs;
      return null;
    case "slow disk":
      return at(fault.machine).slowDisk(fault.factor);
    case "failed syncs":
      return changeDisk(at(fault.machine), ({ disk }) => {
        disk.failSyncs = new Error("Input/output error (os error 5)");
        return () => disk.failSyncs = null;
      });
    case "full disk":
      return changeDisk(at(fault.machine), ({ disk }) => {
        disk.capacityBytes = disk.usedBytes;
        disk.failOpens = diskFullError();
        return () => {
          disk.capacityBytes = Infinity;
          disk.failOpens = null;
        };
      });
  }
}

function changeDisk(machine: Machine, change: (machine: Machine) => () => void): () => void {
  return change(machine);
}

function cutWays(cluster: SimulatedCluster, names: readonly (readonly string[])[]): () => void {
  const ways = names.map(([from, to]) => [cluster.machine(from!), cluster.machine(to!)] as const);
  for (const [from, to] of ways) cluster.wire.cut(from, to);
  cluster.saw("a partition");
  return () => {
    for (const [from, to] of ways) cluster.wire.restore(from, to);
    cluster.saw("a partition that healed");
  };
}
