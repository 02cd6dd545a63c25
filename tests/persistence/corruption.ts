/** A small vocabulary of damage, so that a test is about what happened and not about bytes. */
import { crc32 } from "../../src/core/checksum.ts";
import { SEGMENT_HEADER_BYTES } from "../../src/core/limits.ts";
import { endOfFrame } from "../../src/persistence/dump_frame.ts";
import {
  checksumFrames,
  decodeFrame,
  endOfFrame as endOfLogFrame,
  FrameView,
} from "../../src/persistence/log_frame.ts";
import { segmentHeader, segmentPath } from "../../src/persistence/segment.ts";
import type { SimulatedDisk } from "../support/simulated_disk.ts";
import { FIRST_SEGMENT, PATHS } from "./test_node.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Flips every bit of the byte at `offset`; from the end if negative. */
export function flipByte(disk: SimulatedDisk, path: string, offset: number): void {
  const bytes = disk.contentOf(path);
  bytes[offset < 0 ? bytes.length + offset : offset]! ^= 0xff;
  disk.corrupt(path, bytes);
}

/** Sets a byte. */
export function setByte(disk: SimulatedDisk, path: string, offset: number, byte: number): void {
  const bytes = disk.contentOf(path);
  bytes[offset] = byte;
  disk.corrupt(path, bytes);
}

/** Cuts off the last `count` bytes. */
export function shrink(disk: SimulatedDisk, path: string, count: number): void {
  const bytes = disk.contentOf(path);
  disk.corrupt(path, bytes.slice(0, bytes.length - count));
}

/** Adds bytes at the end. */
export function append(disk: SimulatedDisk, path: string, more: ArrayLike<number>): void {
  const bytes = disk.contentOf(path);
  const longer = new Uint8Array(bytes.length + more.length);
  longer.set(bytes);
  longer.set(more, bytes.length);
  disk.corrupt(path, longer);
}

/** Makes the checksum of the log's frame at `offset` right again. */
export function fixLogFrame(disk: SimulatedDisk, path: string, offset: number): void {
  const bytes = disk.contentOf(path);
  checksumFrames(bytes, offset, endOfLogFrame(bytes, offset), saltOf(bytes));
  disk.corrupt(path, bytes);
}

/** Where each frame of a dump begins whose frames begin at `first`, and where the last one ends. */
export function frameOffsets(disk: SimulatedDisk, path: string, first: number): number[] {
  const bytes = disk.contentOf(path);
  const offsets = [first];
  for (let at = first; at < bytes.length;) offsets.push(at = endOfFrame(bytes, at, bytes.length));
  return offsets;
}

/** Makes the checksum of a dump's frame right again. */
export function fixFrame(disk: SimulatedDisk, path: string, start: number, end: number): void {
  const bytes = disk.contentOf(path);
  new DataView(bytes.buffer).setUint32(start, crc32(bytes, start + 4, end), true);
  disk.corrupt(path, bytes);
}

/** Makes the checksum right that ends the first `length` bytes, a header. */
export function fixHeader(disk: SimulatedDisk, path: string, length: number): void {
  const bytes = disk.contentOf(path);
  new DataView(bytes.buffer).setUint32(length - 4, crc32(bytes, 0, length - 4), true);
  disk.corrupt(path, bytes);
}

/** The salt of a segment with these bytes. */
export function saltOf(bytes: Bytes): number {
  return new DataView(bytes.buffer).getUint32(40, true);
}

/** Where each frame of the log's first segment begins, and where the last one ends. */
export function logFrameOffsets(disk: SimulatedDisk): number[] {
  const bytes = disk.contentOf(FIRST_SEGMENT);
  const view = new FrameView(saltOf(bytes));
  const offsets = [SEGMENT_HEADER_BYTES];
  while (true) {
    const at = offsets.at(-1)!;
    const end = decodeFrame(view, at - SEGMENT_HEADER_BYTES, bytes, at, bytes.length);
    if (end < 0) return offsets;
    offsets.push(end);
  }
}

/** Cuts a file to `length` bytes. */
export function cutTo(disk: SimulatedDisk, path: string, length: number): void {
  shrink(disk, path, disk.contentOf(path).length - length);
}

/** Divides the log's only segment into several, of `counts` frames each. */
export function divideLog(disk: SimulatedDisk, identity: string, counts: readonly number[]): void {
  const bytes = disk.contentOf(FIRST_SEGMENT);
  const offsets = logFrameOffsets(disk);
  let first = 0;
  for (const [index, count] of counts.entries()) {
    const [start, end] = [offsets[first]!, offsets[first + count]!];
    const place = { number: index + 1, position: start - SEGMENT_HEADER_BYTES, salt: saltOf(bytes) };
    const header = segmentHeader(identity, place);
    disk.corrupt(segmentPath(PATHS.logDirectory, index + 1), joined(header, bytes.slice(start, end)));
    first += count;
  }
}

function joined(first: Bytes, second: Bytes): Bytes {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
