/**
 * Resident memory of real processes: what an entry costs on a node full of small ones, and what a connection costs
 * that does nothing. Bytes are the system's count (`VmRSS`), so all that the runtime adds is in them.
 */
import { type Running, start, withFolder } from "../../tests/support/processes.ts";
import { runLoad } from "../support/load.ts";

const ENTRIES = 1_000_000;
const VALUE = "v".repeat(64);
const NODE_CONNECTIONS = 2_000;
const BALANCER_CONNECTIONS = 10_000;
/** So that what a heap takes once, as soon as there is work, does not count as the connections'. */
const WARM_UP_REQUESTS = 100_000;
/** Connections that are opened at the same time: fewer than a listener's backlog. */
const OPENED_AT_ONCE = 64;

/** Names of rows with their values. */
export async function measureMemory(): Promise<[string, number][]> {
  const rows: [string, number][] = [];
  await withFolder(async (folder) => void rows.push(...await measureEntries(folder)));
  await withFolder(async (folder) => void rows.push(...await measureConnections(folder)));
  return rows;
}

/** A standalone node with {@linkcode ENTRIES} keys of 16 bytes and values of 64. */
async function measureEntries(folder: string): Promise<[string, number][]> {
  const options = ["--standalone", "--fsync", "no", "--max-memory", "512mb", "--dump-interval", "0"];
  const node = await start("node", [
    "--port",
    "0",
    "--data-dir",
    folder,
    "--dump-log-size",
    "4gb",
    ...options,
  ]);
  try {
    const load = { port: node.port, connections: 8, depth: 64 };
    const idleBytes = await residentBytes(node.pid);
    await runLoad({
      ...load,
      requests: ENTRIES,
      request: (i) => ["SET", `key:${String(i).padStart(12, "0")}`, VALUE],
    });
    const fullBytes = await residentBytes(node.pid);
    const info = await ask(node.port, "INFO memory\r\n", /maxmemory_policy/);
    const usedBytes = Number(info.match(/^used_memory:(\d+)/m)?.[1]);
    return [
      ["memory: an entry, resident", (fullBytes - idleBytes) / ENTRIES],
      ["memory: an entry, accounted", usedBytes / ENTRIES],
    ];
  } finally {
    await node.stop();
  }
}

/** A node, and then a balancer in front of it, with connections on which nothing was ever sent. */
async function measureConnections(folder: string): Promise<[string, number][]> {
  const node = await start("node", ["--port", "0", "--data-dir", folder, "--fsync", "no"]);
  const to = ["--node", `127.0.0.1:${node.port}`, "--admin-port", "0", "--data-dir", folder];
  try {
    const onNode = await residentWithIdle(node, NODE_CONNECTIONS);
    const balancer = await start("balancer", ["--port", "0", ...to]);
    try {
      const onBalancer = await residentWithIdle(balancer, BALANCER_CONNECTIONS);
      return [
        ["memory: an idle connection of a node", onNode.grownBytes / NODE_CONNECTIONS],
        ["memory: an idle connection of a balancer", onBalancer.grownBytes / BALANCER_CONNECTIONS],
        ["memory: a balancer with 10,000 idle connections", onBalancer.bytes / 1_000_000],
      ];
    } finally {
      await balancer.stop();
    }
  } finally {
    await node.stop();
  }
}

/** Resident bytes with `count` idle connections, and by how much these are more than without. */
async function residentWithIdle(
  server: Running,
  count: number,
): Promise<{ bytes: number; grownBytes: number }> {
  const load = { port: server.port, connections: 8, depth: 16, requests: WARM_UP_REQUESTS };
  await runLoad({ ...load, request: (i) => ["GET", `key:${i % 1000}`] });
  const open = () => Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const before = await residentBytes(server.pid);
  const connections: Deno.TcpConn[] = [];
  try {
    while (connections.length < count) {
      const missing = Math.min(OPENED_AT_ONCE, count - connections.length);
      connections.push(...await Promise.all(Array.from({ length: missing }, open)));
    }
    // Connections are accepted in turn, so once a later one is answered all of them are served.
    await ask(server.port, "PING\r\n", /PONG/);
    const bytes = await residentBytes(server.pid);
    return { bytes, grownBytes: bytes - before };
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(status.match(/^VmRSS:\s+(\d+) kB$/m)![1]) * 1024;
}

/** Sends a line and reads until the reply has `pattern` in it. */
async function ask(port: number, line: string, pattern: RegExp): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    await connection.write(new TextEncoder().encode(line));
    const buffer = new Uint8Array(64 * 1024);
    let reply = "";
    while (!pattern.test(reply)) {
      const count = await connection.read(buffer);
      if (count === null) throw new Error(`The server closed the connection after ${JSON.stringify(reply)}`);
      reply += new TextDecoder().decode(buffer.subarray(0, count));
    }
    return reply;
  } finally {
    connection.close();
  }
}
