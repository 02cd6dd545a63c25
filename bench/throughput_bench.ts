/**
 * End to end: a whole cluster in processes of its own, reached through the balancer's port as clients reach it.
 * Beside `deno bench`'s own table it prints requests/s and the latencies that a client sees.
 */
import { freePortRun, start } from "../tests/support/processes.ts";
import { type Load, runLoad } from "./support/load.ts";

const CONNECTIONS = 50;
const KEYS = 100_000;
const value = "v".repeat(64);
const keyOf = (i: number) => `key:${String((i * 7919) % KEYS).padStart(12, "0")}`;

const folder = await Deno.makeTempDir({ prefix: "roundel-bench-" });
const port = freePortRun(3);
const cluster = await start("cluster", [
  ...["--port", `${port}`, "--node-port", `${port + 1}`, "--admin-port", "0", "--data-dir", folder],
  ...["--fsync", "everysec"],
]);
globalThis.addEventListener("unload", () => {
  cluster.kill("SIGTERM");
  Deno.removeSync(folder, { recursive: true });
});

const common = { port, connections: CONNECTIONS };
const loads: [string, Load][] = [1, 16].flatMap((depth): [string, Load][] => {
  const requests = depth === 1 ? 50_000 : 200_000;
  return [
    [`SET, ${depth} deep`, { ...common, depth, requests, request: (i) => ["SET", keyOf(i), value] }],
    [`GET, ${depth} deep`, { ...common, depth, requests, request: (i) => ["GET", keyOf(i)] }],
  ];
});

console.log(`${CONNECTIONS} connections through the balancer, 2 nodes, 64-byte values, --fsync everysec`);
for (const [name, load] of loads) {
  Deno.bench({ name, group: "end to end", n: 1, warmup: 0 }, async () => {
    const { requestsPerSecond, p50Ms, p99Ms, p999Ms } = await runLoad(load);
    const [p50, p99, p999] = [p50Ms, p99Ms, p999Ms].map((ms) => ms.toFixed(2));
    // The name stands before what a benchmark prints.
    console.log(
      `${Math.round(requestsPerSecond)} requests/s, p50 ${p50}, p99 ${p99}, p99.9 ${p999} ms`,
    );
  });
}
