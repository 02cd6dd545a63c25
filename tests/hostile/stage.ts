/** The node and the cluster that are tried: started, watched, killed, and started again. */
import { bytesOf } from "../../src/core/bytes.ts";
import { MIB } from "../../src/core/limits.ts";
import { slotOfKey } from "../../src/core/slot.ts";
import { killPid, type Running, start } from "../support/processes.ts";
import { RespClient, show } from "../support/resp_client.ts";
import type { ReplyValue } from "../../src/protocol/reply_value.ts";
import type { Place, Record } from "./record.ts";
import { must } from "../support/seclusion.ts";

const NODE_PORT = 7000;
const CLUSTER_PORT = 8080;
const CLUSTER_NODE_COUNT = 2;
const NODE_CAP_BYTES = 256 * MIB;
const NODE_BYTES_OVER_CAP_MAX = 300 * MIB;
const BALANCER_BYTES_MAX = 400 * MIB;
const DISK_BYTES = 768 * MIB;
const TAGS_PER_NODE = 8;
/** Within this it has to serve again once a fault is over. */
const HEAL_MS_MAX = 30_000;
const PROBE_MS = 100;

/** A process that is watched. */
export interface Watched {
  readonly name: string;
  readonly pid: number;
  readonly bytesMax: number;
}

export class Stage {
  readonly places: readonly Place[] = [
    { target: "node", index: 0 },
    ...Array.from({ length: CLUSTER_NODE_COUNT }, (_, index): Place => ({ target: "cluster", index })),
  ];
  readonly #folder: string;
  readonly #record: Record;
  /** Processes that were ended by the run itself. */
  readonly #killed = new Set<number>();
  #node: Running | null = null;
  #cluster: Running | null = null;
  #tags = new Map<Place, string[]>();
  #isOver = false;

  constructor(folder: string, record: Record) {
    this.#folder = folder;
    this.#record = record;
  }

  portOf({ target }: Place): number {
    return target === "node" ? NODE_PORT : CLUSTER_PORT;
  }

  /** The port of the node itself. */
  nodePortOf({ target, index }: Place): number {
    return target === "node" ? NODE_PORT : CLUSTER_PORT + 1 + index;
  }

  diskOf({ target }: Place): string {
    return `${this.#folder}/${target}`;
  }

