/**
 * Records of a stream that wait to be sent, in order. They lie in pieces, each of which is sent whole, so that nothing is
 * moved and no request is cut in two: a piece ends where its owner says that a request is over.
 */
import {
  RECORD_HEADER_BYTES,
  RECORD_SET_OVERHEAD_BYTES,
  STREAM_CHUNK_BYTES,
  STREAM_CHUNK_BYTES_MAX,
  STREAM_CHUNK_COUNT_KEPT,
} from "../core/limits.ts";
import type { Mutation } from "../core/mutation.ts";
import { OutputBuffer } from "../core/output_buffer.ts";

const CHUNK_BYTES_MIN = 4_096;

/** Buffers that nobody uses; those of all streams of a node. */
export class ChunkPool {
  readonly #free: OutputBuffer[] = [];

  take(): OutputBuffer {
    return this.#free.pop() ?? new OutputBuffer(CHUNK_BYTES_MIN, true);
  }

  give(chunk: OutputBuffer): void {
    chunk.clear(STREAM_CHUNK_BYTES * 2);
    if (this.#free.length < STREAM_CHUNK_COUNT_KEPT) this.#free.push(chunk);
  }
}

export class RecordQueue {
  readonly #pool: ChunkPool;
  /** Those that ended, the oldest first, and their bytes; and the one that records are added to. */
  #ended: OutputBuffer[] = [];
  #endedBytes = 0;
  #open: OutputBuffer | null = null;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  get byteLength(): number {
    return this.#endedBytes + (this.#open?.length ?? 0);
  }

  /** Where the record of a mutation goes, with a key and a value of that length together. */
  outputFor(payloadBytes: number): OutputBuffer {
    const open = this.#open;
    if (open === null) return this.#open = this.#pool.take();
    const bytes = RECORD_HEADER_BYTES + RECORD_SET_OVERHEAD_BYTES + payloadBytes;
    if (open.length + bytes <= STREAM_CHUNK_BYTES_MAX) return open;
    this.#end(open);
    return this.#open = this.#pool.take();
  }

  /** No request is under way: what was added since the piece began may end it, if it is long enough. */
  endRequest(): void {
    if (this.#open !== null && this.#open.length >= STREAM_CHUNK_BYTES) this.#end(this.#open);
  }

  /** The piece that is sent next; `null` when nothing waits. */
  get first(): OutputBuffer | null {
    return this.#ended[0] ?? this.#open;
  }

  /** The piece with the record that was added last. */
  get last(): OutputBuffer | null {
    return this.#open ?? this.#ended.at(-1) ?? null;
  }

  /** {@linkcode RecordQueue.first} was copied, and its buffer is for others now. */
  sent(): void {
    const chunk = this.#ended.shift();
    if (chunk !== undefined) this.#endedBytes -= chunk.length;
    this.#pool.give(chunk ?? this.#open!);
    if (chunk === undefined) this.#open = null;
  }

  /** Adds all that `other` has, which is empty then. */
  takeOver(other: RecordQueue): void {
    if (this.#open !== null) this.#end(this.#open);
    this.#ended.push(...other.#ended);
    this.#endedBytes += other.#endedBytes;
    this.#open = other.#open;
    other.#forget();
  }

  clear(): void {
    for (const chunk of this.#ended) this.#pool.give(chunk);
    if (this.#open !== null) this.#pool.give(this.#open);
    this.#forget();
  }

  #end(open: OutputBuffer): void {
    this.#ended.push(open);
    this.#endedBytes += open.length;
    this.#open = null;
  }

  #forget(): void {
    this.#ended = [];
    this.#endedBytes = 0;
    this.#open = null;
  }
}

/** Bytes of the mutation's key and value. */
export function payloadOf({ keyStart, keyEnd, valueStart, valueEnd }: Mutation): number {
  return keyEnd - keyStart + valueEnd - valueStart;
}
