/**
 * Virtual time. Everything that happens in a simulation is an event in one queue, ordered by its time; between two events
 * every promise that can settle does so. Nothing else decides what happens when, so that a seed is a run.
 *
 * What was done is folded into a hash, event by event, and its last lines are kept for whoever has to find out why.
 */
import { assert } from "@std/assert";
import type { Timer } from "../../src/core/clock.ts";

const TRACE_LINES_KEPT = 2_000;
const FNV_PRIME = 0x01000193;

interface Event {
  readonly atMs: number;
  /** Of events of one time, the one that was made first is the first. */
  readonly order: number;
  readonly label: string;
  /** `null` = called off. */
  run: (() => void) | null;
}

export class Scheduler {
  #nowMs = 0;
  #order = 0;
  #stamp = 0;
  /** A binary heap, the next event at 0. */
  readonly #heap: Event[] = [];
  readonly #trace: string[] = [];
  #hash = 0x811c9dc5 | 0;
  /** Events that have happened. */
  eventCount = 0;
  /** Called after each event, once nothing more comes of it. */
  onQuiet: () => void = () => {};

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Of everything traced so far. */
  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** The last lines of the trace. */
  get trace(): readonly string[] {
    return this.#trace.slice(-TRACE_LINES_KEPT);
  }

  /** A number larger than any before: what happens in the same event is ordered, too. */
  stamp(): number {
    return ++this.#stamp;
  }

  /** Calls `run` in `delayMs`. A label of "" is not traced. */
  after(delayMs: number, label: string, run: () => void): Timer {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, label, run };
    this.#push(event);
    return { cancel: () => void (event.run = null) };
  }

  /** Adds a line to the trace. */
  note(text: string): void {
    let hash = Math.imul(this.#hash ^ (this.#nowMs * 1_000 | 0), FNV_PRIME);
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
    this.#hash = hash;
    this.#trace.push(`${this.#nowMs.toFixed(3).padStart(10)}  ${text}`);
    if (this.#trace.length >= 2 * TRACE_LINES_KEPT) this.#trace.splice(0, TRACE_LINES_KEPT);
  }

  /** Lets everything happen that is due before `untilMs`, or until `isOver`. To be called outside of any promise. */
  run(untilMs: number, isOver: () => boolean = () => false): void {
    drain();
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const event = this.#pop();
      if (event.run === null) continue;
      this.#nowMs = event.atMs;
      this.eventCount++;
      if (event.label !== "") this.note(event.label);
      event.run();
      drain();
      this.onQuiet();
      if (isOver()) return;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** Lets every promise settle that can, now. The only door to that is the runtime's own, and costs a fifth of a microsecond. */
const drain: () => void = (() => {
  const runtime = Deno as unknown as { internal: symbol } & Record<symbol, { core: Record<string, unknown> }>;
  const run = runtime[runtime.internal]?.core?.runMicrotasks;
  assert(typeof run === "function", "the runtime can run its microtasks");
  return run as () => void;
})();
