/** `INFO` at the balancer, in Redis' form: `# Section` and `name:value` lines. */
import type { Clock } from "../core/clock.ts";
import type { WriteWatch } from "../serving/client_writer.ts";
import type { Counters } from "./counters.ts";
import type { Nodes } from "./nodes.ts";
import type { TopologySource } from "../controller/topology_source.ts";

export interface InfoSources {
  readonly version: string;
  readonly clock: Clock;
  readonly startedMs: number;
  readonly port: () => number;
  readonly counters: Counters;
  readonly writeWatch: WriteWatch;
  readonly source: TopologySource;
  readonly nodes: Nodes;
}

type Lines = [name: string, value: string | number][];

/** The sections called `names`, in any case; all of them when there are none, or `all` is among them. */
export async function infoText(sources: InfoSources, names: readonly string[]): Promise<string> {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const all = wanted.size === 0 || ["all", "everything", "default"].some((word) => wanted.has(word));
  const text: string[] = [];
  for (const [title, linesOf] of Object.entries(SECTIONS)) {
    if (!all && !wanted.has(title.toLowerCase())) continue;
    const lines = await linesOf(sources);
    text.push(`# ${title}\r\n${lines.map(([name, value]) => `${name}:${value}\r\n`).join("")}`);
  }
  return text.join("\r\n");
}

const SECTIONS: Readonly<Record<string, (sources: InfoSources) => Lines | Promise<Lines>>> = {
  Server: ({ version, clock, startedMs, port }) => [
    ["redis_version", "7.4.0"],
    ["roundel_version", version],
    ["roundel_role", "balancer"],
    ["redis_mode", "standalone"],
    ["tcp_port", port()],
    ["uptime_in_seconds", Math.floor((clock.monotonicMs() - startedMs) / 1000)],
  ],
  Clients: ({ counters, writeWatch }) => [
    ["connected_clients", counters.clients],
    ["dropped_slow_clients", writeWatch.droppedCount],
    ...counters.clientsOfWorkers.map((
      count,
      worker,
    ): Lines[number] => [`worker_${worker}`, `clients=${count}`]),
  ],
  Stats: ({ counters, nodes }) => [
    ["total_connections_received", counters.connections],
    ["rejected_connections", counters.rejectedConnections],
    ["total_commands_processed", counters.commands],
    [
      "upstream_requests_in_flight",
      nodes.upstreams.reduce((sum, upstream) => sum + upstream.inFlightCount, 0),
    ],
  ],
  Cluster: async ({ source, nodes }) => {
    const { topology } = source;
    const counts = await entryCounts(nodes);
    return [
      ["cluster_enabled", 0],
      ["cluster_id", topology.cluster],
      ["topology_version", topology.version],
      ["routing", topology.routing],
      ["shards", topology.shardCount],
      ["nodes", nodes.upstreams.length],
      ...nodes.upstreams.map((upstream, i): Lines[number] => {
        const entries = counts[i] === null ? "" : `,entries=${counts[i]}`;
        const cause = upstream.cause === "" ? "" : `,cause=${upstream.cause}`;
        return [`node_${i}`, `address=${upstream.name},state=${upstream.state}${entries}${cause}`];
      }),
    ];
  },
  Keyspace: async ({ nodes }) => {
    const keys = (await entryCounts(nodes)).reduce<number>((sum, count) => sum + (count ?? 0), 0);
    return keys === 0 ? [] : [["db0", `keys=${keys},expires=0,avg_ttl=0`]];
  },
};

/** Entries of each node that is ready, `null` for the others. */
function entryCounts(nodes: Nodes): Promise<(number | null)[]> {
  return Promise.all(nodes.upstreams.map(async (upstream) => {
    if (upstream.state !== "ready") return null;
    const reply = await upstream.ask(["DBSIZE"], false);
    return reply.kind === "integer" ? Number(reply.value) : null;
  }));
}
