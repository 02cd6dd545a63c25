/**
 * A load generator in this process: connections that each keep `depth` requests in flight, and the time that each
 * request took. It shares the machine with the server it measures, so its figures are a floor, good for comparing
 * one commit with another; `redis-benchmark` gives higher ones.
 */
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";
import { ReplyScanner } from "../../src/protocol/reply_scanner.ts";
import { INCOMPLETE, INVALID } from "../../src/protocol/request_decoder.ts";

export interface Load {
  readonly port: number;
  readonly connections: number;
  /** Requests in flight on each connection. */
  readonly depth: number;
  /** Requests in all. */
  readonly requests: number;
  /** The `i`-th request. */
  request(i: number): readonly (string | Uint8Array)[];
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** Runs the whole load once. Rejects when a connection breaks or a reply is not RESP. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const latencies = new Float64Array(load.requests);
  let issued = 0;
  let answered = 0;
  const began = performance.now();
  const runOne = async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: load.port });
    connection.setNoDelay(true);
    const output = new OutputBuffer(16 * 1024);
    const bytes = new Uint8Array(256 * 1024);
    const scanner = new ReplyScanner();
    while (issued < load.requests) {
      output.clear();
      let batch = 0;
      for (; batch < load.depth && issued < load.requests; batch++) {
        encodeRequest(output, load.request(issued++));
      }
      const sent = performance.now();
      for (let at = 0; at < output.length;) {
        at += await connection.write(output.bytes.subarray(at, output.length));
      }
      for (let start = 0, end = 0; batch > 0;) {
        const count = await connection.read(bytes.subarray(end));
        if (count === null) throw new Error("The server closed the connection");
        end += count;
        for (let next = 0; batch > 0 && start < end; start = next) {
          next = scanner.scan(bytes, start, end);
          if (next === INVALID) throw new Error(scanner.error);
          if (next === INCOMPLETE) break;
          latencies[answered++] = performance.now() - sent;
          batch--;
        }
        if (start === end) start = end = 0;
      }
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: load.connections }, runOne));
  const seconds = (performance.now() - began) / 1000;
  latencies.sort();
  const at = (part: number) => latencies[Math.min(load.requests - 1, Math.floor(load.requests * part))]!;
  return {
    requestsPerSecond: load.requests / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: at(1),
  };
}
