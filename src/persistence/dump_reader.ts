/** Reads a dump from its first to its last byte. Whatever is not as it has to be is a refusal. */
import { Mutation } from "../core/mutation.ts";
import type { Disk } from "../io/disk.ts";
import {
  decodeEntry,
  endOfFrame,
  ENTRY_BAD,
  FRAME_BAD,
  FRAME_HEADER_BYTES,
  FRAME_INCOMPLETE,
  shardOfFrame,
} from "./dump_frame.ts";
import { DUMP_HEADER_BYTES_MAX, type DumpHeader, parseDumpHeader } from "./dump_header.ts";
import { FileWindow } from "./file_window.ts";
import { type Finding, refuse } from "./recovery_decisions.ts";
import type { EntryLoader, RecoveryTarget } from "./replayer.ts";

/** Gives every entry of the dump at `path` to `target`. */
export async function readDump(
  disk: Disk,
  path: string,
  identity: string,
  target: RecoveryTarget,
): Promise<DumpHeader> {
  const window = new FileWindow(await disk.open(path), 0, await disk.size(path));
  const reader = new DumpReader(window, path, target);
  try {
    return await reader.read(identity);
  } finally {
    await reader.close();
  }
}

/** A shard that is being read. */
interface Loading {
  readonly loader: EntryLoader;
  /** Entries that it still has to have. */
  missing: number;
}

class DumpReader {
  readonly #path: string;
  readonly #window: FileWindow;
  readonly #target: RecoveryTarget;
  readonly #shards = new Map<number, Loading>();
  readonly #entry = new Mutation();
  /** Entries that all shards still have to have. */
  #missing = 0;

  constructor(window: FileWindow, path: string, target: RecoveryTarget) {
    this.#path = path;
    this.#window = window;
    this.#target = target;
  }

  async read(identity: string): Promise<DumpHeader> {
    const header = await this.#readHeader(identity);
    for (const { shard, entryCount } of header.shards) {
      this.#shards.set(shard, { loader: this.#target.load(shard, entryCount), missing: entryCount });
      this.#missing += entryCount;
    }
    while (this.#missing > 0) {
      if (!this.#takeFrame() && !await this.#window.fill()) this.#refuse("end missing");
    }
    if (!this.#window.isEmpty || await this.#window.fill()) this.#refuse("bytes behind the end");
    for (const { loader } of this.#shards.values()) loader.end();
    return header;
  }

  close(): Promise<void> {
    return this.#window.close();
  }

  async #readHeader(identity: string): Promise<DumpHeader> {
    const window = this.#window;
    while (window.end - window.start < DUMP_HEADER_BYTES_MAX && await window.fill());
    const parsed = parseDumpHeader(window.bytes.subarray(window.start, window.end), identity);
    if (parsed.found !== "whole header") this.#refuse(parsed.found);
    window.start += parsed.length;
    return parsed.header;
  }

  /** Takes the next frame; false when it was not read whole. */
  #takeFrame(): boolean {
    const { bytes, start, end } = this.#window;
    const frameEnd = endOfFrame(bytes, start, end);
    if (frameEnd === FRAME_INCOMPLETE) return false;
    if (frameEnd === FRAME_BAD) this.#refuse("bad frame");
    this.#entry.shard = shardOfFrame(bytes, start);
    const shard = this.#shards.get(this.#entry.shard);
    if (shard === undefined) this.#refuse("bad frame");
    this.#takeEntries(shard, bytes, start + FRAME_HEADER_BYTES, frameEnd);
    this.#window.start = frameEnd;
    return true;
  }

  #takeEntries(shard: Loading, bytes: Uint8Array<ArrayBuffer>, start: number, end: number): void {
    const entry = this.#entry;
    const view = new DataView(bytes.buffer);
    let count = 0;
    for (let at = start; at < end;) {
      at = decodeEntry(entry, bytes, view, at, end);
      if (at < 0) this.#refuse(at === ENTRY_BAD ? "bad frame" : "unknown entry");
      if (++count > shard.missing) this.#refuse("wrong count of entries");
      shard.loader.add(entry);
    }
    shard.missing -= count;
    this.#missing -= count;
  }

  #refuse(finding: Finding): never {
    refuse("dump", finding, `${this.#path} at byte ${this.#window.offsetOf(this.#window.start)}`);
  }
}
