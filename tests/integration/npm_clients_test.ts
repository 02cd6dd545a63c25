/** The clients that people use from TypeScript, on a cluster through its balancer and on a standalone node. */
import { Buffer } from "node:buffer";
import { assertEquals, assertRejects } from "@std/assert";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { clusterArgs, freePortRun, start, withFolder } from "../support/processes.ts";

/** Runs `use` against a cluster's balancer, and again against a standalone node. */
async function onBoth(use: (port: number) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const port = freePortRun(3);
    const cluster = await start("cluster", clusterArgs(folder, port));
    try {
      await use(cluster.port);
    } finally {
      assertEquals(await cluster.stop(), 0);
    }
  });
  await withFolder(async (folder) => {
    const node = await start("node", ["--port", "0", "--standalone", "--data-dir", folder]);
    try {
      await use(node.port);
    } finally {
      assertEquals(await node.stop(), 0);
    }
  });
}

Deno.test("npm redis, which speaks RESP3, stores, reads, expires, scans and pipelines", async () => {
  await onBoth(async (port) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 3 });
    await client.connect();
    try {
      assertEquals(await client.ping(), "PONG");
      assertEquals(await client.set("name", "Ada"), "OK");
      assertEquals(await client.get("name"), "Ada");
      assertEquals(await client.get("nobody"), null);
      assertEquals(await client.set("name", "Eve", { NX: true }), null);
      assertEquals(await client.incr("visits"), 1);
      assertEquals(await client.incrBy("visits", 41), 42);
      assertEquals(await client.incrByFloat("ratio", 0.5), "0.5");
      assertEquals(await client.mSet({ a: "1", b: "2", c: "3" }), "OK");
      assertEquals(await client.mGet(["a", "zz", "c"]), ["1", null, "3"]);
      assertEquals(await client.exists(["a", "b", "zz"]), 2);
      assertEquals(await client.setEx("session", 100, "token"), "OK");
      assertEquals(await client.ttl("session"), 100);
      assertEquals(await client.persist("session"), 1);
      assertEquals(await client.ttl("session"), -1);
      assertEquals(await client.append("name", " Lovelace"), 12);
      assertEquals(await client.getRange("name", 0, 2), "Ada");
      assertEquals(await client.strLen("name"), 12);
      assertEquals((await client.keys("?")).sort(), ["a", "b", "c"]);
      const scanned: string[] = [];
      for await (const keys of client.scanIterator({ COUNT: 3 })) scanned.push(...keys);
      assertEquals(scanned.sort(), ["a", "b", "c", "name", "ratio", "session", "visits"]);
      assertEquals(await client.dbSize(), 7);
      const many = await Promise.all(
        Array.from(
          { length: 500 },
          (_, i) => client.set(`many:${i}`, `${i}`).then(() => client.get(`many:${i}`)),
        ),
      );
      assertEquals(many, Array.from({ length: 500 }, (_, i) => `${i}`));
      const binary = new Uint8Array([0, 13, 10, 255, 36, 42]);
      await client.set("binary", Buffer.from(binary));
      assertEquals(await client.strLen("binary"), 6);
      assertEquals(await client.del(["a", "b"]), 2);
      await assertRejects(() => client.incr("name"), Error, "not an integer");
      assertEquals(await client.flushAll(), "OK");
      assertEquals(await client.dbSize(), 0);
    } finally {
      client.destroy();
    }
  });
});

Deno.test("ioredis stores, reads, pipelines and survives QUIT", async () => {
  await onBoth(async (port) => {
    const client = new Redis(port, "127.0.0.1");
    try {
      assertEquals(await client.set("k", "v", "EX", 100), "OK");
      assertEquals(await client.get("k"), "v");
      assertEquals(await client.ttl("k"), 100);
      const pipeline = client.pipeline();
      for (let i = 0; i < 1000; i++) pipeline.set(`p:${i}`, `${i}`).get(`p:${i}`);
      const replies = await pipeline.exec();
      assertEquals(replies?.length, 2000);
      assertEquals(
        replies?.every(([error], i) => error === null && (i % 2 === 0 || replies[i]?.[1] === `${i >> 1}`)),
        true,
      );
      assertEquals(await client.mget("p:1", "p:999", "none"), ["1", "999", null]);
      assertEquals(await client.getBuffer("p:7"), Buffer.from("7"));
      assertEquals(await client.unlink("p:1", "p:2", "none"), 2);
      assertEquals(await client.quit(), "OK");
    } finally {
      client.disconnect();
    }
  });
});

Deno.test("A cluster-aware client finds the nodes through CLUSTER SLOTS and follows MOVED", async () => {
  await withFolder(async (folder) => {
    const port = freePortRun(3);
    const cluster = await start("cluster", clusterArgs(folder, port));
    const client = new Redis.Cluster([{ host: "127.0.0.1", port: port + 1 }]);
    const direct = new Redis(port + 1, "127.0.0.1");
    try {
      for (let i = 0; i < 100; i++) assertEquals(await client.set(`direct:${i}`, `${i}`), "OK");
      for (let i = 0; i < 100; i++) assertEquals(await client.get(`direct:${i}`), `${i}`);
      const answers = await Promise.allSettled(
        Array.from({ length: 100 }, (_, i) => direct.get(`direct:${i}`)),
      );
      const moved = answers.filter((answer) => answer.status === "rejected");
      assertEquals(moved.length > 10 && moved.length < 90, true, `${moved.length} of 100 keys are elsewhere`);
      for (const { reason } of moved) assertEquals(reason.message.startsWith("MOVED "), true, reason.message);
    } finally {
      client.disconnect();
      direct.disconnect();
      assertEquals(await cluster.stop(), 0);
    }
  });
});
