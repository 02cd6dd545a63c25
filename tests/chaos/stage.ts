/** The cluster that is tried: started, looked at, killed, and started again. */
import { parseTopology } from "../../src/topology/topology_document.ts";
import type { Topology } from "../../src/topology/topology.ts";
import {
  childPidsOf,
  clusterArgs,
  crashCluster,
  freePortRun,
  killPid,
  pidOf,
  type Running,
  start,
} from "../support/processes.ts";
import { sleep } from "../support/random_choice.ts";
import { RespClient } from "../support/resp_client.ts";
import type { Record } from "./record.ts";

export const NODE_COUNT = 3;
const LOOK_MS = 50;
const INFO_MS_MAX = 2_000;

export class Stage {
  readonly port = freePortRun(NODE_COUNT + 1);
  readonly #folder: string;
  readonly #record: Record;
  readonly #killed = new Set<number>();
  #cluster: Running | null = null;
  /** What clusters that were killed have printed. */
  #printed = "";

  constructor(folder: string, record: Record) {
    this.#folder = folder;
    this.#record = record;
  }

  async start(): Promise<void> {
    const args = ["--nodes", `${NODE_COUNT}`, "--replicas", "1", "--fsync", "always"];
    this.#cluster = await start("cluster", clusterArgs(this.#folder, this.port, ...args));
  }

  get topology(): Topology {
    const path = `${this.#folder}/topology.json`;
    return parseTopology(Deno.readTextFileSync(path), path);
  }

  /** Everything that the processes have printed. */
  get output(): string {
    return this.#printed + this.#cluster!.output();
  }

  nodePort(index: number): number {
    return this.port + 1 + index;
  }

  nodePid(index: number): number {
    return pidOf(this.#cluster!, `node:${this.nodePort(index)}`);
  }

  get balancerPid(): number {
    return pidOf(this.#cluster!, `balancer:${this.port}`);
  }

  /** Of all servers. */
  get pids(): number[] {
    return [this.balancerPid, ...Array.from({ length: NODE_COUNT }, (_, index) => this.nodePid(index))];
  }

  /** kill -9 of a process; the cluster starts it again by itself. */
  kill(pid: number): void {
    this.#killed.add(pid);
    killPid(pid, "SIGKILL");
  }

  /** kill -9 of every process, and a new start. */
  async crash(): Promise<void> {
    this.checkEnds();
    const cluster = this.#cluster!;
    await crashCluster(cluster);
    this.#printed += cluster.output();
    await this.start();
  }

  /** Whether every shard has all its copies in sync. */
  get isWhole(): boolean {
    return this.topology.shards.every(({ inSync, replicas }) => inSync.length === replicas.length + 1);
  }

  /** Waits until `isSo`; returns whether it came to be within `msMax`. */
  async until(isSo: () => boolean, msMax: number): Promise<boolean> {
    const deadline = performance.now() + msMax;
    while (!isSo()) {
      if (performance.now() > deadline) return false;
      await sleep(LOOK_MS);
    }
    return true;
  }

  /** A number of `INFO replication` at the balancer; 0 when it does not answer. */
  async figure(name: string): Promise<number> {
    let client: RespClient | null = null;
    const timer = setTimeout(() => client?.close(), INFO_MS_MAX);
    try {
      client = await RespClient.connect(this.port);
      const text = await client.call("INFO", "replication");
      client.close();
      return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1] ?? 0);
    } catch {
      return 0;
    } finally {
      clearTimeout(timer);
    }
  }

  /** For each shard the state of its copies, of those that are not as they should be. */
  get problems(): string {
    const { shards, nodes } = this.topology;
    const name = (id: string) => nodes.find((node) => node.id === id)!.port;
    const lines = [...shards.entries()].filter(([, { inSync, replicas }]) => inSync.length <= replicas.length)
      .map(([shard, { primary, inSync, epoch }]) =>
        `shard ${shard} epoch ${epoch}: primary ${name(primary)}, in sync ${inSync.map(name).join()}`
      );
    return lines.join("; ") || "all in sync by the topology";
  }

  /** Notes processes that had to be started again without having been killed. */
  checkEnds(): void {
    const starts = this.#cluster!.output().matchAll(/started process process="?([\w:]+)"? pid=(\d+)/g);
    const last = new Map<string, number>();
    for (const [, name, pid] of starts) {
      const before = last.get(name!);
      last.set(name!, Number(pid));
      if (before === undefined || this.#killed.has(before)) continue;
      this.#killed.add(before);
      this.#record.violation(`${name} ended by itself, pid ${before}`);
    }
  }

  async stop(): Promise<void> {
    this.checkEnds();
    const code = await this.#cluster!.stop();
    if (code !== 0) this.#record.violation(`a graceful stop ended with code ${code}`);
  }

  /** Ends whatever is still there. */
  end(): void {
    if (this.#cluster === null) return;
    const pids = childPidsOf(this.#cluster);
    this.#cluster.kill("SIGKILL");
    for (const pid of pids) killPid(pid, "SIGKILL");
  }
}
