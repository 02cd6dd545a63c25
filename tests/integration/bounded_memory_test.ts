/** What clients can make a process hold: a few bytes may ask for very much, and the rest of the world must not notice. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { MIB } from "../../src/core/limits.ts";
import { childPidsOf, clusterArgs, freePortRun, start, withFolder } from "../support/processes.ts";
import { RespClient } from "../support/resp_client.ts";

const NODE_CAP_BYTES = 64 * MIB;
const NODE_BYTES_MAX = NODE_CAP_BYTES + 300 * MIB;
const BALANCER_BYTES_MAX = 400 * MIB;
const LARGE_BYTES = 3 * MIB;
/** For this long others are asked, with a pause behind each reply. */
const ASKING_MS = 1_000;
const PAUSE_MS = 5;
/** That others notice nothing is a matter of milliseconds; a machine that does other things takes some itself. */
const GET_MS_MAX = 1_000;

/** The most that a process has held so far. */
function peakBytesOf(pid: number): number {
  return 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
}

async function onBoth(use: (port: number) => Promise<void>): Promise<void> {
  const flags = ["--max-memory", `${NODE_CAP_BYTES}`, "--fsync", "no"];
  await withFolder(async (folder) => {
    const node = await start("node", ["--port", "0", "--standalone", "--data-dir", folder, ...flags]);
    try {
      await use(node.port);
      assertLess(peakBytesOf(node.pid), NODE_BYTES_MAX);
    } finally {
      assertEquals(await node.stop(), 0);
    }
  });
  await withFolder(async (folder) => {
    const cluster = await start("cluster", clusterArgs(folder, freePortRun(3), ...flags));
    try {
      await use(cluster.port);
      for (const pid of childPidsOf(cluster)) {
        const isBalancer = Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("balancer.ts");
        assertLess(
          peakBytesOf(pid),
          isBalancer ? BALANCER_BYTES_MAX : NODE_BYTES_MAX,
          isBalancer ? "balancer" : "node",
        );
      }
    } finally {
      assertEquals(await cluster.stop(), 0);
    }
  });
}

/** Asks while `clients` take nothing of what they asked for. */
async function isServedBeside(port: number, greedy: readonly string[]): Promise<void> {
  const others: RespClient[] = [];
  for (let i = 0; i < 16; i++) {
    const client = await RespClient.connect(port);
    await client.send(...Array.from({ length: 16 }, () => greedy));
    others.push(client);
  }
  const asking = await RespClient.connect(port);
  const tookMs: number[] = [];
  const endMs = performance.now() + ASKING_MS;
  while (performance.now() < endMs) {
    const timer = setTimeout(() => asking.close(), 10 * GET_MS_MAX);
    const beganMs = performance.now();
    assertEquals(await asking.call("GET", "small"), "1");
    tookMs.push(performance.now() - beganMs);
    clearTimeout(timer);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  tookMs.sort((a, b) => a - b);
  const [median, longest] = [tookMs[tookMs.length >> 1]!, tookMs.at(-1)!];
  console.log(
    `${greedy[0]}: others' GET took ${median.toFixed(1)} ms (median), ${longest.toFixed(1)} ms (longest)`,
  );
  assertLess(longest, GET_MS_MAX);
  for (const client of others) client.close();
  // And it goes on.
  assertEquals(await asking.call("GET", "small"), "1");
  asking.close();
}

Deno.test("Clients that ask for gigabytes and take nothing cost neither memory nor others their replies", async () => {
  await onBoth(async (port) => {
    const client = await RespClient.connect(port);
    assertEquals(await client.call("SET", "large", "x".repeat(LARGE_BYTES)), "OK");
    assertEquals(await client.call("SET", "small", "1"), "OK");
    await isServedBeside(port, ["MGET", ...Array.from({ length: 20 }, () => "large")]);
    for (let i = 0; i < 30_000; i += 1000) {
      const names = Array.from({ length: 1000 }, (_, j) => [`key:${i + j}:${"k".repeat(100)}`, "v"]).flat();
      assertEquals(await client.call("MSET", ...names), "OK");
    }
    await isServedBeside(port, ["KEYS", "*"]);
    client.close();
  });
});

Deno.test("Clients that stop short of the end of large requests do not keep others from theirs", async () => {
  await withFolder(async (folder) => {
    const node = await start("node", ["--port", "0", "--standalone", "--data-dir", folder, "--fsync", "no"]);
    try {
      const value = new Uint8Array(20 * MIB);
      const others: RespClient[] = [];
      for (let i = 0; i < 27; i++) {
        const other = await RespClient.connect(node.port);
        await other.write(
          new TextEncoder().encode(`*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$${value.length + 10}\r\n`),
        );
        // One that is dropped to make room for the next may notice while it sends.
        await other.write(value).catch(() => {});
        others.push(other);
      }
      const client = await RespClient.connect(node.port);
      assertEquals(await client.call("SET", "large", "x".repeat(MIB)), "OK");
      assert((await client.call("GET", "large")).length === MIB);
      for (const other of [...others, client]) other.close();
    } finally {
      assertEquals(await node.stop(), 0);
    }
  });
});
