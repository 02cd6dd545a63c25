/**
 * Replays a log from a position to its end, and tidies up what a crash has left behind that end, so that the writer
 * can go on there.
 *
 * A bad frame at the end of the last segment may be a write that was cut short, or damage. It is damage when a frame
 * anywhere behind it says that it was on the disk once.
 */
import { LOG_FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from "../core/limits.ts";
import type { Disk } from "../io/disk.ts";
import { decodeFrame, FRAME_BAD, FRAME_INCOMPLETE } from "./log_frame.ts";
import type { NodeIdentity } from "./node_identity.ts";
import { RECORD_BAD } from "./record.ts";
import { RecordReader } from "./record_reader.ts";
import { decide, type Place, refuse } from "./recovery_decisions.ts";
import type { Replayer } from "./replayer.ts";
import { listSegments, type LogEnd, parseSegmentHeader, segmentPath, type SegmentPlace } from "./segment.ts";

export interface LogReaderOptions {
  readonly disk: Disk;
  /** Folder of the segments. */
  readonly directory: string;
  /** Whose log it is, and what is known of its end. */
  readonly identity: Pick<NodeIdentity, "id" | "newestSegment" | "stoppedAt">;
  readonly replayer: Replayer;
  /** Gets a line for each thing that was tidied up. */
  readonly warnings: string[];
}

export class LogReader {
  readonly #options: LogReaderOptions;
  /** A segment that was begun but has no header yet; its predecessor is whole. */
  #headless: string | null = null;
  /** Log position of the first frame whose records are held back; −1 when none are. */
  #heldPosition = -1;
  /** Log position behind which the segment replayed last has only zeros; −1 when it has none. */
  #zerosFrom = -1;
  /** Segments that are there, the first of them that was replayed, and those behind the end. */
  #numbers: readonly number[] = [];
  #first = 0;
  #surplus: readonly SegmentPlace[] = [];
  /** Log position before which everything was synced once, as the frames say. */
  #vouched = 0;

  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  /**
   * Replays the records from log position `from` on, before which everything was synced. What is to be tidied up is left
   * to {@linkcode LogReader.cut} and {@linkcode LogReader.removeLeftovers}.
   */
  async read(from: number): Promise<LogEnd> {
    const { disk, directory, replayer, identity } = this.#options;
    this.#numbers = await listSegments(disk, directory);
    const segments = await this.#find(this.#numbers, from);
    this.#first = segments[0]!.number;
    this.#vouched = from;
    let end = from;
    for (const [index, segment] of segments.entries()) {
      end = await this.#replay(segment, segments[index + 1] ?? null, end);
    }
    if (identity.stoppedAt !== null && end < identity.stoppedAt) {
      const at = `${segments.at(-1)!.path} ends at position ${end}, not at ${identity.stoppedAt}`;
      refuse("last segment", "end before the stop in order", at);
    }
    if (replayer.heldBytes > 0) {
      decide("last segment", "incomplete request", `${directory} at position ${this.#heldPosition}`);
      replayer.dropHeld();
      end = this.#heldPosition;
    }
    const kept = segments.filter((segment) => segment.position <= end);
    const last = kept.pop()!;
    this.#surplus = segments.slice(kept.length + 1);
    return { earlier: kept, last, length: lengthAt(last, end), vouched: Math.min(this.#vouched, end) };
  }

  /** The segments that hold what begins at position `from`, ascending and without gaps. */
  async #find(numbers: readonly number[], from: number): Promise<SegmentPlace[]> {
    const { directory, identity } = this.#options;
    const segments: SegmentPlace[] = [];
    if (numbers.at(-1)! < identity.newestSegment) {
      refuse("last segment", "newest segment missing", segmentPath(directory, identity.newestSegment));
    }
    for (const [index, number] of [...numbers.entries()].reverse()) {
      if (segments.length > 0 && segments[0]!.position <= from) break;
      const isLast = index === numbers.length - 1;
      if (!isLast && numbers[index + 1] !== number + 1) {
        refuse("earlier segment", "missing segment", segmentPath(directory, number + 1));
      }
      const segment = await this.#open(number, isLast, index === 0);
      if (segment !== null) segments.unshift(segment);
    }
    const first = segments[0]!;
    if (first.position > from) {
      refuse(
        "earlier segment",
        "missing segment",
        `${first.path} begins at ${first.position}, not at ${from}`,
      );
    }
    return segments;
  }

  /** Reads a segment's header; `null` when a crash came before there was one. */
  async #open(number: number, isLast: boolean, isFirst: boolean): Promise<SegmentPlace | null> {
    const { disk, directory, identity } = this.#options;
    const path = segmentPath(directory, number);
    const header = parseSegmentHeader(await readBeginning(disk, path), identity.id);
    if (header.found === "whole header" && header.number === number) {
      return { path, number, position: header.position, salt: header.salt };
    }
    const place = isLast ? "last segment" : "earlier segment";
    if (header.found !== "whole header" && header.found !== "bad header") refuse(place, header.found, path);
    // A segment is whole before the node file knows it, and the very first one before there is a node file.
    const mayBeTorn = isLast && !isFirst && number > identity.newestSegment &&
      await disk.size(path) <= SEGMENT_HEADER_BYTES;
    if (!mayBeTorn) refuse(place, "bad header", path);
    decide(place, "bad header, no records", path);
    this.#headless = path;
    return null;
  }

  /** Replays a segment from `from` on, as far as it is good, and returns the position behind that. */
  async #replay(segment: SegmentPlace, next: SegmentPlace | null, from: number): Promise<number> {
    const { disk } = this.#options;
    const place = next === null && this.#headless === null ? "last segment" : "earlier segment";
    const offset = lengthAt(segment, from);
    const fileBytes = await disk.size(segment.path);
    if (offset > fileBytes) {
      refuse(
        place,
        place === "last segment" ? "end before the dump's position" : "end missing",
        segment.path,
      );
    }
    const file = await disk.open(segment.path);
    await file.seek(offset);
    const reader = new RecordReader(file, offset, { segment, fileBytes });
    try {
      const isGood = await this.#replayRecords(segment, place, reader);
      if (!isGood) await this.#judgeBadFrame(segment, place, reader);
      const end = positionAt(segment, reader.offset);
      if (next !== null && end !== next.position) refuse(place, "end missing", segment.path);
      return end;
    } finally {
      await reader.close();
    }
  }

  /** Replays records until the file ends (true) or a bad frame comes (false), which the reader then stands at. */
  async #replayRecords(segment: SegmentPlace, place: Place, reader: RecordReader): Promise<boolean> {
    const { replayer } = this.#options;
    const { mutation, frame } = reader;
    while (true) {
      reader.announce(replayer.target);
      const next = reader.next();
      if (next === FRAME_INCOMPLETE) {
        if (await reader.fill()) continue;
        if (frame.synced > this.#vouched) this.#vouched = frame.synced; // of a last frame that has no records
        return reader.window.isEmpty;
      }
      if (next === FRAME_BAD) return false;
      if (replayer.heldBytes === 0) this.#heldPosition = frame.position;
      if (frame.synced > this.#vouched) this.#vouched = frame.synced;
      const finding = next === RECORD_BAD
        ? "unknown record"
        : replayer.take(mutation, frame.more, reader.window.bytes, reader.recordStart, next);
      if (finding !== "good record") refuse(place, finding, `${segment.path} at byte ${reader.recordOffset}`);
    }
  }

  /** Returns when the bad frame that the reader stands at is none, or is what a crash has left. */
  async #judgeBadFrame(segment: SegmentPlace, place: Place, reader: RecordReader): Promise<void> {
    const at = `${segment.path} at byte ${reader.offset}`;
    await reader.fillToEnd();
    const { bytes, start, end } = reader.window;
    if (isZero(bytes, start, end)) {
      decide(place, "zeros to the end", at);
      this.#zerosFrom = positionAt(segment, reader.offset);
      return;
    }
    if (place !== "last segment") refuse(place, "bad frame", at);
    const wasSafe = saysThatItWasSafe(positionAt(segment, reader.offset), reader);
    decide(place, wasSafe ? "bad frame that was safe" : "torn frame", at);
  }

  /** Makes `end`, which was read, the end of the log. */
  async cut({ last, length }: LogEnd): Promise<void> {
    const { disk, directory, warnings } = this.#options;
    // The last first, so that a crash meanwhile leaves a log without a gap.
    const paths = this.#surplus.map((segment) => segment.path);
    if (this.#headless !== null) paths.push(this.#headless);
    for (const path of paths.reverse()) {
      await disk.remove(path);
      warnings.push(`Removed ${path}, which a crash left without a complete write`);
    }
    if (paths.length > 0) await disk.syncDirectory(directory);
    const size = await disk.size(last.path);
    if (size === length) return;
    const file = await disk.open(last.path);
    try {
      await file.truncate(length); // synced by the writer, when it opens the file
    } finally {
      file.close();
    }
    if (positionAt(last, length) === this.#zerosFrom) return;
    warnings.push(`Cut ${last.path} from ${size} to ${length} bytes: a crash left the last write incomplete`);
  }

  /**
   * Removes what a dump has made superfluous; a crash came between the dump and that. Only when what is left is surely on
   * the disk: without the segments before it, a last segment that is torn cannot be told from a damaged one.
   */
  async removeLeftovers(): Promise<void> {
    const { disk, directory } = this.#options;
    const leftovers = this.#numbers.filter((number) => number < this.#first);
    for (const number of leftovers) await disk.remove(segmentPath(directory, number));
    if (leftovers.length > 0) await disk.syncDirectory(directory);
  }
}

/** Bytes of a segment's file up to log position `position`. */
function lengthAt(segment: SegmentPlace, position: number): number {
  return SEGMENT_HEADER_BYTES + position - segment.position;
}

/** Log position of what stands at `offset` in a segment's file. */
function positionAt(segment: SegmentPlace, offset: number): number {
  return segment.position + offset - SEGMENT_HEADER_BYTES;
}

/** Whether a frame behind the bad one at which `reader` stands, at log position `position`, says that it was safe. */
function saysThatItWasSafe(position: number, { frame, window }: RecordReader): boolean {
  const { bytes, start, end } = window;
  for (let at = start + 1; at + LOG_FRAME_HEADER_BYTES <= end; at++) {
    if (decodeFrame(frame, position + at - start, bytes, at, end) > 0 && frame.synced > position) return true;
  }
  return false;
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

async function readBeginning(disk: Disk, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const file = await disk.open(path);
  try {
    let length = 0;
    for (let count = 1; count > 0 && length < bytes.length; length += count) {
      count = await file.read(bytes.subarray(length));
    }
    return bytes.subarray(0, length);
  } finally {
    file.close();
  }
}
