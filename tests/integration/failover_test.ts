/** kill -9 of one of three nodes whose shards have two copies each, under load. */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import {
  clusterArgs,
  crashCluster,
  freePortRun,
  killPid,
  pidOf,
  start,
  withFolder,
} from "../support/processes.ts";
import { RespClient, show } from "../support/resp_client.ts";
import { Writers } from "../support/writers.ts";

/** Longest time for which a key may be without an answer when its node dies. */
const UNSERVED_MS_MAX = 2_500;
/** So many keys that every shard has some. */
const KEY_COUNT = 128;

Deno.test("When a node is killed under load, its keys are served again within 2.5 s, and no acknowledged write is lost", async () => {
  await withFolder(async (folder) => {
    const port = freePortRun(4);
    const cluster = await start("cluster", clusterArgs(folder, port, "--nodes", "3", "--replicas", "1"));
    try {
      const writers = new Writers(8);
      writers.start(port);
      await writers.progressed(2_000);
      const client = await RespClient.connect(port);
      killPid(pidOf(cluster, `node:${port + 2}`), "SIGKILL");
      const killedMs = performance.now();
      await client.send(...Array.from({ length: KEY_COUNT }, (_, i) => ["SET", `probe:${i}`, `${i}`]));
      const replies: string[] = [];
      for (let i = 0; i < KEY_COUNT; i++) replies.push(show(await client.receive()));
      assertLess(performance.now() - killedMs, UNSERVED_MS_MAX);
      // What was on its way to the node is uncertain; nothing else is, and nothing is refused.
      for (const reply of replies) assertMatch(reply, /^(OK$|-UNCERTAIN )/);
      await writers.progressed(2_000);
      await writers.stop();
      assertEquals([...writers.errors.keys()].filter((kind) => kind !== "-UNCERTAIN"), []);
      assert(await writers.verify(port) > 0);
      await client.send(["INFO", "replication"]);
      assertMatch(show(await client.receive()), /failovers:[1-9]/);
      client.close();
      assertEquals(await cluster.stop(), 0);
    } finally {
      await crashCluster(cluster);
    }
  });
});
