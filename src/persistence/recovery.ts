/**
 * The start of a node's data folder: take the lock, find out who we are, read the dump, replay the log behind it, and
 * open the log to go on.
 *
 * What an earlier process has left can be read, but it may have died before it was on the disk itself. So whatever is
 * read is made durable before anything is built on it: the folders are synced, the dump and the segments too, the node
 * file and the log's unsynced end are written again.
 *
 * Or, in an empty folder, begin: the log first, then the node file, whose presence says that
 * there is a log. A crash between the two leaves an empty log, with which the next start begins anew.
 */
import { wasRestarted } from "../core/boot_id.ts";
import type { Clock } from "../core/clock.ts";
import { hashSeedText, randomHashSeed } from "../core/key_hash.ts";
import { SEGMENT_HEADER_BYTES } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import { type Random, randomUuid } from "../core/random.ts";
import type { Disk, DiskLock } from "../io/disk.ts";
import { readDump } from "./dump_reader.ts";
import { temporaryOf } from "./dump_writer.ts";
import { type FsyncPolicy, Log, type LogOptions } from "./log.ts";
import { LogReader } from "./log_reader.ts";
import { NodeFile } from "./node_file.ts";
import { newIdentity, type NodeIdentity } from "./node_identity.ts";
import type { NodePaths } from "./paths.ts";
import { decide, refuse } from "./recovery_decisions.ts";
import { type RecoveryTarget, Replayer } from "./replayer.ts";
import { listSegments, segmentPath } from "./segment.ts";
import type { ShardHistory } from "./shard_history.ts";

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly paths: NodePaths;
  readonly policy: FsyncPolicy;
  /** The machine's; `null` when it is unknown. */
  readonly bootId: string | null;
  /** See {@linkcode LogOptions}. */
  readonly segmentBytes?: number;
  readonly frameBytes?: number;
  /** Where the data goes, now that it is known whose it is. Called once, before any of it. */
  readonly targetFor: (identity: NodeIdentity) => RecoveryTarget;
}

export interface Recovered {
  readonly nodeFile: NodeFile;
  /** Log position of the dump that was read; 0 without one. */
  readonly dumpPosition: number;
  /** Of every shard that the files say anything about. */
  readonly histories: ReadonlyMap<number, ShardHistory>;
  /** Ready to append. */
  readonly log: Log;
  /** To be released after the log is closed. */
  readonly lock: DiskLock;
  /** Entries of the dump and records of the log that were applied. */
  readonly recordCount: number;
  /** Whether a loss of power may have taken what was acknowledged without being synced. */
  readonly mayLackAcknowledged: boolean;
  /** What was tidied up, a line each. */
  readonly warnings: readonly string[];
}

