/**
 * Runs `redis-benchmark` and reads what it prints. Its CSV ends at p99, so we read the long form, which also tells
 * how the latencies are distributed:
 *
 *     99.902% <= 2.287 milliseconds (cumulative count 49952)
 *     …
 *       throughput summary: 892857.12 requests per second
 *       latency summary (msec):
 *               avg       min       p50       p95       p99       max
 *             0.781     0.232     0.679     1.527     1.967     2.327
 */

export interface BenchmarkRun {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** The longest that anybody waited, of at most three seconds: `redis-benchmark` counts what is more as that. */
  readonly maxMs: number;
}

export interface BenchmarkOptions {
  readonly port: number;
  /** As `-t` takes it: `set`, `get`, `incr`, `ping_mbulk`. */
  readonly test: string;
  readonly requests: number;
  readonly connections: number;
  /** Requests in flight on each connection. */
  readonly depth: number;
  readonly valueBytes: number;
  readonly keys: number;
}

/** One run ends within this, or the server hangs. */
const RUN_TIMEOUT_MS = 60_000;

/** Rejects when `redis-benchmark` fails, hangs, or the server answers with an error. */
export async function runRedisBenchmark(options: BenchmarkOptions): Promise<BenchmarkRun> {
  const { port, test, requests, connections, depth, valueBytes, keys } = options;
  const flags = { p: port, t: test, n: requests, c: connections, P: depth, d: valueBytes, r: keys };
  const { code, stdout, stderr } = await new Deno.Command("redis-benchmark", {
    args: Object.entries(flags).flatMap(([name, value]) => [`-${name}`, `${value}`]),
    stdin: "null",
    signal: AbortSignal.timeout(RUN_TIMEOUT_MS),
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (code !== 0) {
    throw new Error(
      `Cannot run redis-benchmark: code ${code}: ${text.slice(-500)}${new TextDecoder().decode(stderr)}`,
    );
  }
  return parseRedisBenchmark(text);
}

/** Reads the output of one test. Throws `SyntaxError` when it is not that of `redis-benchmark` 6.2 or later. */
export function parseRedisBenchmark(text: string): BenchmarkRun {
  const throughput = text.match(/throughput summary: ([\d.]+) requests per second/);
  const summary = text.match(/latency summary \(msec\):\s+avg\s+min\s+p50\s+p95\s+p99\s+max\s+([\d. ]+)/);
  if (throughput === null || summary === null) {
    throw new SyntaxError(`Cannot read redis-benchmark: no summary in: ${text.slice(-500)}`);
  }
  const [, , p50Ms, , p99Ms, maxMs] = summary[1]!.trim().split(/\s+/).map(Number);
  return {
    requestsPerSecond: Number(throughput[1]),
    p50Ms: p50Ms!,
    p99Ms: p99Ms!,
    p999Ms: percentileOf(text, 99.9),
    maxMs: maxMs!,
  };
}

/** The least latency that the distribution gives for at least `percent` of the requests. */
function percentileOf(text: string, percent: number): number {
  const end = text.indexOf("Cumulative distribution of latencies");
  const distribution = text.slice(text.indexOf("Latency by percentile distribution"), end);
  for (const [, share, milliseconds] of distribution.matchAll(/([\d.]+)% <= ([\d.]+) milliseconds/g)) {
    if (Number(share) >= percent) return Number(milliseconds);
  }
  throw new SyntaxError("Cannot read redis-benchmark: no distribution of latencies");
}
