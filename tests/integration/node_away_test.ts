/** The balancer with a node down, dying in mid-pipeline, and coming back; and with round-robin routing. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePortRun, type Running, start, withFolder } from "../support/processes.ts";
import { RespClient, show } from "../support/resp_client.ts";

interface Setup {
  readonly folder: string;
  readonly nodePorts: readonly number[];
  readonly nodes: Running[];
  readonly balancer: Running;
  startNode(i: number): Promise<void>;
}

async function withSetup(routing: string, use: (setup: Setup) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const port = freePortRun(3);
    const nodePorts = [port + 1, port + 2];
    const nodes: Running[] = [];
    const startNode = async (i: number) => {
      nodes[i] = await start("node", ["--port", `${nodePorts[i]}`, "--data-dir", folder]);
    };
    await Promise.all([startNode(0), startNode(1)]);
    const balancer = await start("balancer", [
      ...["--port", `${port}`, "--admin-port", "0", "--data-dir", folder, "--routing", routing],
      ...nodePorts.flatMap((nodePort) => ["--node", `127.0.0.1:${nodePort}`]),
    ]);
    try {
      await use({ folder, nodePorts, nodes, balancer, startNode });
    } finally {
      assertEquals(await balancer.stop(), 0);
      for (const node of nodes) await node.stop();
    }
  });
}

Deno.test("A cluster of which a node is down", async (t) => {
  await withSetup("slots", async ({ folder, nodes, balancer, startNode, nodePorts }) => {
    await t.step(
      "With a node down its keys answer CLUSTERDOWN, the others go on; once it is back all is there",
      async () => {
        const client = await RespClient.connect(balancer.port);
        for (let i = 0; i < 50; i++) assertEquals(await client.call("SET", `k:${i}`, `${i}`), "OK");
        await nodes[1]!.crash();
        const replies: string[] = [];
        await client.send(...Array.from({ length: 50 }, (_, i) => ["GET", `k:${i}`]));
        for (let i = 0; i < 50; i++) replies.push(show(await client.receive()));
        const down = replies.filter((reply) => reply.startsWith("-CLUSTERDOWN"));
        assert(down.length > 5 && down.length < 45, replies.join("\n"));
        assertMatch(down[0]!, new RegExp(`127\\.0\\.0\\.1:${nodePorts[1]}`));
        replies.forEach((reply, i) => assert(reply === `${i}` || reply.startsWith("-CLUSTERDOWN"), reply));
        assertMatch(await client.call("SAVE"), new RegExp(`^-.*127\\.0\\.0\\.1:${nodePorts[1]}`));

        await startNode(1);
        const deadline = Date.now() + 10_000;
        while ((await client.call("DBSIZE")) !== "50") {
          assert(Date.now() < deadline, "the node's keys come back");
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        for (let i = 0; i < 50; i++) assertEquals(await client.call("GET", `k:${i}`), `${i}`);
        assertEquals(await client.call("SAVE"), "OK");
        client.close();
      },
    );
    await t.step(
      "A pipeline whose node dies in the middle gets one reply for each request, in order, and no wrong one",
      async () => {
        const client = await RespClient.connect(balancer.port);
        const count = 20_000;
        const sending = client.send(...Array.from({ length: count }, (_, i) => ["SET", `p:${i}`, `${i}`]));
        const replies: string[] = [];
        for (let i = 0; i < count; i++) {
          replies.push(show(await client.receive()));
          if (i === count / 10) void nodes[0]!.crash();
        }
        await sending;
        for (const reply of replies) assertMatch(reply, /^(OK|-UNCERTAIN .*|-CLUSTERDOWN .*)$/);
        await nodes[0]!.crash();
        await startNode(0);
        const deadline = Date.now() + 10_000;
        while ((await client.call("DBSIZE")).startsWith("-")) {
          assert(Date.now() < deadline, "the node comes back");
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        for (let i = 0; i < count; i += 7) {
          const value = await client.call("GET", `p:${i}`);
          if (replies[i] === "OK") assertEquals(value, `${i}`);
          else assert(value === `${i}` || value === "(nil)", `${replies[i]} but ${value}`);
        }
        client.close();
      },
    );
    await t.step(
      "A node that comes back with an empty disk is refused, by name and with a way out",
      async () => {
        const client = await RespClient.connect(balancer.port);
        for (let i = 0; i < 20; i++) assertEquals(await client.call("SET", `k:${i}`, `${i}`), "OK");
        await nodes[1]!.crash();
        for (
          const name of [`log_${nodePorts[1]}`, `node_${nodePorts[1]}.json`, `dump_${nodePorts[1]}.data`]
        ) {
          await Deno.remove(`${folder}/${name}`, { recursive: true });
        }
        await startNode(1);
        await balancer.printed(/--replace 127\.0\.0\.1:\d+/);
        const replies = await Promise.all(
          Array.from({ length: 20 }, async (_, i) => {
            const other = await RespClient.connect(balancer.port);
            const reply = await other.call("GET", `k:${i}`);
            other.close();
            return reply;
          }),
        );
        replies.forEach((reply, i) => assert(reply === `${i}` || reply.startsWith("-CLUSTERDOWN"), reply));
        client.close();
      },
    );
  });
});

Deno.test("With round-robin routing writes go to the nodes in turn, and each key is on one node only", async () => {
  await withSetup("round-robin", async ({ balancer, nodePorts }) => {
    const client = await RespClient.connect(balancer.port);
    for (let i = 0; i < 100; i++) assertEquals(await client.call("SET", `k:${i}`, `${i}`), "OK");
    for (let i = 0; i < 100; i++) assertEquals(await client.call("GET", `k:${i}`), `${i}`);
    const sizes: number[] = [];
    for (const nodePort of nodePorts) {
      const node = await RespClient.connect(nodePort);
      sizes.push(Number(await node.call("DBSIZE")));
      node.close();
    }
    assertEquals(sizes, [50, 50]);
    for (let i = 0; i < 100; i++) assertEquals(await client.call("SET", `k:${i % 10}`, `again ${i}`), "OK");
    for (let i = 90; i < 100; i++) assertEquals(await client.call("GET", `k:${i % 10}`), `again ${i}`);
    assertEquals(await client.call("DBSIZE"), "100");
    assertEquals(await client.call("INCR", "n"), "1");
    assertEquals(await client.call("INCR", "n"), "2");
    assertMatch(await client.call("MSET", "a", "1", "b", "2"), /^-ERR .*round-robin/);
    client.close();
  });
});
