/**
 * Room for a value while a command makes a new one of it: the store must not read from itself while it writes.
 * One for the process, since a handler that uses it runs to its end without waiting for anything.
 */

const BYTES_KEPT = 64 * 1024;

class Scratch {
  readonly #kept = new Uint8Array(BYTES_KEPT);
  #large: Uint8Array<ArrayBuffer> | null = null;

  /** Room for at least `count` bytes whose content is undefined; it replaces the room that was taken before. */
  take(count: number): Uint8Array<ArrayBuffer> {
    if (count <= BYTES_KEPT) return this.#kept;
    if (this.#large === null || this.#large.length < count) this.#large = new Uint8Array(count);
    return this.#large;
  }

  /** Gives back what a long value needed: for the end of a command that has called {@linkcode Scratch.take}. */
  release(): void {
    this.#large = null;
  }
}

export const scratch = new Scratch();
