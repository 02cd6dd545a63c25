/**
 * `INFO`, in Redis' form: sections, each of a title and of `name:value` lines. Node and balancer give the sections; the
 * lines that every client may look for whoever answers stand here.
 */
import { latin1Of } from "../core/bytes.ts";
import { REQUEST_NAMES_MAX } from "../core/limits.ts";
import { REDIS_VERSION, VERSION } from "../core/version.ts";
import type { Reply } from "../protocol/reply.ts";
import type { ClusterView, InfoLines, InfoSections } from "./server_facts.ts";
import type { Say, SessionContext } from "./session_context.ts";

/** Longest name of a section. */
const NAME_BYTES_MAX = 64;
const TOO_MANY_NAMES = `ERR INFO takes at most ${REQUEST_NAMES_MAX} sections`;
const NAMES_OF_ALL = ["all", "everything", "default"];
const NO_REPLICAS = { offset: 0, replicas: [] };
/** Digits of the id of a history of replication. */
const REPLICATION_ID_DIGITS = 40;

/** `INFO [section ...]`. */
export function info({ request, server, reply }: SessionContext): void | Promise<Say> {
  const { bytes, starts, ends, argumentCount } = request;
  if (argumentCount - 1 > REQUEST_NAMES_MAX) return reply.error(TOO_MANY_NAMES);
  const names = new Set<string>();
  for (let i = 1; i < argumentCount; i++) {
    const end = Math.min(ends[i]!, starts[i]! + NAME_BYTES_MAX);
    names.add(latin1Of(bytes, starts[i]!, end).toLowerCase());
  }
  const sections = server.infoSections(names);
  if (!(sections instanceof Promise)) return sayInfo(sections, names, reply);
  return sections.then((known) => (reply) => sayInfo(known, names, reply));
}

/** Whether a client that named sections, in lower case, wants the one called `title`. */
export function wantsSection(names: ReadonlySet<string>, title: string): boolean {
  return names.size === 0 || NAMES_OF_ALL.some((name) => names.has(name)) || names.has(title.toLowerCase());
}

/** What is not known is left out, unless it was asked for by its name: then it is an error. */
function sayInfo(sections: InfoSections, names: ReadonlySet<string>, reply: Reply): void {
  const texts: string[] = [];
  for (const [title, linesOf] of Object.entries(sections)) {
    if (!wantsSection(names, title)) continue;
    const lines = linesOf();
    if (typeof lines !== "string") {
      texts.push(`# ${title}\r\n${lines.map(([name, value]) => `${name}:${value}\r\n`).join("")}`);
    } else if (names.has(title.toLowerCase())) return reply.error(`ERR INFO ${title}: ${lines}`);
  }
  reply.bulkText(texts.join("\r\n"));
}

export interface ServerLines {
  readonly role: "node" | "balancer";
  readonly mode: "standalone" | "cluster";
  /** Names this run of the process. */
  readonly runId: string;
  readonly port: number;
  readonly uptimeMs: number;
}

export function serverLines({ role, mode, runId, port, uptimeMs }: ServerLines): InfoLines {
  const uptime = Math.floor(uptimeMs / 1000);
  return [
    ["redis_version", REDIS_VERSION],
    ["roundel_version", VERSION],
    ["roundel_role", role],
    ["redis_mode", mode],
    ["arch_bits", 64],
    ["run_id", hexId(runId)],
    ["tcp_port", port],
    ["uptime_in_seconds", uptime],
    ["uptime_in_days", Math.floor(uptime / 86_400)],
  ];
}

/** A node that keeps copies, as Redis' `INFO` tells of a replica. */
export interface ReplicaLine {
  readonly host: string;
  readonly port: number;
  readonly isOnline: boolean;
  readonly offset: number;
  readonly lagSeconds: number;
}

/** Everybody who answers clients is a master to them: a node that only keeps copies is not spoken to. */
export function replicationLines(
  historyId: string,
  { offset, replicas }: { readonly offset: number; readonly replicas: readonly ReplicaLine[] } = NO_REPLICAS,
): InfoLines {
  return [
    ["role", "master"],
    ["connected_slaves", replicas.length],
    ...replicas.map((replica, i) => [`slave${i}`, replicaText(replica)] as const),
    ["master_failover_state", "no-failover"],
    ["master_replid", hexId(historyId)],
    ["master_replid2", "0".repeat(REPLICATION_ID_DIGITS)],
    ["master_repl_offset", offset],
    ["second_repl_offset", -1],
    ["repl_backlog_active", 0],
    ["repl_backlog_size", 0],
    ["repl_backlog_first_byte_offset", 0],
    ["repl_backlog_histlen", 0],
  ];
}

function replicaText({ host, port, isOnline, offset, lagSeconds }: ReplicaLine): string {
  const state = isOnline ? "online" : "send_bulk";
  return `ip=${host},port=${port},state=${state},offset=${offset},lag=${lagSeconds}`;
}

export function clusterLines({ enabled, version }: ClusterView, clusterId: string): InfoLines {
  return [
    ["cluster_enabled", enabled ? 1 : 0],
    ["cluster_id", clusterId],
    ["topology_version", version],
  ];
}

/** Of what nobody does here, and of loading, since nobody is served before all is loaded. */
export const NO_BLOCKED_CLIENTS: InfoLines = [["blocked_clients", 0], ["tracking_clients", 0]];
export const NOT_LOADING: InfoLines = [
  ["loading", 0],
  ["async_loading", 0],
  ["aof_enabled", 1],
  ["aof_rewrite_in_progress", 0],
  ["aof_rewrite_scheduled", 0],
];

export function keyspaceLines(keys: number, expires: number): InfoLines {
  return keys === 0 ? [] : [["db0", `keys=${keys},expires=${expires},avg_ttl=0`]];
}

/** An id of ours, a UUID, in the form of Redis' own. */
function hexId(id: string): string {
  return id.replaceAll("-", "").slice(0, REPLICATION_ID_DIGITS).padEnd(REPLICATION_ID_DIGITS, "0");
}