/** Recovers what is in the data folder, or rejects with a `RefusalError` that names file, offset and a way out. */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { disk, paths } = options;
  await disk.makeDirectory(paths.logDirectory);
  const lock = await disk.lock(paths.lock, paths.logDirectory);
  try {
    for (const folder of [paths.dataDirectory, paths.logDirectory]) await disk.syncDirectory(folder);
    if (await disk.exists(temporaryOf(paths.dump))) await disk.remove(temporaryOf(paths.dump));
    return await disk.exists(paths.node) ? await resume(options, lock) : await begin(options, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function begin(options: RecoveryOptions, lock: DiskLock): Promise<Recovered> {
  const { disk, clock, paths, bootId } = options;
  if (await disk.exists(paths.dump)) refuse("data folder", "dump without node file", paths.dump);
  const numbers = await listSegments(disk, paths.logDirectory);
  if (numbers.length === 0) decide("data folder", "nothing", paths.dataDirectory);
  else await decideOnOrphans(disk, paths.logDirectory, numbers);
  const identity = newIdentity(
    randomUuid(options.random),
    clock.nowMs(),
    hashSeedText(randomHashSeed(options.random)),
  );
  const nodeFile = new NodeFile(disk, paths.node, identity);
  const log = await Log.create(logOptions(options, nodeFile));
  await nodeFile.update({ bootId });
  options.targetFor(identity);
  return {
    nodeFile,
    dumpPosition: 0,
    histories: new Map(),
    log,
    lock,
    recordCount: 0,
    mayLackAcknowledged: false,
    warnings: [],
  };
}

/** A log without a node file: was it never used, or has the node file been lost? */
async function decideOnOrphans(disk: Disk, directory: string, numbers: readonly number[]): Promise<void> {
  const path = segmentPath(directory, numbers[0]!);
  const isUnused = numbers.length === 1 && numbers[0] === 1 && await disk.size(path) <= SEGMENT_HEADER_BYTES;
  decide("data folder", isUnused ? "empty log without node file" : "log without node file", path);
}

async function resume(options: RecoveryOptions, lock: DiskLock): Promise<Recovered> {
  const { disk, paths, bootId } = options;
  const nodeFile = await NodeFile.load(disk, paths.node);
  const { identity } = nodeFile;
  const warnings: string[] = [];
  const mayLackAcknowledged = mayLack(options, identity);
  if (mayLackAcknowledged) {
    warnings.push(
      `The machine was restarted while the node ran: with --fsync ${options.policy} it may have lost the newest writes`,
    );
  }
  const target = options.targetFor(identity);
  await syncFiles(options);
  const dump = await disk.exists(paths.dump) ? await readDump(disk, paths.dump, identity.id, target) : null;
  const dumpPosition = dump?.position ?? 0;
  const dumpShards = dump?.shards ?? [];
  const replayer = new Replayer(target);
  for (const { shard, history } of dumpShards) replayer.histories.set(shard, history);
  const reader = new LogReader({ disk, directory: paths.logDirectory, identity, replayer, warnings });
  const end = await reader.read(dumpPosition);
  // The node file gives up segments before they are removed, and knows new ones when they are safe.
  const newestSegment = end.last.number;
  const known = Math.min(newestSegment, identity.newestSegment);
  await nodeFile.update({ bootId, newestSegment: known, stoppedAt: null });
  await reader.cut(end);
  const log = await Log.open(logOptions(options, nodeFile), end);
  if (known < newestSegment) await nodeFile.update({ newestSegment });
  await reader.removeLeftovers();
  return {
    nodeFile,
    dumpPosition,
    histories: replayer.histories,
    log,
    lock,
    recordCount: replayer.recordCount + dumpShards.reduce((sum, { entryCount }) => sum + entryCount, 0),
    mayLackAcknowledged,
    warnings,
  };
}

/** Syncs what is only read: a dump, and the segments before the last, which a person may have copied there just now. */
async function syncFiles({ disk, paths }: RecoveryOptions): Promise<void> {
  const numbers = await listSegments(disk, paths.logDirectory);
  if (numbers.length === 0) refuse("data folder", "node file without log", paths.logDirectory);
  const files = numbers.slice(0, -1).map((number) => segmentPath(paths.logDirectory, number));
  if (await disk.exists(paths.dump)) files.push(paths.dump);
  for (const path of files) await disk.syncFile(path);
}

function mayLack({ policy, bootId }: RecoveryOptions, identity: NodeIdentity): boolean {
  if (policy === "always" || identity.stoppedAt !== null) return false;
  return wasRestarted(identity.bootId, bootId);
}

function logOptions(options: RecoveryOptions, nodeFile: NodeFile): LogOptions {
  const { disk, clock, random, logger, paths, policy, segmentBytes, frameBytes } = options;
  const identity = nodeFile.identity.id;
  const base = {
    disk,
    clock,
    random,
    logger,
    directory: paths.logDirectory,
    identity,
    policy,
    marks: nodeFile,
  };
  return { ...base, ...(segmentBytes && { segmentBytes }), ...(frameBytes && { frameBytes }) };
}
