/**
 * The memory that entries take: the same ones go to a node, to redis-server and to memcached, and the system is asked
 * for the resident bytes of each, empty and full.
 */
import { fill, type Filling, KEY_BYTES } from "./loader.ts";
import { type Peer, type PeerOptions, startMemcached, startNode, startRedis } from "./peers.ts";
import { residentBytesOf } from "./process_figures.ts";
import type { Processes } from "./processes.ts";
import { megabytesText, tableOf, verdictText } from "./report.ts";

export interface MemoryOptions {
  readonly entryCount: number;
  /** Binaries that are not installed. */
  readonly missing: readonly string[];
  progress(line: string): void;
}

export interface Footprint {
  readonly name: string;
  readonly emptyBytes: number;
  readonly fullBytes: number;
}

export interface MemoryResult {
  readonly entryCount: number;
  /** The node is the first. */
  readonly footprints: readonly Footprint[];
}

const VALUE_BYTES = 64;
/** Enough for everyone's overhead: nobody may evict. */
const CAP_BYTES_PER_ENTRY = 256;
const RATIO_TO_REDIS_MAX = 0.85;
/** Between the last write and the look: buffers of the log drain, garbage is collected. */
const SETTLE_MS = 2_000;

interface Contestant {
  readonly binary: string | undefined;
  readonly protocol: Filling["protocol"];
  readonly start: (processes: Processes, options: PeerOptions) => Promise<Peer>;
}

const CONTESTANTS: readonly Contestant[] = [
  { binary: undefined, protocol: "redis", start: startNode },
  { binary: "redis-server", protocol: "redis", start: startRedis },
  { binary: "memcached", protocol: "memcached", start: startMemcached },
];

export async function measureMemory(processes: Processes, options: MemoryOptions): Promise<MemoryResult> {
  const { entryCount, missing, progress } = options;
  const footprints: Footprint[] = [];
  for (const { binary, protocol, start } of CONTESTANTS) {
    if (binary !== undefined && missing.includes(binary)) continue;
    const peer = await start(processes, {
      fsync: "everysec",
      maxMemoryBytes: entryCount * CAP_BYTES_PER_ENTRY,
    });
    const emptyBytes = residentBytesOf(peer.pids);
    await fill({ port: peer.port, entryCount, valueBytes: VALUE_BYTES, protocol });
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const footprint = { name: peer.name, emptyBytes, fullBytes: residentBytesOf(peer.pids) };
    footprints.push(footprint);
    progress(`memory: ${footprint.name}, ${entryCount} entries: ${megabytesText(footprint.fullBytes)} MB`);
    await peer.stop();
  }
  return { entryCount, footprints };
}

export function memoryReport(results: readonly MemoryResult[]): string {
  const header = ["entries", "server", "empty MB", "full MB", "bytes per entry", "over redis", "goal"];
  const rows = results.flatMap(({ entryCount, footprints }) => {
    const redis = footprints.find(({ name }) => name === "redis");
    return footprints.map((footprint, i) => {
      const { name, emptyBytes, fullBytes } = footprint;
      const ratio = redis === undefined ? undefined : fullBytes / redis.fullBytes;
      return [
        `${entryCount / 1e6} M`,
        name,
        megabytesText(emptyBytes),
        megabytesText(fullBytes),
        ((fullBytes - emptyBytes) / entryCount).toFixed(0),
        ratio === undefined ? "" : ratio.toFixed(2),
        i > 0 || ratio === undefined
          ? ""
          : verdictText({ goal: `≤ ${RATIO_TO_REDIS_MAX}`, isReached: ratio <= RATIO_TO_REDIS_MAX }),
      ];
    });
  });
  const note =
    `Resident memory (VmRSS) with keys of ${KEY_BYTES} and values of ${VALUE_BYTES} bytes, written once. ` +
    "Bytes per entry are those beyond the empty server's.";
  return ["## Memory", note, tableOf(header, rows)].join("\n\n");
}
