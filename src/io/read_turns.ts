/**
 * Turns for the reads of many connections, so that none is served again and again while others wait.
 *
 * Why some would wait (Deno on tokio, read in their source, and measured; `bench/README.md` has the figures): the reads
 * that wait for the system are polled in one task, which may complete 128 operations at a time. What is ready beyond
 * that is put off to a stack. The stack is emptied, last in first out, when the runtime next asks the system what is
 * ready, and behind what the system then reports. So a client that answers while its batch is still being served
 * overtakes all that were put off, and 128 such clients keep ten thousand others out for as long as they like: always
 * the same ones. Whether a run falls into that state is luck, and nothing helps that changes only the order of reads, or
 * that goes by turns of JavaScript (`setImmediate`, microtasks): the runtime takes up to 61 of those before it asks.
 *
 * So what comes in is bounded: at most `READS_PER_TURN_MAX` reads are issued between two times that the system is asked
 * (a turn). The runtime completes twice that in a turn, so what was put off is served in the end, and those who were
 * served come behind it. All further reads wait here, first come, first served. When the turn of one comes, its client
 * has mostly sent something already: then the runtime reads it at once, without its task, and the order of this queue
 * is the order of service. It is cheaper, too: reads that are put off are all polled again in every turn.
 *
 *     read ─► fewer than the bound in this turn, and nobody waits ─► issued
 *       └───► otherwise queued ─► a later turn ─► issued
 *
 * A turn is asked for (`atNextTurn`) only while reads wait, so a server that is not busy takes no turn more than without
 * this. While none is asked for, reads of several turns count as one.
 *
 * All of this is below `Connection.read`. Whoever serves a connection need not know of it, may read before its write
 * is done or after, and may have one read under way for as long as it likes.
 */
import { READS_PER_TURN_MAX } from "../core/limits.ts";

/** What a read is issued on. */
export interface Readable {
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
}

export interface ReadTurnsOptions {
  /** Calls `run` once the event loop has asked the system what is ready (`LoopTurns`). */
  readonly atNextTurn: (run: () => void) => void;
}

/** A read that waits for its turn. */
interface Waiting {
  readonly source: Readable;
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly resolve: (count: number | null) => void;
  readonly reject: (error: unknown) => void;
  next: Waiting | undefined;
}

export class ReadTurns {
  readonly #atNextTurn: (run: () => void) => void;
  #connectionCount = 0;
  /** Reads that were issued since the last turn begun. */
  #issuedCount = 0;
  #first: Waiting | undefined;
  #last: Waiting | undefined;
  /** Whether a turn was asked for. */
  #isTurning = false;

  constructor({ atNextTurn }: ReadTurnsOptions) {
    this.#atNextTurn = atNextTurn;
  }

  /** Whether there are enough connections to have more reads ready than a turn has room for. */
  get isCrowded(): boolean {
    return this.#connectionCount > READS_PER_TURN_MAX;
  }

  /** One connection more that reads. */
  join(): void {
    this.#connectionCount++;
  }

  /** One less. */
  leave(): void {
    this.#connectionCount--;
  }

  /** Reads from `source` when its turn has come. Rejects as `source` does; when that is closed, in its turn. */
  read(source: Readable, buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    if (this.#first === undefined && this.#issuedCount < READS_PER_TURN_MAX) {
      this.#issuedCount++;
      return source.read(buffer);
    }
    return new Promise((resolve, reject) => this.#wait({ source, buffer, resolve, reject, next: undefined }));
  }

  #wait(waiting: Waiting): void {
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.next = waiting;
    this.#last = waiting;
    this.#ensureTurn();
  }

  #ensureTurn(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    this.#atNextTurn(this.#beginTurn);
  }

  readonly #beginTurn = (): void => {
    this.#isTurning = false;
    this.#issuedCount = 0;
    let waiting = this.#first;
    for (; waiting !== undefined && this.#issuedCount < READS_PER_TURN_MAX; waiting = waiting.next) {
      this.#issuedCount++;
      waiting.source.read(waiting.buffer).then(waiting.resolve, waiting.reject);
    }
    this.#first = waiting;
    if (waiting === undefined) this.#last = undefined;
    else this.#ensureTurn();
  };
}
