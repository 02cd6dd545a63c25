/** The memory cap as an operator sees it: resident memory, who is evicted, what is refused. */
import { assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { start, withFolder } from "../support/processes.ts";
import { RespClient, show } from "../support/resp_client.ts";

const MIB = 1024 * 1024;
const HOT_KEYS = 100;
const NEWEST_KEYS = 1000;
/** 400 MB of 1 kB values. */
const WRITES = 400_000;
const BATCH = 500;

function valueOf(i: number): string {
  return `${i}:`.padEnd(1000, "v");
}

async function residentBytes(client: RespClient): Promise<number> {
  return Number(/used_memory_rss:(\d+)/.exec(await client.call("INFO", "memory"))![1]);
}

Deno.test("A node capped at 64 MB takes 400 MB of writes, keeps what is read and what is newest, and stays small", async () => {
  await withFolder(async (folder) => {
    const node = await start("node", [
      ...["--port", "0", "--standalone", "--data-dir", folder, "--max-memory", "64mb", "--fsync", "no"],
      ...["--dump-log-size", "100mb"],
    ]);
    const client = await RespClient.connect(node.port);
    try {
      const idle = await residentBytes(client);
      for (let i = 0; i < HOT_KEYS; i++) assertEquals(await client.call("SET", `hot:${i}`, `h${i}`), "OK");
      let peak = 0;
      for (let i = 0; i < WRITES; i += BATCH) {
        const writes = Array.from({ length: BATCH }, (_, j) => ["SET", `key:${i + j}`, valueOf(i + j)]);
        const hot = ["MGET", ...Array.from({ length: HOT_KEYS }, (_, j) => `hot:${j}`)];
        await client.send(...writes, hot);
        for (let j = 0; j < BATCH; j++) assertEquals(show(await client.receive()), "OK");
        await client.receive();
        if (i % 20_000 === 0) peak = Math.max(peak, await residentBytes(client));
      }
      peak = Math.max(peak, await residentBytes(client));
      assertLess(peak - idle, (64 + 60) * MIB, `resident memory grew from ${idle} to ${peak}`);
      for (let i = 0; i < HOT_KEYS; i++) assertEquals(await client.call("GET", `hot:${i}`), `h${i}`);
      for (let i = WRITES - NEWEST_KEYS; i < WRITES; i++) {
        assertEquals(await client.call("GET", `key:${i}`), valueOf(i));
      }
      assertEquals(await client.call("GET", "key:0"), "(nil)");

      const info = await client.call("INFO");
      const used = Number(/used_memory:(\d+)/.exec(info)![1]);
      assertLess(used, 64 * MIB + 1, "the accounting never exceeds the cap");
    } finally {
      client.close();
      assertEquals(await node.stop(), 0);
    }
  });
});

Deno.test("A value larger than the cap is refused with OOM and evicts nothing", async () => {
  await withFolder(async (folder) => {
    const node = await start("node", [
      ...["--port", "0", "--standalone", "--data-dir", folder, "--max-memory", "4mb", "--fsync", "no"],
    ]);
    const client = await RespClient.connect(node.port);
    try {
      for (let i = 0; i < 1000; i++) assertEquals(await client.call("SET", `k:${i}`, valueOf(i)), "OK");
      assertMatch(await client.call("SET", "huge", "x".repeat(5 * MIB)), /^-OOM /);
      assertEquals(await client.call("DBSIZE"), "1000");
      assertStringIncludes(await client.call("INFO", "stats"), "evicted_keys:0");
      assertEquals(await client.call("EXISTS", "huge"), "0");
    } finally {
      client.close();
      assertEquals(await node.stop(), 0);
    }
  });
});
