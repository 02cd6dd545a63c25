/**
 * The flags of the three programs, each declared once: name, kind, default, what it is for. Types, environment
 * variables, `--help` and error texts derive from these tables.
 */
import { UsageError } from "../core/errors.ts";
import {
  CLIENT_COUNT_MAX,
  GIB,
  NODE_COUNT_MAX,
  REPLICAS_MAX,
  SHARD_COUNT_MAX,
  STORE_CAP_BYTES_MIN,
  WORKER_COUNT_MAX,
} from "../core/limits.ts";
import {
  ADDRESSES,
  bytes,
  bytesText,
  choice,
  duration,
  HOST,
  integer,
  PATH,
  PORT,
  SWITCH,
} from "./flag_kinds.ts";
import type { Environment } from "../io/command_line.ts";
import { flag, type FlagValues, readFlags, repeatable } from "./flags.ts";

/** A store's memory is reserved as one block, and no system we know grants a larger one. */
const MEMORY_BYTES_MAX = 64 * GIB;
const CLIENT_COUNT_FLAG_MAX = 1_000_000;

const HOST_FLAG = flag("host", HOST, "127.0.0.1", "address to listen on; 0.0.0.0 for all");
const DATA_DIR = flag("data-dir", PATH, "data", "folder that holds the data");
const ROUTING = flag(
  "routing",
  choice("slots", "round-robin"),
  "slots",
  "slots: by hash of the key; round-robin: in turn, for caches",
);
const SHARDS = flag(
  "shards",
  integer(1, SHARD_COUNT_MAX),
  "16",
  "shards of a new cluster, fixed from then on",
);
const REPLICAS = flag(
  "replicas",
  integer(0, REPLICAS_MAX),
  "0",
  "further copies of each shard of a new cluster, each on another node; with --routing slots",
);
const WORKERS = flag(
  "workers",
  integer(1, WORKER_COUNT_MAX),
  "1",
  "event loops of the balancer, each on a core of its own; with --routing slots",
);
const ADMIN_PORT = flag("admin-port", PORT, "9080", "HTTP port for GET /health; 0 picks a free one");

/** Flags of a process that stores. */
const STORING = {
  maxMemoryBytes: flag(
    "max-memory",
    bytes(STORE_CAP_BYTES_MIN, MEMORY_BYTES_MAX),
    "256mb",
    "hard cap of a node's memory for data; the least recently used keys make room",
  ),
  fsync: flag(
    "fsync",
    choice("always", "everysec", "no"),
    "always",
    "when writes reach the disk itself: before their reply, each second, or when the system likes",
  ),
  dumpIntervalMs: flag("dump-interval", duration("never"), "1h", "time between two dumps; 0 is never"),
  dumpLogBytes: flag(
    "dump-log-size",
    bytes(STORE_CAP_BYTES_MIN, MEMORY_BYTES_MAX),
    "256mb",
    "a dump is also made once the log has grown by this much",
  ),
};

/** Flags of every process. */
const LOGGING = {
  logLevel: flag("log-level", choice("debug", "info", "warn", "error"), "info", "least level that is logged"),
  logFormat: flag("log-format", choice("text", "json"), "text", "text for people, json for machines"),
};

/** Flags of a process that clients connect to. */
const SERVING = {
  clientStallMs: flag(
    "client-stall",
    duration(),
    "60s",
    "a client that takes none of its replies for this long is dropped",
  ),
  clientCountMax: flag(
    "max-clients",
    integer(1, CLIENT_COUNT_FLAG_MAX),
    String(CLIENT_COUNT_MAX),
    "connections at a time; further ones are refused",
  ),
};

/** Flags of a process that may be a child of another, or in a container. */
const SUPERVISED = {
  exitWithParent: flag("exit-with-parent", SWITCH, "false", "stop when standard input ends"),
  health: flag(
    "health",
    SWITCH,
    "false",
    "ask the one that runs with the same flags: exit code 0 if it serves, or 1",
  ),
};

const NODE = {
  name: "node",
  summary: "stores keys and values",
  flags: {
    port: flag("port", PORT, "8081", "port to listen on; 0 picks a free one"),
    host: HOST_FLAG,
    dataDir: DATA_DIR,
    ...STORING,
    standalone: flag("standalone", SWITCH, "false", "own every key, without a balancer: a single server"),
    ...SERVING,
    ...LOGGING,
    ...SUPERVISED,
  },
};

const BALANCER = {
  name: "balancer",
  summary: "one address for clients, in front of the nodes",
  flags: {
    port: flag("port", PORT, "8080", "port to listen on; 0 picks a free one"),
    host: HOST_FLAG,
    nodes: repeatable("node", ADDRESSES, null, "a node of the cluster"),
    dataDir: DATA_DIR,
    replicas: REPLICAS,
    shards: SHARDS,
    routing: ROUTING,
    workers: WORKERS,
    adminPort: ADMIN_PORT,
    replace: repeatable(
      "replace",
      ADDRESSES,
      "",
      "a node that was lost for good: what is there now takes its place, empty",
    ),
    ...SERVING,
    ...LOGGING,
    ...SUPERVISED,
  },
};

