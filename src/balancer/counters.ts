/**
 * What a balancer has counted since its start. With several workers each has a row in memory that all of them
 * share: it writes its own, and sees the sums over all. A row has one writer, so nothing is locked; a sum may be
 * a moment old.
 */
import { assert } from "../core/assert.ts";
import type { FailoverFigures } from "../controller/topology_source.ts";

const COMMANDS = 0;
const CONNECTIONS = 1;
const REJECTED_CONNECTIONS = 2;
const CLIENTS = 3;
const WAITED = 4;
const UNCERTAIN = 5;
/** The main thread's only, which has the controller. */
const FAILOVERS = 6;
const LAST_FAILOVER_MS = 7;
const ROW_NUMBERS = 8;

export class Counters implements FailoverFigures {
  readonly #all: Float64Array;
  readonly #row: number;

  /** Row `worker`, counted from 0, of what {@linkcode Counters.memoryFor} made; a row of its own by default. */
  constructor(memory: ArrayBufferLike = Counters.memoryFor(1), worker = 0) {
    this.#all = new Float64Array(memory);
    this.#row = worker * ROW_NUMBERS;
    assert(this.#row < this.#all.length, "a worker has a row");
  }

  /** Memory for the rows of `workerCount` workers. */
  static memoryFor(workerCount: number): SharedArrayBuffer {
    return new SharedArrayBuffer(workerCount * ROW_NUMBERS * Float64Array.BYTES_PER_ELEMENT);
  }

  addCommands(count: number): void {
    this.#all[this.#row + COMMANDS]! += count;
  }

  /** A client was accepted. */
  opened(): void {
    this.#all[this.#row + CONNECTIONS]!++;
    this.#all[this.#row + CLIENTS]!++;
  }

  /** A client that was accepted is gone. */
  closed(): void {
    this.#all[this.#row + CLIENTS]!--;
  }

  /** A client was refused: there were too many. */
  rejected(): void {
    this.#all[this.#row + REJECTED_CONNECTIONS]!++;
  }

  /** `count` requests waited for a shard that was not served. */
  waited(count: number): void {
    this.#all[this.#row + WAITED]! += count;
  }

  /** A client was told that nobody knows whether its write was applied. */
  wasUncertain(): void {
    this.#all[this.#row + UNCERTAIN]!++;
  }

  failedOver(count: number): void {
    this.#all[this.#row + FAILOVERS]! += count;
  }

  failoverTook(ms: number): void {
    this.#all[this.#row + LAST_FAILOVER_MS] = ms;
  }

  get workerCount(): number {
    return this.#all.length / ROW_NUMBERS;
  }

  /** Clients of each worker. */
  get clientsOfWorkers(): number[] {
    return Array.from(
      { length: this.workerCount },
      (_, worker) => this.#all[worker * ROW_NUMBERS + CLIENTS]!,
    );
  }

  /** The others are sums over all workers. */
  get clients(): number {
    return this.#sum(CLIENTS);
  }

  get commands(): number {
    return this.#sum(COMMANDS);
  }

  get connections(): number {
    return this.#sum(CONNECTIONS);
  }

  get rejectedConnections(): number {
    return this.#sum(REJECTED_CONNECTIONS);
  }

  get waitedRequests(): number {
    return this.#sum(WAITED);
  }

  get uncertainReplies(): number {
    return this.#sum(UNCERTAIN);
  }

  get failovers(): number {
    return this.#sum(FAILOVERS);
  }

  /** How long the last fail-over took; 0 before the first. */
  get lastFailoverMs(): number {
    return this.#sum(LAST_FAILOVER_MS);
  }

  #sum(column: number): number {
    let sum = 0;
    for (let at = column; at < this.#all.length; at += ROW_NUMBERS) sum += this.#all[at]!;
    return sum;
  }
}
