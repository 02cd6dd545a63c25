/**
 * The processes of a cluster on one machine: their names, flags, and permissions. Each child is granted no more than
 * its own ports, those of the nodes that it speaks to, and the data folder.
 */
import type { ClusterConfig } from "../config/config.ts";
import { type Address, addressText, reachableAddress } from "../io/network.ts";
import type { ChildSpec } from "../io/child.ts";

/** Every port of a cluster, none of them 0. */
export interface ClusterPorts {
  readonly balancer: number;
  readonly admin: number;
  readonly nodes: readonly number[];
}

export interface ClusterPlan {
  readonly balancer: ChildSpec;
  readonly nodes: readonly ChildSpec[];
}

/** `root` is the folder that holds `deno.json` and `src`. */
export function planCluster(config: ClusterConfig, ports: ClusterPorts, root: string): ClusterPlan {
  const upstreams = ports.nodes.map((port) => reachableAddress({ host: config.host, port }));
  // Nodes that keep copies of each other's shards speak to each other, and which do says the topology that was kept.
  const peers = config.routing === "slots" ? upstreams : [];
  const nodes = ports.nodes.map((port) => ({
    name: `node:${port}`,
    args: [
      ...runtimeArgs(config, [{ host: config.host, port }, ...peers], root),
      `${root}/src/node.ts`,
      ...nodeFlags(config, port),
    ],
  }));
  const own = [ports.balancer, ports.admin].map((port) => ({ host: config.host, port }));
  const balancer = {
    name: `balancer:${ports.balancer}`,
    args: [
      ...runtimeArgs(config, [...own, ...upstreams], root, config.workers > 1 ? [`${root}/src`] : []),
      `${root}/src/balancer.ts`,
      ...balancerFlags(config, ports, upstreams),
    ],
  };
  return { balancer, nodes };
}

/** `sources` are read at run time: the modules of further workers. */
function runtimeArgs(
  config: ClusterConfig,
  addresses: readonly Address[],
  root: string,
  sources: readonly string[] = [],
): string[] {
  return [
    "run",
    "--quiet",
    "--no-prompt",
    `--config=${root}/deno.json`,
    `--allow-net=${addresses.map(addressText).join(",")}`,
    "--allow-env=ROUNDEL_*",
    `--allow-read=${[config.dataDir, ...sources].join(",")}`,
    `--allow-write=${config.dataDir}`,
  ];
}

/** Every flag is given, so that the environment, which children share with us, decides nothing that we decided. */
function nodeFlags(config: ClusterConfig, port: number): string[] {
  return [
    `--port=${port}`,
    "--standalone=false",
    `--max-memory=${config.maxMemoryBytes}`,
    `--fsync=${config.fsync}`,
    `--dump-interval=${timeText(config.dumpIntervalMs)}`,
    `--dump-log-size=${config.dumpLogBytes}`,
    ...sharedFlags(config),
  ];
}

function balancerFlags(config: ClusterConfig, ports: ClusterPorts, nodes: readonly Address[]): string[] {
  return [
    `--port=${ports.balancer}`,
    `--admin-port=${ports.admin}`,
    ...nodes.map((node) => `--node=${addressText(node)}`),
    `--replicas=${config.replicas}`,
    `--shards=${config.shards}`,
    `--routing=${config.routing}`,
    `--workers=${config.workers}`,
    ...sharedFlags(config),
  ];
}

function sharedFlags(config: ClusterConfig): string[] {
  return [
    `--host=${config.host}`,
    `--data-dir=${config.dataDir}`,
    `--client-stall=${timeText(config.clientStallMs)}`,
    `--max-clients=${config.clientCountMax}`,
    `--log-level=${config.logLevel}`,
    `--log-format=${config.logFormat}`,
    "--exit-with-parent",
    "--health=false",
  ];
}

function timeText(milliseconds: number): string {
  return milliseconds === 0 ? "0" : `${milliseconds}ms`;
}
