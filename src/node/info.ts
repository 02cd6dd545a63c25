/** What INFO tells on a node. */
import type { Clock } from "../core/clock.ts";
import type { ProcessFacts } from "../io/process.ts";
import type { Log } from "../persistence/log.ts";
import type { ClusterView, InfoLines, InfoSections } from "../serving/server_facts.ts";
import {
  clusterLines,
  keyspaceLines,
  NO_BLOCKED_CLIENTS,
  NOT_LOADING,
  replicationLines,
  serverLines,
} from "../serving/info_commands.ts";
import type { SessionRegistry } from "../serving/session.ts";
import type { Store } from "../store/store.ts";
import type { Dumps } from "./dumps.ts";
import type { LoopMonitor } from "./loop_monitor.ts";
import type { Roles } from "./roles.ts";
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
  readonly roles: Roles;
  readonly cluster: () => ClusterView;
  readonly clientCountMax: number;
  readonly sessions: SessionRegistry;
  readonly counters: { commands: number; connections: number; rejectedConnections: number };
  readonly writeRefusal: () => string;
}

/** The sections of a node. */
export function infoSectionsOf(sources: InfoSources): InfoSections {
  return Object.fromEntries(
    Object.entries(SECTIONS).map(([title, linesOf]) => [title, () => linesOf(sources)]),
  );
}

const SECTIONS: Readonly<Record<string, (sources: InfoSources) => InfoLines>> = {
  Server: ({ clock, process, startedMs, port, shards }) => [
    ...serverLines({
      role: "node",
      mode: shards.enabled ? "cluster" : "standalone",
      runId: shards.myId,
      port,
      uptimeMs: clock.monotonicMs() - startedMs,
    }),
    ["os", process.os],
    ["deno_version", process.denoVersion],
    ["process_id", process.pid],
  ],
  Clients: ({ sessions, clientCountMax }) => [
    ["connected_clients", sessions.count],
    ["maxclients", clientCountMax],
    ...NO_BLOCKED_CLIENTS,
  ],
  Memory: ({ process, maxMemoryBytes, shards }) => [
    // What entries use now; and what they used at most, which is not given back but serves later entries.
    ["used_memory", sum(stores(shards), (store) => store.liveBytes)],
    ["used_memory_peak", sum(stores(shards), (store) => store.usedBytes)],
    ["used_memory_rss", process.residentBytes()],
    ["maxmemory", maxMemoryBytes],
    ["maxmemory_shards", sum(stores(shards), (store) => store.capBytes)],
    ["maxmemory_policy", "allkeys-lru"],
  ],
  Persistence: ({ fsync, log, dumps, writeRefusal }) => [
    ...NOT_LOADING,
    ["aof_last_write_status", writeRefusal() === "" ? "ok" : "err"],
    ["fsync", fsync],
    ["rdb_bgsave_in_progress", dumps.running ? 1 : 0],
    ["rdb_last_save_time", Math.floor(dumps.lastSaveMs / 1000)],
    ["rdb_last_bgsave_status", dumps.lastFailure === "" ? "ok" : "err"],
    ["dump_last_failure", dumps.lastFailure],
    ["dump_retry_ms", dumps.retryMs],
    ["dump_count", dumps.count],
    ["log_position", log.appended],
    ["log_committed", log.committedPosition],
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
  Replication: ({ shards, roles }) =>
    replicationLines(shards.topology?.cluster ?? shards.myId, {
      offset: roles.offset,
      replicas: roles.replicaNodes().map(({ host, port, areInSync, offset, silentMs }) => ({
        host,
        port,
        isOnline: areInSync,
        offset,
        lagSeconds: Math.floor(silentMs / 1000),
      })),
    }),
  Cluster: ({ shards, cluster }) => [
    ...clusterLines(cluster(), shards.topology?.cluster ?? ""),
    ["shards", shards.shards.map((shard) => shard.id).join(",")],
  ],
  Keyspace: ({ shards }) =>
    keyspaceLines(
      sum(shards.stores, (store) => store.entryCount),
      sum(shards.stores, (store) => store.volatileCount),
    ),
};

/** Of all copies that the node keeps. */
function stores({ copies }: ShardTable): Store[] {
  return copies.map(({ store }) => store);
}

function sum(stores: readonly Store[], of: (store: Store) => number): number {
  return stores.reduce((total, store) => total + of(store), 0);
}