  async start(): Promise<void> {
    for (const name of ["node", "cluster"]) {
      await Deno.mkdir(`${this.#folder}/${name}`);
      await must("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", `${this.#folder}/${name}`);
    }
    await this.startNode();
    const cluster = await start("cluster", [
      ...[
        "--port",
        `${CLUSTER_PORT}`,
        "--node-port",
        `${CLUSTER_PORT + 1}`,
        "--nodes",
        `${CLUSTER_NODE_COUNT}`,
      ],
      ...["--admin-port", "0", "--data-dir", `${this.#folder}/cluster`, ...this.#common()],
    ]);
    this.#cluster = cluster;
    void cluster.ended.then((code) => {
      if (!this.#isOver) {
        this.#record.violation(`the cluster ended by itself, code ${code}: ${tail(cluster)}`);
      }
    });
    this.#tags = await this.#findTags();
  }

  /** Starts the standalone node, anew after it was killed. */
  async startNode(): Promise<void> {
    const node = await start("node", [
      ...["--port", `${NODE_PORT}`, "--standalone", "--data-dir", `${this.#folder}/node`, ...this.#common()],
    ]);
    this.#node = node;
    void node.ended.then((code) => {
      if (this.#isOver || this.#killed.has(node.pid)) return;
      this.#record.violation(`the node ended by itself, code ${code}: ${tail(node)}`);
    });
  }

  /** Hash tags of keys that lie on the node of `place`. */
  tagsOf(place: Place): readonly string[] {
    return this.#tags.get(place)!;
  }

  async #findTags(): Promise<Map<Place, string[]>> {
    const client = await RespClient.connect(CLUSTER_PORT);
    await client.send(["CLUSTER", "SLOTS"]);
    const ranges = itemsOf(await client.receive()).map((range) => {
      const [first, last, primary] = itemsOf(range);
      return {
        first: Number(show(first!)),
        last: Number(show(last!)),
        port: Number(show(itemsOf(primary!)[1]!)),
      };
    });
    client.close();
    const tags = new Map(this.places.map((place) => [place, [] as string[]]));
    for (let i = 0; [...tags.values()].some(({ length }) => length < TAGS_PER_NODE); i++) {
      const bytes = bytesOf(`t${i}`);
      const slot = slotOfKey(bytes, 0, bytes.length);
      const owner = ranges.find(({ first, last }) => first <= slot && slot <= last)!.port;
      for (const [place, list] of tags) {
        const isThere = place.target === "node" || this.nodePortOf(place) === owner;
        if (isThere && list.length < TAGS_PER_NODE) list.push(`t${i}`);
      }
    }
    return tags;
  }

  /** The node's process at a place. */
  pidOf(place: Place): number {
    if (place.target === "node") return this.#node!.pid;
    return this.#children().get(`node:${this.nodePortOf(place)}`)?.at(-1) ?? 0;
  }

  get balancerPid(): number {
    return this.#children().get(`balancer:${CLUSTER_PORT}`)?.at(-1) ?? 0;
  }

  get watched(): Watched[] {
    const nodeMax = NODE_CAP_BYTES + NODE_BYTES_OVER_CAP_MAX;
    return [
      ...this.places.map((place) => ({
        name: place.target === "node" ? "node" : `cluster's node ${place.index + 1}`,
        pid: this.pidOf(place),
        bytesMax: nodeMax,
      })),
      { name: "balancer", pid: this.balancerPid, bytesMax: BALANCER_BYTES_MAX },
    ];
  }

  kill(pid: number): void {
    this.#killed.add(pid);
    killPid(pid, "SIGKILL");
  }

  /** Runs `fault` as an outage of `places`, which lasts until they serve again. */
  async outage(fault: string, places: readonly Place[], during: () => Promise<void>): Promise<void> {
    const outage = { fault, places, fromMs: performance.now(), untilMs: Infinity };
    this.#record.outages.push(outage);
    await during();
    const healed = await Promise.all(places.map((place) => this.#serves(place)));
    if (!healed.every(Boolean)) {
      this.#record.violation(`${fault}: no service ${HEAL_MS_MAX / 1000} s after it was over`);
    }
    outage.untilMs = performance.now();
  }

  /** Notes processes of the cluster that had to be started again without having been killed. */
  checkEnds(): void {
    for (const [name, pids] of this.#children()) {
      for (const pid of pids.slice(0, -1)) {
        if (this.#killed.has(pid)) continue;
        this.#killed.add(pid);
        this.#record.violation(`${name} ended by itself, pid ${pid}: ${tail(this.#cluster!)}`);
      }
    }
  }

  async stop(): Promise<void> {
    this.checkEnds();
    this.#isOver = true;
    for (const running of [this.#cluster, this.#node]) {
      const code = await running?.stop();
      if (code !== undefined && code !== 0) this.#record.violation(`a graceful stop ended with code ${code}`);
    }
  }

  #common(): string[] {
    return [
      "--host",
      "0.0.0.0",
      "--max-memory",
      `${NODE_CAP_BYTES}`,
      "--dump-log-size",
      "96mb",
      "--client-stall",
      "5s",
    ];
  }

  /** The pids that each process of the cluster has had, from what the cluster logs. */
  #children(): Map<string, number[]> {
    const pids = new Map<string, number[]>();
    const starts = this.#cluster!.output().matchAll(/started process process="?([\w:]+)"? pid=(\d+)/g);
    for (const [, name, pid] of starts) pids.set(name!, [...pids.get(name!) ?? [], Number(pid)]);
    return pids;
  }

  /** Whether a write at `place` is acknowledged in time. */
  async #serves(place: Place): Promise<boolean> {
    const tag = this.#tags.get(place)![0]!;
    const deadline = performance.now() + HEAL_MS_MAX;
    while (performance.now() < deadline) {
      let client: RespClient | null = null;
      const timer = setTimeout(() => client?.close(), 1000);
      try {
        client = await RespClient.connect(this.portOf(place));
        if (await client.call("SET", `probe:{${tag}}`, "1") === "OK") return true;
      } catch {
        // Not yet.
      } finally {
        clearTimeout(timer);
        try {
          client?.close();
        } catch {
          // The time-out has closed it.
        }
      }
      await new Promise((resolve) => setTimeout(resolve, PROBE_MS));
    }
    return false;
  }
}

function itemsOf(value: ReplyValue): ReplyValue[] {
  if (value.kind !== "array") throw new Error(`Expected an array, got ${show(value)}`);
  return value.items;
}

/** The last lines that a process printed. */
function tail(running: Running): string {
  return running.output().trimEnd().split("\n").slice(-8).join("\n");
}
