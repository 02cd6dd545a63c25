/** A balancer with several workers: real threads on one port, in front of real nodes. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { clusterArgs, freePortRun, type Running, start, withFolder } from "../support/processes.ts";
import { RespClient } from "../support/resp_client.ts";

const WORKERS = 3;
/** So many that the kernel, which deals them by hash, leaves no worker without one. */
const CLIENTS = 60;

interface Setup {
  readonly folder: string;
  readonly port: number;
  readonly nodes: Running[];
  readonly balancer: Running;
  readonly clients: readonly RespClient[];
  startNode(i: number): Promise<void>;
}

/** Two nodes, a balancer with {@linkcode WORKERS} workers, and {@linkcode CLIENTS} clients. */
async function withWorkers(use: (setup: Setup) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const port = freePortRun(3);
    const nodes: Running[] = [];
    const startNode = async (i: number) => {
      nodes[i] = await start("node", ["--port", `${port + 1 + i}`, "--data-dir", folder]);
    };
    await Promise.all([startNode(0), startNode(1)]);
    const balancer = await start("balancer", balancerArgs(folder, port));
    try {
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RespClient.connect(port)));
      await use({ folder, port, nodes, balancer, clients, startNode });
      for (const client of clients) client.close();
    } finally {
      await balancer.stop();
      for (const node of nodes) await node.stop();
    }
  });
}

function balancerArgs(folder: string, port: number): string[] {
  return [
    ...["--port", `${port}`, "--admin-port", "0", "--data-dir", folder, "--workers", `${WORKERS}`],
    ...[1, 2].flatMap((i) => ["--node", `127.0.0.1:${port + i}`]),
  ];
}

/** Clients of each worker, as INFO says. */
async function clientsOfWorkers(client: RespClient): Promise<number[]> {
  const info = await client.call("INFO", "clients");
  return [...info.matchAll(/worker_\d+:clients=(\d+)/g)].map((match) => Number(match[1]));
}

Deno.test("Connections spread over the workers, which serve the same keys and count together", async () => {
  await withWorkers(async ({ balancer, clients }) => {
    await Promise.all(clients.map((client, i) => client.call("SET", `k:${i}`, `${i}`)));
    await Promise.all(clients.map((client) => client.call("INCR", "together")));
    const values = await Promise.all(
      clients.map((client, i) => client.call("GET", `k:${(i + 7) % CLIENTS}`)),
    );
    assertEquals(values, clients.map((_, i) => `${(i + 7) % CLIENTS}`));
    assertEquals(await clients[0]!.call("GET", "together"), `${CLIENTS}`);
    const counts = await clientsOfWorkers(clients[0]!);
    assertEquals(counts.length, WORKERS);
    assert(counts.every((count) => count > 0), `every worker has clients: ${counts}`);
    assertEquals(counts.reduce((sum, count) => sum + count), CLIENTS);
    const info = await clients[1]!.call("INFO");
    assertStringIncludes(info, `connected_clients:${CLIENTS}\r\n`);
    const commands = Number(info.match(/total_commands_processed:(\d+)/)?.[1]);
    assert(commands >= 3 * CLIENTS, `commands of all workers are counted: ${commands}`);
    const [, adminPort] = await balancer.printed(/admin port open .*port=(\d+)/);
    const health = await fetch(`http://127.0.0.1:${adminPort}/health`);
    assertEquals([health.status, (await health.json()).clients], [200, CLIENTS]);
  });
});

Deno.test("A node that dies and returns is served again by every worker, and what was acknowledged is there", async () => {
  await withWorkers(async ({ nodes, clients, startNode }) => {
    await Promise.all(clients.map((client, i) => client.call("SET", `k:${i}`, `${i}`)));
    await nodes[1]!.crash();
    // Sent while the node is away: they wait for it, or are told that it is.
    const meanwhile = clients.map((client, i) => client.call("GET", `k:${i}`));
    await startNode(1);
    (await Promise.all(meanwhile)).forEach((value, i) =>
      assertMatch(value, new RegExp(`^(${i}|-CLUSTERDOWN .*)$`))
    );
    for (const [i, client] of clients.entries()) {
      const deadline = Date.now() + 10_000;
      let value = await client.call("GET", `k:${i}`);
      while (value.startsWith("-CLUSTERDOWN") && Date.now() < deadline) {
        value = await client.call("GET", `k:${i}`);
      }
      assertEquals(value, `${i}`);
    }
  });
});

Deno.test("A change of the topology that the first worker makes is known to all", async () => {
  await withWorkers(async ({ folder, port, nodes, clients }) => {
    const versions = () => Promise.all(clients.map((client) => client.call("ROUNDEL", "TOPOLOGY")));
    assertEquals(new Set(await versions()).size, 1);
    await nodes[0]!.stop();
    nodes[0] = await start("node", ["--port", `${port + 1}`, "--data-dir", folder, "--max-memory", "128mb"]);
    const deadline = Date.now() + 10_000;
    while (!(await versions()).every((text) => JSON.parse(text).version === 2)) {
      assert(Date.now() < deadline, "every worker knows the second version");
    }
    await Promise.all(clients.map((client, i) => client.call("SET", `k:${i}`, "new")));
    assertEquals(await clients[0]!.call("DBSIZE"), `${CLIENTS}`);
  });
});

Deno.test("A graceful stop lets every worker answer what it has taken, and ends with code 0", async () => {
  await withWorkers(async ({ folder, port, balancer, clients }) => {
    await Promise.all(clients.map((client) => client.call("PING")));
    const replies = clients.map((client, i) => client.call("SET", `k:${i}`, "x".repeat(1000)));
    assertEquals(await Promise.race(replies), "OK");
    assertEquals(await balancer.stop(), 0);
    const answered = (await Promise.allSettled(replies)).map(({ status }) => status === "fulfilled");
    // What was not answered was not taken: the nodes have not heard of it.
    const successor = await start("balancer", balancerArgs(folder, port));
    try {
      const client = await RespClient.connect(port);
      for (const [i, isAnswered] of answered.entries()) {
        assertEquals(`${await client.call("STRLEN", `k:${i}`)}`, isAnswered ? "1000" : "0", `client ${i}`);
      }
      client.close();
    } finally {
      assertEquals(await successor.stop(), 0);
    }
  });
});

Deno.test("A port that is taken is refused, whoever else would share it", async () => {
  await withWorkers(async ({ folder, port }) => {
    const second = await start("balancer", balancerArgs(`${folder}/second`, port), { awaitReady: false });
    assertEquals(await second.ended, 3);
    assertStringIncludes(second.output(), "Cannot listen");
  });
});

Deno.test("A cluster hands the count of workers to its balancer, and lets it read them", async () => {
  await withFolder(async (folder) => {
    const port = freePortRun(3);
    const cluster = await start("cluster", clusterArgs(folder, port, "--workers", `${WORKERS}`));
    try {
      const client = await RespClient.connect(port);
      assertEquals(await client.call("SET", "a", "1"), "OK");
      assertEquals((await clientsOfWorkers(client)).length, WORKERS);
      client.close();
    } finally {
      assertEquals(await cluster.stop(), 0);
    }
  });
});
