/**
 * The grammar of a dump, `dump_<port>.data`: every entry of every shard of a node as it was at one log position.
 *
 *     dump   := header frame*
 *     header := magic "RNDLDMP" · version u8 · identity 16 bytes · createdAt f64 · position u64
 *               shardCount u16 · shard* · checksum u32
 *     shard  := shard u16 · epoch u32 · sequence u64 · entryCount u64
 *
 * - Frames are those of `dump_frame.ts`. A dump is whole when every shard has as many entries as the header says, and ends
 *   there. So one that was cut short shows.
 * - Epoch and sequence are those of the shard at `position`.
 * - No key comes twice.
 * - `checksum` is the CRC-32 of the header before it.
 * - The log from `position` on continues what the dump holds.
 * - Version 1 had a record of the log for each entry, with a checksum of its own; it was never released and is not read.
 */
import { bytesOf, equalBytes } from "../core/bytes.ts";
import { crc32 } from "../core/checksum.ts";
import { SHARD_COUNT_MAX } from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { IDENTITY_BYTES, identityBytes } from "./node_identity.ts";

const MAGIC = bytesOf("RNDLDMP");
const VERSION = 2;
const VERSION_AT = MAGIC.length;
const IDENTITY_AT = VERSION_AT + 1;
const CREATED_AT = IDENTITY_AT + IDENTITY_BYTES;
const POSITION_AT = CREATED_AT + 8;
const SHARD_COUNT_AT = POSITION_AT + 8;
const SHARDS_AT = SHARD_COUNT_AT + 2;
const SHARD_BYTES = 22;
const CHECKSUM_BYTES = 4;

/** No header is longer. */
export const DUMP_HEADER_BYTES_MAX = SHARDS_AT + SHARD_COUNT_MAX * SHARD_BYTES + CHECKSUM_BYTES;

/** A shard at the moment of the dump. */
export interface DumpShard {
  readonly shard: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly entryCount: number;
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
  for (const { shard, epoch, sequence, entryCount } of header.shards) {
    output.u16(shard);
    output.u32(epoch);
    output.u64(sequence);
    output.u64(entryCount);
  }
  output.u32(crc32(output.bytes, start, output.length));
}

/** Judges the beginning of a file, of which `bytes` are the first `DUMP_HEADER_BYTES_MAX`, or all if it has fewer. */
export function parseDumpHeader(bytes: Uint8Array<ArrayBuffer>, identity: string): ParsedDumpHeader {
  if (bytes.length < SHARDS_AT || !equalBytes(MAGIC, 0, MAGIC.length, bytes, 0)) {
    return { found: "bad header" };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const shardCount = view.getUint16(SHARD_COUNT_AT, true);
  const checksumAt = SHARDS_AT + shardCount * SHARD_BYTES;
  const length = checksumAt + CHECKSUM_BYTES;
  if (shardCount > SHARD_COUNT_MAX || bytes.length < length) return { found: "bad header" };
  if (view.getUint32(checksumAt, true) !== crc32(bytes, 0, checksumAt)) return { found: "bad header" };
  if (bytes[VERSION_AT]! < VERSION) return { found: "older version" };
  if (bytes[VERSION_AT] !== VERSION) return { found: "unknown version" };
  if (!equalBytes(identityBytes(identity), 0, IDENTITY_BYTES, bytes, IDENTITY_AT)) {
    return { found: "foreign file" };
  }
  const shards = Array.from({ length: shardCount }, (_, i) => shardAt(view, SHARDS_AT + i * SHARD_BYTES));
  const createdAtMs = view.getFloat64(CREATED_AT, true);
  const position = Number(view.getBigUint64(POSITION_AT, true));
  return { found: "whole header", header: { createdAtMs, position, shards }, length };
}

function shardAt(view: DataView, at: number): DumpShard {
  return {
    shard: view.getUint16(at, true),
    epoch: view.getUint32(at + 2, true),
    sequence: Number(view.getBigUint64(at + 6, true)),
    entryCount: Number(view.getBigUint64(at + 14, true)),
  };
}
