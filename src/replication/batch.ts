/**
 * The grammar of what a primary's node sends to a node with copies of its shards, and of what that answers. All numbers
 * are little-endian.
 *
 *     batch   := clockMs f64 · section*                                        ROUNDEL APPEND <batch>
 *     section := shard u16 · epoch u32 · byteLength u32 · record*              record: as in the log (record.ts)
 *     results := result*                                                       the reply, a bulk string
 *     result  := shard u16 · status u8 · epoch u32 · sequence u64
 *
 * - `clockMs` is the sender's time of day: a shard's time never runs backwards.
 * - `epoch` of a section is the one in which the sender leads the shard now; its records may be of earlier ones.
 * - A section without records is a beat. It is answered at once, whatever waits for the disk, with sequence 0.
 * - There is a result for each section, in their order:
 *     0 good       the copy has everything up to `sequence`, as durable as its policy asks; `epoch` is the section's
 *     1 outdated   `epoch` is known, which is newer, or in which there is no copy here that follows
 *     2 gap        the records do not go on behind (`epoch`, `sequence`), where the copy stands; those before them are taken
 *     3 diverged   the copy is a member of the in-sync set and would have to be emptied; it stands at (`epoch`, `sequence`)
 *     4 full       there is no room for the next record; the copy stands at (`epoch`, `sequence`)
 */
import { readU32 } from "../core/bytes.ts";
import { SHARD_COUNT_MAX } from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";

export const RESULT_GOOD = 0;
export const RESULT_OUTDATED = 1;
export const RESULT_GAP = 2;
export const RESULT_DIVERGED = 3;
export const RESULT_FULL = 4;

export const BATCH_HEAD_BYTES = 8;
export const SECTION_HEAD_BYTES = 10;
const RESULT_BYTES = 15;
const U32_RANGE = 0x1_0000_0000;
/** Sequences stay exact in a double. */
const U64_HIGH_MAX = 0x1f_ffff;

export interface Result {
  readonly shard: number;
  readonly status: number;
  readonly epoch: number;
  readonly sequence: number;
}

/** Begins a section of `byteLength` bytes of records, which follow. */
export function encodeSectionHead(
  output: OutputBuffer,
  { shard, epoch, byteLength }: { shard: number; epoch: number; byteLength: number },
): void {
  output.u16(shard);
  output.u32(epoch);
  output.u32(byteLength);
}

export function encodeResult(output: OutputBuffer, { shard, status, epoch, sequence }: Result): void {
  output.u16(shard);
  output.byte(status);
  output.u32(epoch);
  output.u64(sequence);
}

/** Goes through a batch's sections. */
export class BatchReader {
  /** Why the bytes are no batch. */
  error = "";
  clockMs = 0;
  /** The section that was read last; its records are `bytes[recordsStart, recordsEnd)`. */
  shard = 0;
  epoch = 0;
  recordsStart = 0;
  recordsEnd = 0;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  /** The batch is `bytes[start, end)`. */
  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start + BATCH_HEAD_BYTES;
    this.#end = end;
    if (this.#at > end) this.error = "it is shorter than its head";
    else this.clockMs = viewOf(bytes, start, BATCH_HEAD_BYTES).getFloat64(0, true);
    if (!Number.isFinite(this.clockMs)) this.error = "its time is no number";
  }

  /** Whether there is one more section, which is then read. */
  next(): boolean {
    const at = this.#at;
    if (this.error !== "" || at === this.#end) return false;
    const bytes = this.#bytes;
    this.recordsStart = at + SECTION_HEAD_BYTES;
    if (this.recordsStart > this.#end) return this.#fail("a section's head is cut short");
    this.shard = bytes[at]! | bytes[at + 1]! << 8;
    this.epoch = readU32(bytes, at + 2);
    this.recordsEnd = this.#at = this.recordsStart + readU32(bytes, at + 6);
    if (this.shard >= SHARD_COUNT_MAX) return this.#fail(`it has a section of shard ${this.shard}`);
    return this.recordsEnd <= this.#end || this.#fail("a section is cut short");
  }

  #fail(error: string): false {
    this.error = error;
    return false;
  }
}

/** What `bytes[start, end)` answers; `null` where those are no results. */
export function decodeResults(bytes: Uint8Array, start: number, end: number): Result[] | null {
  if ((end - start) % RESULT_BYTES !== 0) return null;
  const results: Result[] = [];
  for (let at = start; at < end; at += RESULT_BYTES) {
    const high = readU32(bytes, at + 11);
    const shard = bytes[at]! | bytes[at + 1]! << 8;
    const status = bytes[at + 2]!;
    if (shard >= SHARD_COUNT_MAX || status > RESULT_FULL || high > U64_HIGH_MAX) return null;
    const sequence = high * U32_RANGE + readU32(bytes, at + 7);
    results.push({ shard, status, epoch: readU32(bytes, at + 3), sequence });
  }
  return results;
}

function viewOf(bytes: Uint8Array, start: number, length: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + start, length);
}