const CLUSTER = {
  name: "cluster",
  summary: "a balancer and its nodes on this machine",
  flags: {
    port: flag("port", PORT, "8080", "port of the balancer; 0 picks a free one"),
    nodePort: flag(
      "node-port",
      PORT,
      "8081",
      "port of the first node, the others follow; 0 picks free ones, for good",
    ),
    nodes: flag("nodes", integer(1, NODE_COUNT_MAX), "2", "number of nodes"),
    host: HOST_FLAG,
    dataDir: DATA_DIR,
    replicas: REPLICAS,
    shards: SHARDS,
    routing: ROUTING,
    workers: WORKERS,
    adminPort: ADMIN_PORT,
    ...STORING,
    ...SERVING,
    ...LOGGING,
  },
};

export type NodeConfig = FlagValues<typeof NODE.flags>;
export type BalancerConfig = FlagValues<typeof BALANCER.flags>;
export type ClusterConfig = FlagValues<typeof CLUSTER.flags>;

/** Flags of `src/node.ts`. Throws as `readFlags` does. */
export function nodeConfig(args: readonly string[], environment: Environment): NodeConfig {
  return readFlags(NODE, args, environment);
}

/** Flags of `src/balancer.ts`. Throws as `readFlags` does, and when the flags do not go together. */
export function balancerConfig(args: readonly string[], environment: Environment): BalancerConfig {
  const config = readFlags(BALANCER, args, environment);
  requireOneOrder(config);
  requireSlots(config);
  requireNodes(config, config.nodes.length);
  return config;
}

/** Flags of `src/cluster.ts`. Throws as `readFlags` does, and when the flags do not go together. */
export function clusterConfig(args: readonly string[], environment: Environment): ClusterConfig {
  const config = readFlags(CLUSTER, args, environment);
  requireOneOrder(config);
  requireSlots(config);
  requireNodes(config, config.nodes);
  requirePorts(config);
  requireMemory(config);
  requireGrantable(config);
  return config;
}

/** With round-robin the order of what is done to a key is kept by one event loop. */
function requireOneOrder({ workers, routing }: Pick<BalancerConfig, "workers" | "routing">): void {
  if (workers === 1 || routing === "slots") return;
  throw new UsageError(`Bad value for --workers: "${workers}": takes 1 with --routing ${routing}`);
}

/** With round-robin every node has every key, as a cache: there are no shards to keep copies of. */
function requireSlots({ replicas, routing }: Pick<BalancerConfig, "replicas" | "routing">): void {
  if (replicas === 0 || routing === "slots") return;
  throw new UsageError(`Bad value for --replicas: "${replicas}": takes 0 with --routing ${routing}`);
}

/** Copies of a shard are on different nodes. */
function requireNodes({ replicas }: Pick<BalancerConfig, "replicas">, nodeCount: number): void {
  if (replicas < nodeCount) return;
  throw new UsageError(
    `Bad value for --replicas: "${replicas}": takes fewer than there are nodes, and there ` +
      `${nodeCount === 1 ? "is" : "are"} ${nodeCount}`,
  );
}

function requirePorts({ port, nodePort, adminPort, nodes }: ClusterConfig): void {
  if (port !== 0 && port === adminPort) {
    throw new UsageError(`Bad value for --admin-port: "${adminPort}": takes another port than --port`);
  }
  if (nodePort === 0) return;
  const last = nodePort + nodes - 1;
  if (last > 65_535) {
    throw new UsageError(
      `Bad value for --node-port: "${nodePort}": takes a port with ${nodes - 1} more above it`,
    );
  }
  for (const [name, other] of [["port", port], ["admin-port", adminPort]] as const) {
    if (other < nodePort || other > last) continue;
    throw new UsageError(
      `Bad value for --${name}: "${other}": takes a port that no node has; the nodes have ${nodePort} to ${last}`,
    );
  }
}

/** Every shard must hold the longest of keys. */
function requireMemory({ maxMemoryBytes, nodes, shards, replicas, routing }: ClusterConfig): void {
  const least = Math.ceil(shards * (replicas + 1) / nodes) * STORE_CAP_BYTES_MIN;
  if (routing !== "slots" || maxMemoryBytes >= least) return;
  throw new UsageError(
    `Bad value for --max-memory: "${bytesText(maxMemoryBytes)}": takes at least ${bytesText(least)} ` +
      `with ${replicas === 0 ? "" : `${replicas + 1} copies of `}${shards} shards on ${nodes} nodes`,
  );
}

/** The children are granted the folder in a list of paths, in which a comma ends one. */
function requireGrantable({ dataDir }: ClusterConfig): void {
  if (!dataDir.includes(",")) return;
  throw new UsageError(`Bad value for --data-dir: "${dataDir}": takes a path without a comma`);
}
