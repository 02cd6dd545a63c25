/**
 * Segments: the files of a log, `<16-digit number>.log`, numbered from 1 without gaps.
 *
 *     segment := magic "RNDLLOG" · version u8 · identity 16 bytes · number u64 · position u64 · salt u32 · zeros
 *                · checksum u32 · frame* · zeros
 *
 * - The header takes `SEGMENT_HEADER_BYTES`; its last four bytes are the CRC-32 of the others.
 * - `identity` is the node's, so that a file from elsewhere is told apart from one that is damaged.
 * - `position` is where the segment begins in the log: the bytes of all frames since the log was made. So a frame's
 *   place in its file is `SEGMENT_HEADER_BYTES` + its position − the segment's position, and a missing file shows.
 * - `salt` is random, and goes into the checksum of every frame.
 * - Frames are those of log_frame.ts. In logs of version 1 each record had a checksum of its own; version 2 had no salt.
 * - The zeros at the end are room for frames to come. Writing over what is there already syncs in 0.09 ms where
 *   making the file longer takes 0.15, so a log that syncs each batch fills {@linkcode FILL_BYTES} ahead. No frame
 *   begins with so many zeros: its length is none. A segment that is left in order has no such end.
 * - A segment is written only when the one before it is synced, and its own header and name are synced before the first
 *   frame. Hence after a power loss only the end of the last segment can be torn.
 */
