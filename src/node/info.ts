/** The text of INFO on a node, in Redis' form: `# Section` and `name:value` lines. */
import type { Clock } from "../core/clock.ts";
import { VERSION } from "../core/version.ts";
import type { ProcessFacts } from "../io/process.ts";
import type { Log } from "../persistence/log.ts";
import type { SessionRegistry } from "../serving/session.ts";
import type { Store } from "../store/store.ts";
import type { Dumps } from "./dumps.ts";
import type { LoopMonitor } from "./loop_monitor.ts";
import type { ShardTable } from "./shard_table.ts";

export interface InfoSources {
  readonly clock: Clock;
  readonly process: ProcessFacts;
  /** On the monotonic clock. */
  readonly startedMs: number;
  readonly port: number;
  readonly maxMemoryBytes: number;
  readonly fsync: string;
  readonly log: Log;
  readonly dumps: Dumps;
  readonly monitor: LoopMonitor;
  readonly shards: ShardTable;
  readonly sessions: SessionRegistry;
  readonly counters: { commands: number; connections: number; rejectedConnections: number };
  readonly writeRefusal: () => string;
}

type Lines = [string, string | number][];

/** INFO's text for the named sections (any case); for all of them when `names` is empty, `all` or `everything`. */
export function infoText(sources: InfoSources, names: readonly string[]): string {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const all = ["all", "everything", "default"].some((word) => wanted.has(word)) || wanted.size === 0;
  const text: string[] = [];
  for (const [title, linesOf] of Object.entries(SECTIONS)) {
    if (!all && !wanted.has(title.toLowerCase())) continue;
    const lines = linesOf(sources).map(([name, value]) => `${name}:${value}\r\n`);
    text.push(`# ${title}\r\n${lines.join("")}`);
  }
  return text.join("\r\n");
}

const SECTIONS: Record<string, (sources: InfoSources) => Lines> = {
  Server: ({ clock, process, startedMs, port, shards }) => [
    ["redis_version", "7.4.0"],
    ["roundel_version", VERSION],
    ["redis_mode", shards.enabled ? "cluster" : "standalone"],
    ["os", process.os],
    ["deno_version", process.denoVersion],
    ["process_id", process.pid],
    ["run_id", shards.myId],
    ["tcp_port", port],
    ["uptime_in_seconds", Math.floor((clock.monotonicMs() - startedMs) / 1000)],
  ],
  Clients: ({ sessions }) => [["connected_clients", sessions.count]],
  Memory: ({ process, maxMemoryBytes, shards }) => [
    ["used_memory", sum(shards.stores, (store) => store.usedBytes)],
    ["used_memory_live", sum(shards.stores, (store) => store.liveBytes)],
    ["used_memory_rss", process.residentBytes()],
    ["maxmemory", maxMemoryBytes],
    ["maxmemory_shards", sum(shards.stores, (store) => store.capBytes)],
    ["maxmemory_policy", "allkeys-lru"],
  ],
  Persistence: ({ fsync, log, dumps, writeRefusal }) => [
    ["loading", 0],
    ["fsync", fsync],
    ["rdb_bgsave_in_progress", dumps.running ? 1 : 0],
    ["rdb_last_save_time", Math.floor(dumps.lastSaveMs / 1000)],
    ["rdb_last_bgsave_status", dumps.lastFailure === "" ? "ok" : "err"],
    ["dump_last_failure", dumps.lastFailure],
    ["dump_retry_ms", dumps.retryMs],
    ["dump_count", dumps.count],
    ["log_position", log.appended],
    ["log_committed", log.committed],
    ["log_segments", log.segmentCount],
    ["log_syncs", log.syncCount],
    ["log_last_sync_ms", log.lastSyncMs.toFixed(2)],
    ["log_backlog_bytes", log.backlogBytes],
    ["write_refusal", writeRefusal()],
  ],
  Stats: ({ counters, monitor, shards }) => [
    ["total_connections_received", counters.connections],
    ["rejected_connections", counters.rejectedConnections],
    ["total_commands_processed", counters.commands],
    ["evicted_keys", sum(shards.stores, (store) => store.evictedCount)],
    ["expired_keys", sum(shards.stores, (store) => store.expiredCount)],
    ["loop_stall_ms_max", monitor.stallMsMax.toFixed(2)],
    ["loop_stalls_over_5_ms", monitor.stallsOver5Ms],
    ["loop_stalls_over_20_ms", monitor.stallsOver20Ms],
  ],
  Cluster: ({ shards }) => [
    ["cluster_enabled", shards.enabled ? 1 : 0],
    ["cluster_id", shards.topology?.cluster ?? ""],
    ["topology_version", shards.epoch],
    ["shards", shards.shards.map((shard) => shard.id).join(",")],
  ],
  Keyspace: ({ shards }) => {
    const keys = sum(shards.stores, (store) => store.entryCount);
    const expires = sum(shards.stores, (store) => store.volatileCount);
    return keys === 0 ? [] : [["db0", `keys=${keys},expires=${expires},avg_ttl=0`]];
  },
};

function sum(stores: readonly Store[], of: (store: Store) => number): number {
  return stores.reduce((total, store) => total + of(store), 0);
}
