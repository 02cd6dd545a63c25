/**
 * A dump on its way to the disk, chunk by chunk. All shards begin at one moment, before anything else can run; from
 * then on entries come from the stream's own steps, and from mutations that are about to change an entry that the
 * steps have not reached (the sources copy on write). A step is bounded in time and bytes, and a chunk is made only
 * when the disk has taken the one before; so what piles up is what mutations hand over while the disk is slow.
 */
import { assert, AssertionError } from "../core/assert.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { DUMP_STEP_MS, KIB, MIB } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { closeFrame, encodeEntryHead, type EntryHead, FRAME_BYTES, openFrame } from "./dump_frame.ts";
import { type DumpShard, encodeDumpHeader } from "./dump_header.ts";

/** A chunk is handed to the disk when it has this much. Exceeded by one entry at most, unless mutations add theirs. */
const CHUNK_BYTES = 512 * KIB;
const CHUNK_BYTES_KEEP = 1 * MIB;
/** No frame is open. */
const NO_FRAME = -1;
/** Entries between two looks at the clock. */
const ENTRIES_PER_LOOK = 32;

/** Takes a shard's entries. */
export interface DumpSink {
  /**
   * Opens an entry and returns the output with room for exactly its key and value: the caller writes first the key,
   * then the value at `output.bytes[output.length …]`, adds both lengths to `output.length`, and calls
   * {@linkcode DumpSink.entryEnd}, all at once.
   */
  entryStart(head: EntryHead): OutputBuffer;
  entryEnd(): void;
}

/** How fast a dump may go. */
export interface StepPace {
  /** Resolves when the next step may be made. */
  nextStep(): Promise<void>;
}

/**
 * A shard that can hand over all its entries as they are at one moment. How many there are and where its history stands
 * is as it is now, and read just before {@linkcode DumpSource.begin}.
 */
export interface DumpSource extends DumpShard {
  /** From this moment on the sink gets every entry that there is now, each once. */
  begin(sink: DumpSink): void;
  /** Hands over up to `entriesMax` entries. Whether that was all, or the snapshot was abandoned. */
  step(entriesMax: number): boolean;
  /** Ends the snapshot; harmless when it is over. */
  abandon(): void;
  /** Whether the snapshot ended before it was whole: every key was removed at once. */
  readonly abandoned: boolean;
}

export class DumpStream {
  readonly #sources: readonly DumpSource[];
  readonly #clock: Clock;
  /** What waits to be handed to the disk, and what the disk is writing. */
  #gathering = new OutputBuffer(CHUNK_BYTES);
  #writing = new OutputBuffer(CHUNK_BYTES);
  /** Where the open frame begins in what is gathered, or {@linkcode NO_FRAME}; and whose entries it has. */
  #frameStart = NO_FRAME;
  #frameShard = 0;
  #entryCount = 0;
  readonly #entryCountExpected: number;
  #bytes = 0;
  /** The source that is walked at present. */
  #current = 0;

  /** Begins at once: the entries are those that the sources hold now, at log position `position`. */
  constructor(sources: readonly DumpSource[], clock: Clock, identity: string, position: number) {
    this.#sources = sources;
    this.#clock = clock;
    encodeDumpHeader(this.#gathering, identity, { createdAtMs: clock.nowMs(), position, shards: sources });
    this.#entryCountExpected = sources.reduce((total, source) => total + source.entryCount, 0);
    unbroken(() => sources.forEach((source) => source.begin(this.#sinkOf(source))));
  }

  /** Whether a source ended before it was whole. */
  get isAbandoned(): boolean {
    return this.#sources.some((source) => source.abandoned);
  }

  /** Bytes that wait for the disk. */
  get backlogBytes(): number {
    return this.#gathering.length + this.#writing.length;
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  /** Bytes handed out so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The dump's bytes. A chunk is valid until the next is asked for. `taken` is called each time the disk has taken
   * one, and then `pace` is asked. Rejects when a source was abandoned.
   */
  async *chunks(taken: () => void, pace: StepPace): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    let isOver = false;
    while (!isOver) {
      this.#checkSources();
      isOver = unbroken(() => this.#step());
      if (isOver) this.#checkSources();
      if (this.#gathering.length === 0) {
        if (!isOver) await sleep(this.#clock, 0);
        continue;
      }
      const chunk = this.#gathering;
      this.#gathering = this.#writing;
      this.#writing = chunk;
      yield chunk.view();
      this.#bytes += chunk.length;
      chunk.clear(CHUNK_BYTES_KEEP);
      taken();
      if (!isOver) await pace.nextStep();
    }
  }

  /** Ends what the sources have not finished. */
  abandon(): void {
    unbroken(() => this.#sources.forEach((source) => source.abandon()));
  }

  /** Gathers entries until there is a chunk or time is up. Whether all entries are there. */
  #step(): boolean {
    const isOver = this.#gather();
    this.#closeFrame();
    return isOver;
  }

  #gather(): boolean {
    const deadlineMs = this.#clock.monotonicMs() + DUMP_STEP_MS;
    for (let count = 1; this.#current < this.#sources.length; count++) {
      if (this.#gathering.length >= CHUNK_BYTES) return false;
      if (count % ENTRIES_PER_LOOK === 0 && this.#clock.monotonicMs() >= deadlineMs) return false;
      if (this.#sources[this.#current]!.step(1)) this.#current++;
    }
    const isWhole = this.#entryCount === this.#entryCountExpected;
    assert(isWhole || this.isAbandoned, "a snapshot hands over every entry once");
    return true;
  }

  #checkSources(): void {
    if (this.isAbandoned) throw new Error("all keys were removed while it was written");
  }

  #sinkOf({ shard }: DumpSource): DumpSink {
    return {
      entryStart: (head) => {
        const output = this.#gathering;
        if (this.#frameStart === NO_FRAME || this.#frameShard !== shard) this.#openFrame(shard);
        encodeEntryHead(output, head);
        return output;
      },
      entryEnd: () => {
        this.#entryCount++;
        if (this.#gathering.length - this.#frameStart > FRAME_BYTES) this.#closeFrame();
      },
    };
  }

  #openFrame(shard: number): void {
    this.#closeFrame();
    this.#frameStart = this.#gathering.length;
    this.#frameShard = shard;
    openFrame(this.#gathering, shard);
  }

  #closeFrame(): void {
    if (this.#frameStart !== NO_FRAME) closeFrame(this.#gathering, this.#frameStart);
    this.#frameStart = NO_FRAME;
  }
}

/** What the sources do is theirs: an error is a bug, in the middle of it. */
function unbroken<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw new AssertionError("A step of a dump broke off in its middle", { cause: error });
  }
}
