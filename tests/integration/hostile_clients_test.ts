/** One bad client harms nobody else: not other clients, not the data, not the process. */
import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { SeededRandom } from "../support/seeded_random.ts";
import { clusterArgs, freePortRun, type Running, start, withFolder } from "../support/processes.ts";
import { RespClient } from "../support/resp_client.ts";

type Use = (port: number, infoPort: number) => Promise<void>;

/** What is done to the balancer of a cluster, and to a standalone node, by sentences of what they do. Each finds no keys. */
const deeds: Record<string, Use> = {};

async function readAll(connection: Deno.TcpConn): Promise<string> {
  let text = "";
  try {
    for await (const chunk of connection.readable.pipeThrough(new TextDecoderStream())) text += chunk;
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return text;
}

deeds["A client that sends half a command for ever holds only its own connection"] = async (
  port,
  infoPort,
) => {
  const halves = await Promise.all(Array.from({ length: 50 }, () => RespClient.connect(port)));
  for (const half of halves) {
    await half.write(new TextEncoder().encode("*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$60000000\r\nbegun"));
  }
  const witness = await RespClient.connect(infoPort);
  for (let i = 0; i < 100; i++) assertEquals(await witness.call("PING"), "PONG");
  assertMatch(await witness.call("INFO", "memory"), /used_memory_rss:\d+/);
  const rss = Number(/used_memory_rss:(\d+)/.exec(await witness.call("INFO", "memory"))![1]);
  assertLess(rss, 400 * 1024 * 1024, "nothing is allocated for what is only announced");
  for (const half of halves) half.close();
  witness.close();
};

deeds["2,000 open connections are all served, while others stay idle"] = async (port) => {
  const clients: RespClient[] = [];
  for (let i = 0; i < 2000; i += 100) {
    clients.push(...await Promise.all(Array.from({ length: 100 }, () => RespClient.connect(port))));
  }
  const replies = await Promise.all(clients.map((client, i) => client.call("SET", `c:${i}`, `${i}`)));
  assertEquals(new Set(replies), new Set(["OK"]));
  const values = await Promise.all(clients.map((client, i) => client.call("GET", `c:${1999 - i}`)));
  assertEquals(values, Array.from({ length: 2000 }, (_, i) => `${1999 - i}`));
  for (const client of clients) client.close();
};

deeds["Why MULTI or another database is refused arrives, whatever was sent behind it"] = async (port) => {
  for (const first of ["MULTI", "SELECT 1"]) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    // More than is read before the refusal: a socket that is closed over the rest is reset, and a client that fails to
    // write does not look for an answer.
    const bytes = new TextEncoder().encode(`${first}\r\n${"PING\r\n".repeat(2_000_000)}`);
    for (let at = 0; at < bytes.length;) {
      at += await connection.write(bytes.subarray(at));
    }
    assertMatch(await readAll(connection), /^(-|ERROR )[^\r\n]+\r?\n$/);
  }
};

deeds["A client that sends garbage gets one error and is closed, and the data stays as it was"] = async (
  port,
) => {
  const witness = await RespClient.connect(port);
  assertEquals(await witness.call("SET", "kept", "whole"), "OK");
  const seed = 20_240_901;
  const random = new SeededRandom(seed);
  for (let round = 0; round < 60; round++) {
    const bytes = Uint8Array.from({ length: 1 + random.u32() % 3000 }, () => random.u32() % 256);
    if (round % 2 === 0) bytes[0] = 0x2a; // a RESP array of nonsense
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    try {
      await connection.write(bytes);
      await connection.closeWrite();
      await readAll(connection);
    } catch (error) {
      assert(
        error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset,
        `seed ${seed}`,
      );
      connection.close();
    }
  }
  const cases: [string, string][] = [
    ["*1\r\n$-5\r\n", "Protocol error: invalid bulk length"],
    ["*2\r\n$3\r\nGET\r\nkey\r\n", "Protocol error: expected '$'"],
    ["*99999999999\r\n", "Protocol error"],
    ["*1\r\n$99999999999\r\n", "Protocol error"],
    ['SET a "unbalanced\r\n', "unbalanced quotes"],
    ["POST / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"],
    ["x".repeat(70_000), "too big inline request"],
  ];
  for (const [input, expected] of cases) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(input));
    assertStringIncludes(await readAll(connection), expected, input.slice(0, 40));
  }
  assertEquals(await witness.call("GET", "kept"), "whole");
  assertEquals(await witness.call("DBSIZE"), "1");
  witness.close();
};

deeds["A client that never reads its replies is dropped, and nobody else waits for it"] = async (port) => {
  const witness = await RespClient.connect(port);
  assertEquals(await witness.call("SET", "large", "x".repeat(1_000_000)), "OK");
  const greedy = await RespClient.connect(port);
  const asking = (async () => {
    for (let i = 0; i < 10_000; i++) await greedy.send(["GET", "large"]);
  })().then(() => "took everything", () => "dropped");
  for (let i = 0; i < 200; i++) {
    const began = performance.now();
    assertEquals(await witness.call("SET", `quick:${i}`, "v"), "OK");
    assertLess(performance.now() - began, 1000);
  }
  // The greedy client's kernel buffers take some replies; what it never takes ends the connection.
  const closed = (async () => {
    while (true) {
      const info = await witness.call("CLIENT", "LIST");
      if (info.trim().split("\n").length === 1) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  assert(await closed);
  greedy.close();
  await asking;
  witness.close();
};

deeds["A half-closed connection is answered in full, then closed"] = async (port) => {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const count = 5000;
  await connection.write(new TextEncoder().encode("INCR n\n".repeat(count)));
  await connection.closeWrite();
  const lines = (await readAll(connection)).trim().split("\n");
  assertEquals(lines.length, count);
  assertEquals(lines.at(-1), String(count));
};

/** Processes that are started once, with a short stall time-out, for all of it. */
async function doAll(
  t: Deno.TestContext,
  running: Running,
  ports: [port: number, infoPort: number],
): Promise<void> {
  try {
    for (const [sentence, deed] of Object.entries(deeds)) {
      const client = await RespClient.connect(ports[0]);
      assertEquals(await client.call("FLUSHALL"), "OK");
      client.close();
      await t.step(sentence, () => deed(...ports));
    }
  } finally {
    assertEquals(await running.stop(), 0);
  }
}

Deno.test("One bad client of a cluster harms nobody else", (t) =>
  withFolder(async (folder) => {
    const port = freePortRun(3);
    const cluster = await start("cluster", clusterArgs(folder, port, "--client-stall", "2s"));
    await doAll(t, cluster, [port, port + 1]);
  }));

Deno.test("One bad client of a node harms nobody else", (t) =>
  withFolder(async (folder) => {
    const args = ["--port", "0", "--standalone", "--data-dir", folder, "--client-stall", "2s"];
    const node = await start("node", args);
    await doAll(t, node, [node.port, node.port]);
  }));
