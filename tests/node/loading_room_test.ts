/** What a node answers while it recovers its data. */
import { assertEquals, assertMatch } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { LOADING_CONNECTIONS_MAX } from "../../src/core/limits.ts";
import { NodeServer } from "../../src/node/node_server.ts";
import { type Connection, writeAll } from "../../src/io/network.ts";
import { CollectingLogger } from "../support/collecting_logger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { settle } from "../support/settle.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";

/** A node whose recovery waits until it is let on. */
function recoveringNode() {
  const network = new SimulatedNetwork();
  const clock = new FakeClock();
  const disk = new SimulatedDisk().process();
  const { promise, resolve } = Promise.withResolvers<void>();
  const lock = disk.lock.bind(disk);
  disk.lock = (path, folder) => promise.then(() => lock(path, folder));
  const options = {
    ...{
      host: "127.0.0.1",
      port: 8081,
      dataDir: "data",
      maxMemoryBytes: 8 * 1024 * 1024,
      fsync: "no" as const,
    },
    ...{ standalone: true, dumpIntervalMs: 0, dumpLogBytes: 0, clientStallMs: 60_000, clientCountMax: 1_000 },
  };
  const started = NodeServer.start(options, {
    ...{ network, clock, disk, random: new SeededRandom(1), logger: new CollectingLogger() },
    process: {
      pid: 1,
      denoVersion: "test",
      os: "test",
      residentBytes: () => 0,
      bootId: null,
      abort: () => Deno.exit(1),
    },
  });
  const connect = () => network.connect({ host: "127.0.0.1", port: 8081 });
  return { clock, started, connect, goOn: resolve };
}

/** What comes until the connection is closed. */
async function rest(connection: Connection): Promise<string> {
  const buffer = new Uint8Array(1_000);
  let text = "";
  for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
    text += textOf(buffer, 0, count);
  }
  return text;
}

Deno.test("A node that recovers says so to whoever asks, and serves the same port afterwards", async () => {
  const node = recoveringNode();
  await settle();
  node.clock.advance(3_500);
  const answers = await Promise.all(
    ["*1\r\n$4\r\nPING\r\n", "GET a\n", "*2\r\n$7\r\nROUNDEL\r\n$6\r\nSTATUS\r\n", "INFO\n"].map(
      async (question) => {
        const connection = await node.connect();
        // In two pieces, as a network may deliver it.
        await writeAll(connection, bytesOf(question.slice(0, 3)));
        await settle();
        await writeAll(connection, bytesOf(question.slice(3)));
        return await rest(connection);
      },
    ),
  );
  const status = "recovering its data, for 3 s so far";
  assertEquals(answers.slice(0, 3), [
    `-LOADING The node is ${status}\r\n`,
    `ERROR LOADING The node is ${status}\n`,
    `-LOADING The node is ${status}\r\n`,
  ]);
  assertMatch(answers[3]!, /^# Persistence\nloading:1\n/);
  node.goOn();
  const server = await node.started;
  const connection = await node.connect();
  const buffer = new Uint8Array(500);
  await writeAll(connection, bytesOf("*2\r\n$7\r\nROUNDEL\r\n$6\r\nSTATUS\r\n"));
  assertMatch(
    textOf(buffer, 0, (await connection.read(buffer))!),
    /^\$\d+\r\n\{"entries":0,"expiring":0,.*"writeRefusal":""\}\r\n$/,
  );
  const stopped = server.stop();
  await settle();
  node.clock.advance(0);
  await stopped;
});

Deno.test("A node that recovers bounds who waits, and lets them go when it serves", async () => {
  const node = recoveringNode();
  await settle();
  const waiting = await Promise.all(Array.from({ length: LOADING_CONNECTIONS_MAX }, () => node.connect()));
  await settle();
  assertEquals(await rest(await node.connect()), "");
  node.goOn();
  const server = await node.started;
  assertEquals(await rest(waiting[0]!), "");
  const stopped = server.stop();
  await settle();
  node.clock.advance(0);
  await stopped;
});
