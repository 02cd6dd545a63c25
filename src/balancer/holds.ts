/**
 * Shards that take no requests for now, and the requests of them that came back without having been executed. A shard is
 * closed when its node refuses a request of it, since it does not serve the shard just now, or when the topology gives the
 * shard to another node:
 *
 *     open ──refused, or moved──► closed ──all under way answered or back, and its node serves it──► open
 *                                   └──FAILOVER_WAIT_MS──► given up ──its node serves it──► closed
 *
 * While it is closed, requests that come back are kept in their order, and clients whose next request is for the shard wait.
 * When it opens, what was kept is sent first: so nothing of a client overtakes. Of a shard that is given up every request is
 * tried, and what comes back is answered with an error at once.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { FAILOVER_WAIT_MS, HELD_BYTES_MAX, HOLD_LOOK_MS } from "../core/limits.ts";
import { MemoryView } from "../core/memory.ts";
import type { ReturnedRequest } from "../link/in_flight.ts";
import { answer } from "./returned_request.ts";

/** The node that has a shard, as far as it matters here. */
export interface HoldingNode {
  /** Calls `ended` once every present request of `shard` is answered or has come back. */
  whenDrained(shard: number, ended: () => void): void;
  /** Whether it would execute a request of `shard`, as far as is known. */
  serves(shard: number): boolean;
  /** Asks how it is, so that it turns out soon. */
  probe(): void;
  /** Sends requests of `shard` that were kept, in their order. */
  sendKept(shard: number, requests: readonly ReturnedRequest[]): void;
}

export interface HoldsOptions {
  readonly clock: Clock;
  readonly nodeOf: (shard: number) => HoldingNode;
  /** Requests of `shard` are to wait, or not any more. */
  readonly closed: (shard: number, isClosed: boolean) => void;
  /** `count` requests have waited. */
  readonly waited: (count: number) => void;
}

interface Hold {
  readonly sinceMs: number;
  readonly requests: ReturnedRequest[];
  /** Links on which requests of the shard are still under way. */
  draining: number;
  /** What was said last of why. */
  why: string;
}

export class Holds {
  readonly #options: HoldsOptions;
  readonly #holds = new Map<number, Hold>();
  /** Shards that are given up. */
  readonly #givenUp = new Set<number>();
  #bytes = 0;
  #timer: Timer | null = null;

  constructor(options: HoldsOptions) {
    this.#options = options;
  }

  get closedCount(): number {
    return this.#holds.size;
  }

  isClosed(shard: number): boolean {
    return this.#holds.has(shard);
  }

  /** Closes `shard` until what `node` has of it is answered or back, and longer. */
  close(shard: number, node: HoldingNode, why: string): void {
    let hold = this.#holds.get(shard);
    if (hold === undefined) {
      hold = { sinceMs: this.#options.clock.monotonicMs(), requests: [], draining: 0, why };
      this.#givenUp.delete(shard);
      this.#holds.set(shard, hold);
      this.#options.closed(shard, true);
      this.#timer ??= this.#options.clock.every(HOLD_LOOK_MS, () => this.#look());
    }
    const closed = hold;
    closed.draining++;
    node.whenDrained(shard, () => {
      closed.draining--;
      this.#tryToOpen(shard);
    });
  }

  /** `request` of `shard` was not executed by `node`, for the reason `why`, and waits until the shard opens. */
  keep(shard: number, node: HoldingNode, request: ReturnedRequest, why: string): void {
    if (this.#givenUp.has(shard) && !this.#options.nodeOf(shard).serves(shard)) {
      return answer(request, why);
    }
    const length = request.end - request.start;
    if (this.#bytes + length > HELD_BYTES_MAX) {
      return answer(
        request,
        `${why}; and more requests wait for it than fit into ${HELD_BYTES_MAX} bytes`,
      );
    }
    if (!this.isClosed(shard)) this.close(shard, node, why);
    const hold = this.#holds.get(shard)!;
    hold.why = why;
    this.#bytes += length;
    const source = new MemoryView(request.source.bytes.slice(request.start, request.end));
    hold.requests.push({ ...request, source, start: 0, end: length });
  }

  /** Something has become known about `shards`: those that are served by now open. */
  look(shards: Iterable<number>): void {
    for (const shard of shards) {
      if (this.#givenUp.has(shard)) {
        const node = this.#options.nodeOf(shard);
        if (node.serves(shard)) this.close(shard, node, "");
      } else this.#tryToOpen(shard);
    }
  }

  /** Whatever is kept is answered with an error. */
  stop(): void {
    this.#timer?.cancel();
    for (const [shard, hold] of this.#holds) this.#giveUp(shard, hold);
  }

  /** While anything waits: nodes are asked how they are, and what has waited too long is answered. */
  #look(): void {
    const { clock, nodeOf } = this.#options;
    const nowMs = clock.monotonicMs();
    const nodes = new Set<HoldingNode>();
    for (const [shard, hold] of this.#holds) {
      if (nowMs - hold.sinceMs >= FAILOVER_WAIT_MS) this.#giveUp(shard, hold);
      else if (hold.draining === 0) nodes.add(nodeOf(shard));
    }
    for (const node of nodes) node.probe();
    if (this.#holds.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #tryToOpen(shard: number): void {
    const hold = this.#holds.get(shard);
    if (hold === undefined || hold.draining > 0) return;
    const node = this.#options.nodeOf(shard);
    if (!node.serves(shard)) return;
    this.#forget(shard, hold);
    // All came back from one connection, where a read may have waited for a commit while those behind it were refused.
    hold.requests.sort((a, b) => (a.number - b.number) | 0);
    this.#options.waited(hold.requests.length);
    node.sendKept(shard, hold.requests);
    this.#options.closed(shard, false);
  }

  #giveUp(shard: number, hold: Hold): void {
    this.#forget(shard, hold);
    this.#givenUp.add(shard);
    for (const request of hold.requests) answer(request, hold.why);
    this.#options.closed(shard, false);
  }

  #forget(shard: number, { requests }: Hold): void {
    this.#holds.delete(shard);
    for (const { end } of requests) this.#bytes -= end;
  }
}
