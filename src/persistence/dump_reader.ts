/** Reads a dump from its first to its last byte. Whatever is not as it has to be is a refusal. */
import type { Disk, DiskFile } from "../io/disk.ts";
import { DUMP_HEADER_BYTES_MAX, type DumpHeader, parseDumpHeader } from "./dump_header.ts";
import { KIND_END, KIND_SET, RECORD_BAD, RECORD_INCOMPLETE } from "./record.ts";
import { RecordReader } from "./record_reader.ts";
import { type Finding, refuse } from "./recovery_decisions.ts";
import type { Replayer } from "./replayer.ts";

/** Gives every entry of the dump at `path` to `replayer`, and where each shard's history stands. */
export async function readDump(
  disk: Disk,
  path: string,
  identity: string,
  replayer: Replayer,
): Promise<DumpHeader> {
  const file = await disk.open(path);
  try {
    return await new DumpReader(file, path, replayer).read(identity);
  } finally {
    file.close();
  }
}

class DumpReader {
  readonly #path: string;
  readonly #reader: RecordReader;
  readonly #replayer: Replayer;
  /** Entries that each shard still has to have. */
  readonly #expected = new Map<number, number>();
  #entryCount = 0;

  constructor(file: DiskFile, path: string, replayer: Replayer) {
    this.#path = path;
    this.#reader = new RecordReader(file, 0);
    this.#replayer = replayer;
  }

  async read(identity: string): Promise<DumpHeader> {
    const header = await this.#readHeader(identity);
    for (const shard of header.shards) {
      this.#replayer.startShard(shard.shard, shard);
      this.#expected.set(shard.shard, shard.entryCount);
    }
    while (!this.#readEntries()) {
      if (!await this.#reader.fill()) this.#refuse("end missing");
    }
    if (await this.#reader.fill() || !this.#reader.isEmpty) this.#refuse("bytes behind the end");
    return header;
  }

  async #readHeader(identity: string): Promise<DumpHeader> {
    const reader = this.#reader;
    while (reader.end < DUMP_HEADER_BYTES_MAX && await reader.fill());
    const parsed = parseDumpHeader(reader.bytes.subarray(0, reader.end), identity);
    if (parsed.found !== "whole header") this.#refuse(parsed.found);
    reader.skip(parsed.length);
    return parsed.header;
  }

  /** Takes every record that was read whole; true once that was the end. */
  #readEntries(): boolean {
    const reader = this.#reader;
    for (let next = reader.next(); next !== RECORD_INCOMPLETE; next = reader.next()) {
      if (next === RECORD_BAD || !this.#takeRecord()) this.#refuse("bad record");
      if (reader.view.kind === KIND_END) return true;
    }
    return false;
  }

  /** Takes the record in the reader's view; false when it has no business in a dump. */
  #takeRecord(): boolean {
    const { view, bytes } = this.#reader;
    if (view.kind === KIND_END) {
      const isComplete = [...this.#expected.values()].every((missing) => missing === 0);
      if (view.count !== this.#entryCount || !isComplete) this.#refuse("wrong count of entries");
      return true;
    }
    const missing = this.#expected.get(view.shard) ?? 0;
    if (view.kind !== KIND_SET || view.more || missing === 0) return false;
    this.#expected.set(view.shard, missing - 1);
    this.#entryCount++;
    this.#replayer.takeEntry(view, bytes);
    return true;
  }

  #refuse(finding: Finding): never {
    refuse("dump", finding, `${this.#path} at byte ${this.#reader.recordOffset}`);
  }
}
