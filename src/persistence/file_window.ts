/**
 * The bytes of a file, seen through a window that moves on: its reader consumes from `start` on, and awaits
 * {@linkcode FileWindow.fill} when what it wants ends beyond `end`. So only chunks are awaited, never a record, and
 * between two chunks the event loop runs.
 *
 * Two buffers take turns. While one is looked at, a thread already reads the next chunk into the other, behind a
 * headroom; what is left of the first is copied to the end of that headroom, where the next chunk continues it:
 *
 *     buffer := headroom HEADROOM_BYTES · chunk CHUNK_BYTES
 *
 * Of a small file both are no larger than the file. Something larger than the headroom is put together in a buffer of its own, grown by doubling.
 */
import { KIB, MIB } from "../core/limits.ts";
import type { DiskFile } from "../io/disk.ts";

const HEADROOM_BYTES = 128 * KIB;
const CHUNK_BYTES = 1 * MIB;

type Bytes = Uint8Array<ArrayBuffer>;

export class FileWindow {
  /** `[start, end)` was read and is not consumed yet. Exchanged by {@linkcode FileWindow.fill}. */
  bytes: Bytes;
  start: number;
  end: number;
  readonly #file: DiskFile;
  readonly #headroomBytes: number;
  readonly #bufferBytes: number;
  /** Takes the next chunk. */
  #spare: Bytes;
  /** How many bytes the next chunk has; 0 at the end of the file. */
  #next: Promise<number>;
  /** Where `bytes[end]` is in the file. */
  #endOffset: number;

  /** `file` stands at `offset`, and is the window's from now on; `bytes`, how much is behind that, is a hint. */
  constructor(file: DiskFile, offset: number, bytes = Infinity) {
    this.#file = file;
    this.#headroomBytes = Math.min(HEADROOM_BYTES, Math.max(bytes, 1));
    this.#bufferBytes = this.#headroomBytes + Math.min(CHUNK_BYTES, Math.max(bytes, 1));
    this.bytes = new Uint8Array(this.#bufferBytes);
    this.#spare = new Uint8Array(this.#bufferBytes);
    this.start = this.end = this.#headroomBytes;
    this.#endOffset = offset;
    this.#next = this.#readAhead();
  }

  /** Where `bytes[at]` is in the file. */
  offsetOf(at: number): number {
    return this.#endOffset - this.end + at;
  }

  /** Whether everything that was read is consumed. */
  get isEmpty(): boolean {
    return this.start === this.end;
  }

  /** Reads on; false at the end of the file. What is not consumed stays, at another place of other bytes. */
  async fill(): Promise<boolean> {
    const count = await this.#next;
    if (count === 0) return false;
    if (this.end - this.start <= this.#headroomBytes) this.#exchange(count);
    else this.#append(count);
    this.#endOffset += count;
    this.#next = this.#readAhead();
    return true;
  }

  /** Closes the file, once what is being read of it has come. */
  async close(): Promise<void> {
    try {
      await this.#next;
    } catch {
      // Told to whoever asks for those bytes; nobody does any more.
    }
    this.#file.close();
  }

  #readAhead(): Promise<number> {
    const reading = this.#file.read(this.#spare.subarray(this.#headroomBytes));
    reading.catch(() => {}); // told by `fill`
    return reading;
  }

  /** Looks at the next chunk's buffer, and gives it the present one's for the chunk after. */
  #exchange(count: number): void {
    const { bytes, start, end } = this;
    this.bytes = this.#spare;
    this.start = this.#headroomBytes - (end - start);
    this.end = this.#headroomBytes + count;
    this.bytes.set(bytes.subarray(start, end), this.start);
    this.#spare = bytes.length === this.#bufferBytes ? bytes : new Uint8Array(this.#bufferBytes);
  }

  /** Adds the next chunk to the present buffer. */
  #append(count: number): void {
    const { bytes, start, end } = this;
    if (end + count > bytes.length) {
      this.bytes = new Uint8Array(2 * (end - start + count));
      this.bytes.set(bytes.subarray(start, end));
      this.start = 0;
      this.end = end - start;
    }
    this.bytes.set(this.#spare.subarray(this.#headroomBytes, this.#headroomBytes + count), this.end);
    this.end += count;
  }
}
