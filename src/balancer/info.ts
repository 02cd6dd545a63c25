/** What `INFO`, `CLUSTER` and `CONFIG GET` tell at a balancer. What is the nodes' is summed from what they told last. */
import type { Clock } from "../core/clock.ts";
import type { WriteWatch } from "../serving/client_writer.ts";
import {
  clusterLines,
  keyspaceLines,
  NO_BLOCKED_CLIENTS,
  NOT_LOADING,
  replicationLines,
  serverLines,
  wantsSection,
} from "../serving/info_commands.ts";
import type { ClusterView, InfoLines, InfoSections, ServerFacts, Setting } from "../serving/server_facts.ts";
import { clusterNodesOf, clusterShardsOf } from "../topology/cluster_view.ts";
import type { TopologySource } from "../controller/topology_source.ts";
import type { Counters } from "./counters.ts";
import { type Figures, type NodeFigures, sumOf } from "./node_figures.ts";
import type { Nodes } from "./nodes.ts";

export interface BalancerSources {
  readonly clock: Clock;
  readonly startedMs: number;
  readonly port: () => number;
  readonly clientCountMax: number;
  readonly counters: Counters;
  readonly writeWatch: WriteWatch;
  readonly source: TopologySource;
  readonly nodes: Nodes;
  readonly figures: NodeFigures;
}

/** Sections that tell what the nodes have told. */
const NODES_SECTIONS = ["Memory", "Persistence", "Cluster", "Keyspace"];

export class BalancerFacts implements ServerFacts {
  readonly #sources: BalancerSources;

  constructor(sources: BalancerSources) {
    this.#sources = sources;
  }

  settings(): readonly Setting[] {
    const { source: { topology }, clientCountMax, port } = this.#sources;
    return [
      ["appendonly", "yes"],
      ["databases", "1"],
      ["maxclients", String(clientCountMax)],
      ["maxmemory", String(topology.nodes.reduce((sum, node) => sum + node.maxMemoryBytes, 0))],
      ["maxmemory-policy", "allkeys-lru"],
      ["port", String(port())],
      ["save", ""],
    ];
  }

  cluster(): ClusterView {
    const { topology } = this.#sources.source;
    return {
      enabled: topology.routing === "slots",
      myId: topology.cluster,
      myPort: this.#sources.port(),
      version: topology.version,
      nodes: () => clusterNodesOf(topology),
      shards: () => clusterShardsOf(topology),
    };
  }

  infoSections(names: ReadonlySet<string>): InfoSections | Promise<InfoSections> {
    if (!NODES_SECTIONS.some((title) => wantsSection(names, title))) return this.#sections([]);
    const { figures } = this.#sources;
    return figures.refresh().then(() => this.#sections(figures.all()));
  }

  #sections(all: readonly (Figures | null)[]): InfoSections {
    const { clock, startedMs, port, clientCountMax, counters, writeWatch, source, nodes } = this.#sources;
    const { topology } = source;
    return {
      Server: () =>
        serverLines({
          role: "balancer",
          mode: "standalone",
          runId: topology.cluster,
          port: port(),
          uptimeMs: clock.monotonicMs() - startedMs,
        }),
      Clients: () => [
        ["connected_clients", counters.clients],
        ["dropped_slow_clients", writeWatch.droppedCount],
        ...counters.clientsOfWorkers.map((count, worker) =>
          [`worker_${worker}`, `clients=${count}`] as const
        ),
        ["maxclients", clientCountMax],
        ...NO_BLOCKED_CLIENTS,
      ],
      Memory: () => sums(all, ["used_memory", "used_memory_peak", "used_memory_rss", "maxmemory"]),
      Persistence: () => {
        const dumping = sums(all, ["rdb_bgsave_in_progress"]);
        return [...NOT_LOADING, ...(typeof dumping === "string" ? [] : dumping)];
      },
      Stats: () => [
        ["total_connections_received", counters.connections],
        ["rejected_connections", counters.rejectedConnections],
        ["total_commands_processed", counters.commands],
        [
          "upstream_requests_in_flight",
          nodes.all.reduce((sum, node) => sum + node.inFlightCount, 0),
        ],
      ],
      Replication: () => [
        ...replicationLines(topology.cluster),
        ["failovers", counters.failovers],
        ["last_failover_ms", Math.round(counters.lastFailoverMs)],
        ["waited_requests", counters.waitedRequests],
        ["uncertain_replies", counters.uncertainReplies],
      ],
      Cluster: () => [
        ...clusterLines(this.cluster(), topology.cluster),
        ["routing", topology.routing],
        ["shards", topology.shardCount],
        ["nodes", nodes.all.length],
        ...nodes.all.map(({ name, state, cause }, i) => {
          const entries = all[i]?.get("keys");
          const known = entries === undefined ? "" : `,entries=${entries}`;
          const why = cause === "" ? "" : `,cause=${cause}`;
          return [`node_${i}`, `address=${name},state=${state}${known}${why}`] as const;
        }),
      ],
      Keyspace: () => {
        const [keys, expires] = [sumOf(all, "keys"), sumOf(all, "expires")];
        return keys === null || expires === null ? NOT_TOLD : keyspaceLines(keys, expires);
      },
    };
  }
}

const NOT_TOLD = "a node has not told its figures yet; INFO cluster says which cannot be reached";

/** The sums over all nodes. */
function sums(all: readonly (Figures | null)[], names: readonly string[]): InfoLines | string {
  const lines: [string, number][] = [];
  for (const name of names) {
    const sum = sumOf(all, name);
    if (sum === null) return NOT_TOLD;
    lines.push([name, sum]);
  }
  return lines;
}
