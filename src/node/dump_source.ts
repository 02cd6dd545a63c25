/** A shard as the dump's writer sees it: the store's copy-on-write snapshot, entry by entry, in the log's own form. */
import { EntryHead } from "../persistence/dump_frame.ts";
import type { DumpSink, DumpSource } from "../persistence/dump_stream.ts";
import type { Row, SnapshotSink, Store } from "../store/store.ts";
import type { ShardCopy } from "./shard_copy.ts";

/** The shard's snapshots, one after the other: a dump that was abandoned is begun anew from the same source. */
export function dumpSourceOf(shard: ShardCopy): DumpSource {
  const { store } = shard;
  return {
    shard: shard.id,
    history: shard.history,
    get entryCount() {
      return store.entryCount;
    },
    begin: (sink) => store.beginSnapshot(new EntryCopier(store, sink)),
    step: (entriesMax) => store.stepSnapshot(entriesMax),
    abandon: () => store.abandonSnapshot(),
    get abandoned() {
      return store.snapshotAbandoned;
    },
  };
}

/** Copies an entry from the store's blocks straight into the dump's output. */
class EntryCopier implements SnapshotSink {
  readonly #store: Store;
  readonly #sink: DumpSink;
  readonly #head = new EntryHead();

  constructor(store: Store, sink: DumpSink) {
    this.#store = store;
    this.#sink = sink;
  }

  entry(row: Row): void {
    const store = this.#store;
    const head = this.#head;
    head.keyLength = store.keyLength(row);
    head.valueLength = store.valueLength(row);
    head.expiresAtMs = store.expiresAt(row);
    head.database = store.database(row);
    head.type = store.type(row);
    const output = this.#sink.entryStart(head);
    store.copyKey(row, output.bytes, output.length);
    store.copyValue(row, output.bytes, output.length + head.keyLength);
    output.length += head.keyLength + head.valueLength;
    this.#sink.entryEnd();
  }
}
