/** Things that are done one after the other, in the order of asking. */
export class OneAtATime {
  #last: Promise<void> = Promise.resolve();

  /** Runs `run` when all earlier ones are over; resolves, or rejects, as it does. */
  run(run: () => Promise<void>): Promise<void> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => {});
    return result;
  }
}
