/**
 * Records on their way to the log, in frames (log_frame.ts). The last frame is open: it is sealed when it is long
 * enough and its request is over, or when the buffer's content is taken to the disk.
 */
import { KIB, LOG_FRAME_BYTES, MIB } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { openFrame, sealFrame } from "./log_frame.ts";

/** First room, and the most that is kept when the buffer is empty. */
const BUFFER_BYTES_MIN = 64 * KIB;
const BUFFER_BYTES_KEEP = 1 * MIB;
const NONE = -1;

export class FrameBuffer {
  /** Whole frames, but for the open one at its end. Whoever adds records appends them here. */
  readonly output = new OutputBuffer(BUFFER_BYTES_MIN, true);
  /** A frame of this length ends with the request. */
  readonly #frameBytes: number;
  /** Where the open frame begins; `NONE` when all are sealed. */
  #frameStart = NONE;
  #isSealing = false;

  constructor(frameBytes = LOG_FRAME_BYTES) {
    this.#frameBytes = frameBytes;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.output.bytes;
  }

  /** Whether the sealing of a frame broke off in its middle. */
  get isTorn(): boolean {
    return this.#isSealing;
  }

  get length(): number {
    return this.output.length;
  }

  /** Whether a record can be appended as it is. */
  get isOpen(): boolean {
    return this.#frameStart >= 0 && this.output.length - this.#frameStart < this.#frameBytes;
  }

  /**
   * Opens a frame at log position `position`, where the buffer's content ends. What is open already is sealed, and the
   * request that its last record belongs to goes on.
   */
  open(position: number, synced: number): void {
    if (this.#frameStart >= 0) this.#seal(synced, true);
    this.#frameStart = this.output.length;
    openFrame(this.output, position);
  }

  /** The records since the last call are one request's: they apply all or none. */
  endRequest(synced: number): void {
    if (this.#frameStart >= 0 && !this.isOpen) this.#seal(synced, false);
  }

  /** Seals the open frame, if there is one, whose last request is over. */
  seal(synced: number): void {
    if (this.#frameStart >= 0) this.#seal(synced, false);
  }

  /** Empties the buffer, whose frames are all sealed. */
  clear(): void {
    this.output.clear(BUFFER_BYTES_KEEP);
  }

  #seal(synced: number, more: boolean): void {
    this.#isSealing = true;
    sealFrame(this.output, this.#frameStart, synced, more);
    this.#frameStart = NONE;
    this.#isSealing = false;
  }
}