import { assert } from "../core/assert.ts";
import { bytesOf, equalBytes } from "../core/bytes.ts";
import { crc32 } from "../core/checksum.ts";
import { KIB, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import type { Disk, DiskFile } from "../io/disk.ts";
import { IDENTITY_BYTES, identityBytes } from "./node_identity.ts";
import { checksumFrames, endOfFrame } from "./log_frame.ts";

const MAGIC = bytesOf("RNDLLOG");
const VERSION = 3;
const VERSION_AT = MAGIC.length;
const IDENTITY_AT = VERSION_AT + 1;
const NUMBER_AT = IDENTITY_AT + IDENTITY_BYTES;
const POSITION_AT = NUMBER_AT + 8;
const SALT_AT = POSITION_AT + 8;
const CHECKSUM_AT = SEGMENT_HEADER_BYTES - 4;
const NAME_DIGITS = 16;

/** How far a file is filled ahead of its frames. */
const FILL_BYTES = 256 * KIB;
/** A longer write just makes the file longer: it would use up what was filled too soon to gain by it. */
const FILLED_WRITE_BYTES_MAX = 32 * KIB;
const ZEROS = new Uint8Array(FILL_BYTES);

/** What is known of a segment without opening it. */
export interface SegmentPlace {
  readonly path: string;
  readonly number: number;
  /** Log position at which it begins. */
  readonly position: number;
  /** What the checksums of its frames begin with. */
  readonly salt: number;
}

/** Where a log goes on. */
export interface LogEnd {
  /** The segments before the last, ascending. */
  readonly earlier: readonly SegmentPlace[];
  readonly last: SegmentPlace;
  /** Bytes of the last segment, header included. */
  readonly length: number;
  /** Log position before which everything was synced once. */
  readonly vouched: number;
}

export interface SegmentOptions {
  readonly disk: Disk;
  /** Folder of the segments. */
  readonly directory: string;
  /** The node's. */
  readonly identity: string;
  /** Whether every batch will be synced: then files are filled ahead. */
  readonly syncsEachBatch: boolean;
  /** A segment is full when the next frame would make it longer; one that has none yet takes any. */
  readonly segmentBytes?: number;
}

/** Where the segment of a number lives. */
export function segmentPath(directory: string, number: number): string {
  return `${directory}/${String(number).padStart(NAME_DIGITS, "0")}.log`;
}

/** Numbers of the segments in a folder, ascending. Other files there are none of ours. */
export async function listSegments(disk: Disk, directory: string): Promise<number[]> {
  const names = await disk.list(directory);
  return names.filter((name) => /^\d{16}\.log$/.test(name)).map((name) => parseInt(name, 10));
}

export type SegmentHeader =
  | ({ readonly found: "whole header" } & Omit<SegmentPlace, "path">)
  | { readonly found: "bad header" | "foreign file" | "older version" | "unknown version" };

/** Judges the first `SEGMENT_HEADER_BYTES` of a file, or fewer if it has no more. */
export function parseSegmentHeader(bytes: Uint8Array, identity: string): SegmentHeader {
  if (bytes.length < SEGMENT_HEADER_BYTES || !equalBytes(MAGIC, 0, MAGIC.length, bytes, 0)) {
    return { found: "bad header" };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER_BYTES);
  if (view.getUint32(CHECKSUM_AT, true) !== crc32(bytes, 0, CHECKSUM_AT)) return { found: "bad header" };
  if (bytes[VERSION_AT]! < VERSION) return { found: "older version" };
  if (bytes[VERSION_AT] !== VERSION) return { found: "unknown version" };
  if (!equalBytes(identityBytes(identity), 0, IDENTITY_BYTES, bytes, IDENTITY_AT)) {
    return { found: "foreign file" };
  }
  return {
    found: "whole header",
    number: Number(view.getBigUint64(NUMBER_AT, true)),
    position: Number(view.getBigUint64(POSITION_AT, true)),
    salt: view.getUint32(SALT_AT, true),
  };
}

/** The header of a segment. */
export function segmentHeader(
  identity: string,
  { number, position, salt }: Omit<SegmentPlace, "path">,
): Uint8Array<ArrayBuffer> {
  const header = new OutputBuffer(SEGMENT_HEADER_BYTES);
  header.copy(MAGIC);
  header.byte(VERSION);
  header.copy(identityBytes(identity));
  header.u64(number);
  header.u64(position);
  header.u32(salt);
  while (header.length < CHECKSUM_AT) header.byte(0);
  header.u32(crc32(header.bytes, 0, CHECKSUM_AT));
  return header.view();
}

/** The segment that is being written. A failed write leaves it to {@linkcode Segment.rewind} to tidy up. */
export class Segment implements SegmentPlace {
  readonly path: string;
  readonly number: number;
  readonly position: number;
  readonly salt: number;
  readonly #file: DiskFile;
  /** The same file once more, so that a sync does not hold up the next write. */
  readonly #syncFile: DiskFile;
  readonly #bytesMax: number;
  /** Bytes of header and frames. */
  #length: number;
  /** Bytes of the file, as far as it was filled ahead. */
  #filled: number;
  #fillsAhead: boolean;
  #unsyncedBytes = 0;

  private constructor(
    options: SegmentOptions,
    place: SegmentPlace,
    files: readonly DiskFile[],
    length: number,
  ) {
    this.path = place.path;
    this.number = place.number;
    this.position = place.position;
    this.salt = place.salt;
    [this.#file, this.#syncFile] = [files[0]!, files[1]!];
    this.#bytesMax = options.segmentBytes ?? SEGMENT_BYTES_MAX;
    this.#length = this.#filled = length;
    this.#fillsAhead = options.syncsEachBatch;
  }

  /** Makes a new, empty segment. When it resolves, a power loss cannot undo that. */
  static async create(options: SegmentOptions, place: Omit<SegmentPlace, "path">): Promise<Segment> {
    const { disk, directory, identity } = options;
    const path = segmentPath(directory, place.number);
    // What is there by that name is left from an attempt that failed; it never held a record.
    if (await disk.exists(path)) await disk.remove(path);
    const file = await disk.create(path);
    try {
      await file.write(segmentHeader(identity, place));
      await file.sync();
      await disk.syncDirectory(directory);
      return new Segment(options, { path, ...place }, [file, await disk.open(path)], SEGMENT_HEADER_BYTES);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Opens a segment whose content is its first `length` bytes, to append there. */
  static async open(options: SegmentOptions, place: SegmentPlace, length: number): Promise<Segment> {
    const file = await options.disk.open(place.path);
    await file.seek(length);
    return new Segment(options, place, [file, await options.disk.open(place.path)], length);
  }

  /** Log position behind the last frame that was written whole. */
  get end(): number {
    return this.position + this.#length - SEGMENT_HEADER_BYTES;
  }

  /** How far into `bytes[start, end)`, which holds whole frames, the segment has room; `start` when for none. */
  roomFor(bytes: Uint8Array, start: number, end: number): number {
    const limit = start + this.#bytesMax - this.#length;
    if (end <= limit) return end;
    let at = start;
    for (let next = endOfFrame(bytes, at); next <= limit; next = endOfFrame(bytes, at)) at = next;
    return at === start && this.#length === SEGMENT_HEADER_BYTES ? endOfFrame(bytes, at) : at;
  }

  /** Writes whole, sealed frames, and gives them their checksums first. */
  writeSync(frames: Uint8Array<ArrayBuffer>): void {
    checksumFrames(frames, 0, frames.length, this.salt);
    if (
      this.#fillsAhead && this.#length + frames.length > this.#filled &&
      frames.length <= FILLED_WRITE_BYTES_MAX
    ) this.#fillAhead();
    this.#file.writeSync(frames);
    this.#grow(frames.length);
  }

  /** As {@linkcode Segment.writeSync}, without holding the event loop. */
  async write(frames: Uint8Array<ArrayBuffer>): Promise<void> {
    checksumFrames(frames, 0, frames.length, this.salt);
    await this.#file.write(frames);
    this.#grow(frames.length);
  }

  /** Resolves when everything written before the call is on the disk itself. `isBeside`: the loop is not to be held meanwhile. */
  sync(isBeside = false): Promise<void> {
    const bytes = this.#unsyncedBytes;
    this.#unsyncedBytes = 0;
    return isBeside ? this.#syncFile.sync() : this.#syncFile.sync(bytes);
  }

  /** Takes back what a failed write has left behind. */
  async rewind(): Promise<void> {
    await this.trim();
    await this.#file.seek(this.#length);
  }

  /** Ends the file behind the last frame. */
  async trim(): Promise<void> {
    await this.#file.truncate(this.#length);
    this.#filled = this.#length;
  }

  close(): void {
    this.#file.close();
    this.#syncFile.close();
  }

  /** On an error there is less room than hoped for, and the frames' own write tells what is wrong. */
  #fillAhead(): void {
    const from = Math.max(this.#filled, this.#length);
    const to = Math.max(from, Math.min(from + FILL_BYTES, this.#bytesMax));
    try {
      this.#syncFile.seekSync(from);
      this.#syncFile.writeSync(ZEROS.subarray(0, to - from));
      this.#filled = to;
      this.#unsyncedBytes += to - from;
    } catch {
      this.#fillsAhead = false;
    }
  }

  #grow(count: number): void {
    this.#length += count;
    this.#unsyncedBytes += count;
    assert(this.#length <= SEGMENT_BYTES_MAX, "a segment never exceeds the bound of all");
  }
}
