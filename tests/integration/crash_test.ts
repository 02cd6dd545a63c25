/** kill -9 under full write load: nothing acknowledged is lost, nothing is torn. */
import { assertEquals, assertGreater } from "@std/assert";
import {
  clusterArgs,
  crashCluster,
  freePortRun,
  killPid,
  pidOf,
  start,
  withFolder,
} from "../support/processes.ts";
import { Writers } from "../support/writers.ts";

/** Rounds of killing; `deno task soak` asks for more. */
const ROUNDS = Number(Deno.env.get("ROUNDEL_TEST_CRASH_ROUNDS") ?? 4);

Deno.test(`A standalone node loses no acknowledged write in ${ROUNDS} rounds of kill -9 under load`, async () => {
  await withFolder(async (folder) => {
    const writers = new Writers(8);
    const args = ["--standalone", "--data-dir", folder, "--dump-log-size", "1mb", "--max-memory", "64mb"];
    let node = await start("node", ["--port", "0", ...args]);
    for (let round = 0; round < ROUNDS; round++) {
      writers.start(node.port);
      await writers.progressed(3000);
      await node.crash();
      await writers.stop();
      node = await start("node", ["--port", `${node.port}`, ...args]);
      assertGreater(await writers.verify(node.port), 0);
    }
    assertEquals(await node.stop(), 0);
  });
});

Deno.test(`A cluster loses no acknowledged write in ${ROUNDS} rounds of kill -9 of everything`, async () => {
  await withFolder(async (folder) => {
    const port = freePortRun(3);
    const args = clusterArgs(folder, port);
    const writers = new Writers(8);
    let cluster = await start("cluster", args);
    for (let round = 0; round < ROUNDS; round++) {
      writers.start(cluster.port);
      await writers.progressed(2000);
      await crashCluster(cluster);
      await writers.stop();
      cluster = await start("cluster", args);
      assertGreater(await writers.verify(cluster.port), 0);
    }
    assertEquals(await cluster.stop(), 0);
  });
});

Deno.test("A cluster whose node, and then whose balancer, is killed under load starts it again and loses nothing", async () => {
  await withFolder(async (folder) => {
    const port = freePortRun(3);
    const args = clusterArgs(folder, port);
    const writers = new Writers(8);
    const cluster = await start("cluster", args);
    try {
      writers.start(port);
      await writers.progressed(1000);
      killPid(pidOf(cluster, `node:${port + 1}`), "SIGKILL");
      await cluster.printed(new RegExp(`(roundel node ready on [^:]+:${port + 1}[^]*){2}`));
      await writers.progressed(1000);
      await writers.stop();
      await writers.verify(port);

      writers.start(port);
      await writers.progressed(1000);
      killPid(pidOf(cluster, "balancer"), "SIGKILL");
      await cluster.printed(/(roundel balancer ready[^]*){2}/);
      await writers.stop();
      await writers.verify(port);
      writers.start(port);
      await writers.progressed(1000);
      await writers.stop();
    } finally {
      assertEquals(await cluster.stop(), 0);
    }
  });
});
