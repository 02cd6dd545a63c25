/**
 * The grammar of a dump, `dump_<port>.data`: every entry of every shard of a node as it was at one log position.
 *
 *     dump   := header frame*
 *     header := magic "RNDLDMP" · version u8 · identity 16 bytes · createdAt f64 · position u64
 *               shardCount u16 · shard* · checksum u32
 *     shard  := shard u16 · entryCount u64 · epoch u32 · sequence u64 · filling u8 · startCount u16 · start*
 *     start  := epoch u32 · firstSequence u64
 *
 * - Frames are those of `dump_frame.ts`. A dump is whole when every shard has as many entries as the header says, and ends
 *   there. So one that was cut short shows.
 * - Epoch, sequence, whether the copy is filling (1) or whole (0), and where epochs began are those of the shard's history
 *   at `position` (shard_history.ts).
 * - No key comes twice.
 * - `checksum` is the CRC-32 of the header before it.
 * - The log from `position` on continues what the dump holds.
 * - Version 1 had a record of the log for each entry, version 2 neither types nor databases, version 3 did not say
 *   which copies are filling; they are not read.
 */
import { bytesOf, equalBytes } from "../core/bytes.ts";
import { crc32 } from "../core/checksum.ts";
import { EPOCH_STARTS_MAX, SHARD_COUNT_MAX } from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { IDENTITY_BYTES, identityBytes } from "./node_identity.ts";
import { type EpochStart, ShardHistory } from "./shard_history.ts";

const MAGIC = bytesOf("RNDLDMP");
const VERSION = 4;
const VERSION_AT = MAGIC.length;
const IDENTITY_AT = VERSION_AT + 1;
const CREATED_AT = IDENTITY_AT + IDENTITY_BYTES;
const POSITION_AT = CREATED_AT + 8;
const SHARD_COUNT_AT = POSITION_AT + 8;
const SHARDS_AT = SHARD_COUNT_AT + 2;
const SHARD_BYTES = 25;
const START_BYTES = 12;
const CHECKSUM_BYTES = 4;

/** No header is longer. */
export const DUMP_HEADER_BYTES_MAX = SHARDS_AT + CHECKSUM_BYTES +
  SHARD_COUNT_MAX * (SHARD_BYTES + EPOCH_STARTS_MAX * START_BYTES);

/** A shard at the moment of the dump. */
export interface DumpShard {
  readonly shard: number;
  readonly entryCount: number;
  readonly history: ShardHistory;
}

export interface DumpHeader {
  readonly createdAtMs: number;
  /** Log position at which the dump was taken. */
  readonly position: number;
  readonly shards: readonly DumpShard[];
}

export type ParsedDumpHeader =
  | { readonly found: "whole header"; readonly header: DumpHeader; readonly length: number }
  | { readonly found: "bad header" | "foreign file" | "older version" | "unknown version" };

export function encodeDumpHeader(output: OutputBuffer, identity: string, header: DumpHeader): void {
  const start = output.length;
  output.copy(MAGIC);
  output.byte(VERSION);
  output.copy(identityBytes(identity));
  output.f64(header.createdAtMs);
  output.u64(header.position);
  output.u16(header.shards.length);
  for (const { shard, entryCount, history } of header.shards) {
    output.u16(shard);
    output.u64(entryCount);
    output.u32(history.epoch);
    output.u64(history.sequence);
    output.byte(history.isFilling ? 1 : 0);
    output.u16(history.starts.length);
    for (const { epoch, firstSequence } of history.starts) {
      output.u32(epoch);
      output.u64(firstSequence);
    }
  }
  output.u32(crc32(output.bytes, start, output.length));
}

/** Judges the beginning of a file, of which `bytes` are the first `DUMP_HEADER_BYTES_MAX`, or all if it has fewer. */
export function parseDumpHeader(bytes: Uint8Array<ArrayBuffer>, identity: string): ParsedDumpHeader {
  if (bytes.length < SHARDS_AT + CHECKSUM_BYTES || !equalBytes(MAGIC, 0, MAGIC.length, bytes, 0)) {
    return { found: "bad header" };
  }
  // First of all, since the rest of the header is not laid out alike in all versions.
  if (bytes[VERSION_AT]! < VERSION) return { found: "older version" };
  if (bytes[VERSION_AT]! > VERSION) return { found: "unknown version" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const shards: DumpShard[] = [];
  let at = SHARDS_AT;
  for (let count = view.getUint16(SHARD_COUNT_AT, true); count > 0; count--) {
    const end = at + SHARD_BYTES > bytes.length ? Infinity : endOfShard(view, at);
    if (end + CHECKSUM_BYTES > bytes.length) return { found: "bad header" };
    shards.push(shardAt(view, at));
    at = end;
  }
  if (view.getUint32(at, true) !== crc32(bytes, 0, at)) return { found: "bad header" };
  if (!equalBytes(identityBytes(identity), 0, IDENTITY_BYTES, bytes, IDENTITY_AT)) {
    return { found: "foreign file" };
  }
  const createdAtMs = view.getFloat64(CREATED_AT, true);
  const position = Number(view.getBigUint64(POSITION_AT, true));
  return { found: "whole header", header: { createdAtMs, position, shards }, length: at + CHECKSUM_BYTES };
}

function endOfShard(view: DataView, at: number): number {
  return at + SHARD_BYTES + view.getUint16(at + 23, true) * START_BYTES;
}

function shardAt(view: DataView, at: number): DumpShard {
  const starts: EpochStart[] = [];
  for (let start = at + SHARD_BYTES; start < endOfShard(view, at); start += START_BYTES) {
    const firstSequence = Number(view.getBigUint64(start + 4, true));
    starts.push({ epoch: view.getUint32(start, true), firstSequence });
  }
  return {
    shard: view.getUint16(at, true),
    entryCount: Number(view.getBigUint64(at + 2, true)),
    history: new ShardHistory(
      view.getUint32(at + 10, true),
      Number(view.getBigUint64(at + 14, true)),
      starts,
      view.getUint8(at + 22) !== 0,
    ),
  };
}
