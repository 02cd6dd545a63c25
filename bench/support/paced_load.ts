/**
 * A load of a fixed rate, for what a server's latency is while it is busy with something else: requests are sent when
 * they are due, whether or not earlier ones were answered, so that a server that stalls is not spared the requests of
 * that time. What a request took counts from the moment at which it was due.
 */
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";
import { INCOMPLETE, INVALID } from "../../src/protocol/request_decoder.ts";
import { ReplyScanner } from "../../src/protocol/reply_scanner.ts";
import type { Load } from "./load.ts";

export interface PacedLoad extends Omit<Load, "depth" | "requests"> {
  readonly requestsPerSecond: number;
  readonly seconds: number;
}

export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** How often what is due is sent. */
const TICK_MS = 1;
const READ_BYTES = 64 * 1024;
const MINUS = 0x2d;

/** Runs the load once. Rejects when a connection breaks, or a reply is an error or no RESP. */
export async function runPacedLoad(load: PacedLoad): Promise<Latencies> {
  const total = Math.floor(load.requestsPerSecond * load.seconds);
  const latencies = new Float64Array(total);
  let answered = 0;
  const lanes: Lane[] = [];
  for (let i = 0; i < load.connections; i++) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: load.port });
    connection.setNoDelay(true);
    lanes.push(new Lane(connection, (tookMs) => latencies[answered++] = tookMs));
  }
  const stopping = new AbortController();
  const sending = sendAll(load, lanes, { total, signal: stopping.signal });
  try {
    await Promise.all([sending, ...lanes.map((lane) => lane.receive())]);
  } finally {
    stopping.abort();
    await sending;
    for (const lane of lanes) lane.close();
  }
  return percentilesOf(latencies.subarray(0, answered));
}

/** Sends each of `total` requests when it is due, to the connections in turn, until all are sent or it is aborted. */
async function sendAll(
  load: PacedLoad,
  lanes: readonly Lane[],
  { total, signal }: { total: number; signal: AbortSignal },
): Promise<void> {
  const msPerRequest = 1000 / load.requestsPerSecond;
  const began = performance.now();
  for (let sent = 0; sent < total && !signal.aborted;) {
    const due = Math.min(total, Math.floor((performance.now() - began) / msPerRequest));
    for (; sent < due; sent++) {
      lanes[sent % lanes.length]!.add(load.request(sent), began + sent * msPerRequest);
    }
    for (const lane of lanes) lane.send();
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  for (const lane of lanes) lane.end();
}

/** One connection: its requests in the order they were due, answered in the same order. */
class Lane {
  readonly #connection: Deno.TcpConn;
  readonly #took: (tookMs: number) => void;
  readonly #scanner = new ReplyScanner();
  readonly #output = new OutputBuffer(4 * 1024);
  readonly #dueMs: number[] = [];
  #isEnding = false;
  #sending: Promise<void> | undefined;

  constructor(connection: Deno.TcpConn, took: (tookMs: number) => void) {
    this.#connection = connection;
    this.#took = took;
  }

  add(request: readonly (string | Uint8Array)[], dueMs: number): void {
    encodeRequest(this.#output, request);
    this.#dueMs.push(dueMs);
  }

  /** Sends what was added; what is added while that goes on follows by itself. */
  send(): void {
    if (this.#sending !== undefined || this.#output.length === 0) return;
    // A failure shows at the reading end, which everybody waits for.
    this.#sending = this.#sendAll().catch(() => {}).finally(() => this.#sending = undefined);
  }

  async #sendAll(): Promise<void> {
    while (this.#output.length > 0) {
      const bytes = this.#output.bytes.slice(0, this.#output.length);
      this.#output.clear();
      for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
    }
  }

  /** No more will be added: the far end answers what it has, and closes. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#sending;
    await this.#connection.closeWrite().catch(() => {});
  }

  /** Takes replies until the far end has answered all and closed. */
  async receive(): Promise<void> {
    const bytes = new Uint8Array(READ_BYTES);
    let answered = 0;
    for (let end = 0;;) {
      const count = await this.#connection.read(bytes.subarray(end));
      if (count === null) {
        if (this.#isEnding && answered === this.#dueMs.length) return;
        throw new Error("The server closed the connection");
      }
      end += count;
      const now = performance.now();
      let start = 0;
      while (start < end) {
        const next = this.#scanner.scan(bytes, start, end);
        if (next === INVALID) throw new Error(this.#scanner.error);
        if (next === INCOMPLETE) break;
        if (bytes[start] === MINUS) {
          throw new Error(
            `The server answers ${new TextDecoder().decode(bytes.subarray(start, next)).trim()}`,
          );
        }
        this.#took(now - this.#dueMs[answered++]!);
        start = next;
      }
      bytes.copyWithin(0, start, end);
      end -= start;
    }
  }

  close(): void {
    this.#connection.close();
  }
}

function percentilesOf(latencies: Float64Array): Latencies {
  latencies.sort();
  const at = (part: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))]!;
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999) };
}
