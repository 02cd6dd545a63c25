/**
 * One thing at a time for each key: what is asked of a key that is being worked on waits for its turn, in the order
 * of asking. Bounded by the requests that clients may have in flight.
 */
export class KeyQueue {
  /** The end of the last task of each key that has any. */
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `task`, which never rejects, when all earlier ones of `key` are over. */
  run(key: string, task: () => Promise<void>): void {
    const before = this.#tails.get(key);
    const tail = before === undefined ? task() : before.then(task);
    this.#tails.set(key, tail);
    tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
  }
}
