/**
 * `node_<port>.json`: who this node is. Written when its log was made, and again whenever what it must not forget
 * changes. Plain JSON, for people to read:
 *
 *     { "format": 2, "id": "<uuid>", "createdAtMs": …, "cluster": "<name>" or null,
 *       "topology": any document or null, "epochs": { "<shard>": <newest epoch seen> },
 *       "hashSeed": "<16 hexadecimal digits>",
 *       "bootId": "<the machine's at the last start>" or null, "newestSegment": <number>, "stoppedAt": <position> or null }
 *
 * `newestSegment` is the log's newest segment as of when it was begun, and `stoppedAt` where the log ended when the node
 * was last stopped in order; `null` from the next start on. So it shows when the end of the log is missing.
 *
 * The topology is opaque here: whoever saved it knows how to check it.
 */
import { bytesOf, textOf } from "../core/bytes.ts";
import { messageOf, RefusalError } from "../core/errors.ts";
import { parseHashSeed } from "../core/key_hash.ts";
import { SHARD_COUNT_MAX } from "../core/limits.ts";
import { type Disk, replaceFile } from "../io/disk.ts";

const FORMAT = 2;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Bytes of an identity in the headers of files. */
export const IDENTITY_BYTES = 16;

export interface NodeIdentity {
  /** A UUID in lower case. */
  readonly id: string;
  readonly createdAtMs: number;
  /** The cluster that the node belongs to; `null` while it belongs to none. */
  readonly cluster: string | null;
  readonly topology: unknown;
  /** Newest epoch that the node has seen of each shard. */
  readonly epochs: Readonly<Record<number, number>>;
  /** By which keys are ordered while no topology says so: 16 hexadecimal digits. */
  readonly hashSeed: string;
  /** Of the machine when the node was last started: it changes when the machine is. `null` when that is unknown. */
  readonly bootId: string | null;
  /** Number of the log's newest segment that is known to have been there. */
  readonly newestSegment: number;
  /** Log position at which the node was stopped in order; `null` while it runs. */
  readonly stoppedAt: number | null;
}

/** A node that has seen nothing yet. */
export function newIdentity(id: string, createdAtMs: number, hashSeed: string): NodeIdentity {
  return {
    id,
    createdAtMs,
    cluster: null,
    topology: null,
    epochs: {},
    hashSeed,
    bootId: null,
    newestSegment: 1,
    stoppedAt: null,
  };
}

/** The 16 bytes that a UUID writes down. */
export function identityBytes(id: string): Uint8Array<ArrayBuffer> {
  const digits = id.replaceAll("-", "");
  return Uint8Array.from({ length: IDENTITY_BYTES }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/** Writes the file so that after a crash the old or the new one is there, whole. */
export function saveIdentity(disk: Disk, path: string, identity: NodeIdentity): Promise<void> {
  return replaceFile(disk, path, bytesOf(JSON.stringify({ format: FORMAT, ...identity }, null, 2) + "\n"));
}

/** Reads the file; rejects with `RefusalError` when it does not say what it has to. */
export async function loadIdentity(disk: Disk, path: string): Promise<NodeIdentity> {
  return parseIdentity(textOf(await disk.readFile(path)), path);
}

function parseIdentity(text: string, path: string): NodeIdentity {
  const fields = objectOf(text, path);
  const { format, id, createdAtMs, cluster, topology, epochs, hashSeed, bootId, newestSegment, stoppedAt } =
    fields;
  if (format === 1) {
    throw new RefusalError(
      `Cannot read node identity: ${path}: "format" is 1, that of an older version of Roundel. Start that version, ` +
        "or give this one a data folder of its own",
    );
  }
  if (format !== FORMAT) refuse(path, `"format" is ${shown(format)}, this version reads ${FORMAT}`);
  if (typeof id !== "string" || !UUID.test(id)) {
    refuse(path, `"id" is ${shown(id)}, not a UUID in lower case`);
  }
  if (typeof createdAtMs !== "number") refuse(path, `"createdAtMs" is ${shown(createdAtMs)}, not a number`);
  if (typeof cluster !== "string" && cluster !== null) {
    refuse(path, `"cluster" is ${shown(cluster)}, not a name or null`);
  }
  if (typeof hashSeed !== "string" || parseHashSeed(hashSeed) === null) {
    refuse(path, `"hashSeed" is ${shown(hashSeed)}, not 16 hexadecimal digits`);
  }
  if (topology === undefined) refuse(path, `"topology" is missing`);
  if (typeof bootId !== "string" && bootId !== null) {
    refuse(path, `"bootId" is ${shown(bootId)}, not a text or null`);
  }
  if (!isCount(newestSegment) || newestSegment < 1) {
    refuse(path, `"newestSegment" is ${shown(newestSegment)}, not a number from 1`);
  }
  if (stoppedAt !== null && !isCount(stoppedAt)) {
    refuse(path, `"stoppedAt" is ${shown(stoppedAt)}, not a log position or null`);
  }
  return {
    id,
    createdAtMs,
    cluster,
    topology,
    epochs: epochsOf(epochs, path),
    hashSeed,
    bootId,
    newestSegment,
    stoppedAt,
  };
}

function objectOf(text: string, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    refuse(path, messageOf(error));
  }
  if (!isObject(value)) refuse(path, "it is not a JSON object");
  return value;
}

function epochsOf(value: unknown, path: string): Record<number, number> {
  if (!isObject(value)) refuse(path, `"epochs" is ${shown(value)}, not an object`);
  const epochs: Record<number, number> = {};
  for (const [shard, epoch] of Object.entries(value)) {
    const isShard = /^\d{1,4}$/.test(shard) && Number(shard) < SHARD_COUNT_MAX;
    const isEpoch = typeof epoch === "number" && Number.isInteger(epoch) && epoch >= 0 && epoch < 2 ** 32;
    if (!isShard || !isEpoch) refuse(path, `"epochs" holds ${shown(shard)}: ${shown(epoch)}`);
    epochs[Number(shard)] = epoch;
  }
  return epochs;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}

function refuse(path: string, state: string): never {
  throw new RefusalError(
    `Cannot read node identity: ${path}: ${state}. Restore that file from a backup of the data folder`,
  );
}
