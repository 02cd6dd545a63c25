/**
 * Errors that nobody expects, from every method of a connection and a listener and from what a request runs, at a node
 * and at a balancer: they end what they belong to, and everybody else is served on.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { stackOf } from "../../src/core/errors.ts";
import { FAULT_LINES_PER_SECOND, MIB } from "../../src/core/limits.ts";
import { ShardCopy } from "../../src/node/shard_copy.ts";
import { ShardTable } from "../../src/node/shard_table.ts";
import { FaultLog } from "../../src/serving/fault_log.ts";
import { FrameBuffer } from "../../src/persistence/frame_buffer.ts";
import { Log } from "../../src/persistence/log.ts";
import { KeyIndex } from "../../src/store/key_index.ts";
import { Store } from "../../src/store/store.ts";
import { createTopology } from "../../src/topology/topology.ts";
import { serializeTopology } from "../../src/topology/topology_document.ts";
import { type NodeClient, NodeWorld } from "../node/node_world.ts";
import { resp, type TestClient, World } from "../support/balancer_world.ts";
import { CollectingLogger } from "../support/collecting_logger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { advance, settle } from "../support/settle.ts";
import { type Faults, SimulatedNetwork } from "../support/simulated_network.ts";

/** As when a client's network goes down: not an error that anybody has a class for. */
const UNKNOWN = Object.assign(new Error("No route to host (os error 113)"), { code: "EHOSTUNREACH" });
const METHODS: readonly (keyof Faults)[] = ["read", "write", "closeWrite", "close"];

/** What node and balancer have in common here. */
interface Served {
  readonly network: SimulatedNetwork;
  readonly clock: FakeClock;
  readonly port: number;
  /** Sends bytes on a new connection. */
  send(text: string): Promise<void>;
  /** Whether another client is served. */
  serves(): Promise<boolean>;
}

async function onBoth(use: (served: Served) => Promise<void>): Promise<void> {
  const node = new NodeWorld();
  await node.start();
  const other = await node.client();
  await use({
    network: node.network,
    clock: node.clock,
    port: 8081,
    send: async (text) => (await node.client()).sendText(text).catch(() => {}),
    serves: async () => await other.ask("SET", "k", "v") === "+OK\r\n",
  });
  await node.stop();
  const world = await World.start();
  const client = await world.client();
  await use({
    network: world.network,
    clock: world.clock,
    port: world.balancer.port,
    send: async (text) => (await world.client()).send(text).catch(() => {}),
    serves: async () => await client.ask("SET", world.keyOn(0), "v") === "+OK\r\n",
  });
  await world.stop();
}

/** The accepted end of the client that connects next fails in `method`, by `error`. */
function failNext(network: SimulatedNetwork, method: keyof Faults): void {
  const { push } = network.accepted;
  network.accepted.push = (...connections) => {
    network.accepted.push = push;
    for (const { faults } of connections) faults[method] = UNKNOWN;
    return push.apply(network.accepted, connections);
  };
}

for (const method of METHODS) {
  Deno.test(`An unknown error of a connection's ${method} ends that connection only`, async () => {
    await onBoth(async ({ network, clock, send, serves }) => {
      failNext(network, method);
      // A request, and what is none, so that the connection is closed with lingering.
      await send(resp("PING") + "*1\r\n:1\r\n");
      assert(await serves());
      failNext(network, method);
      await send("PING\n");
      await advance(clock, 1_000);
      assert(await serves());
    });
  });
}

Deno.test("A connection that breaks by an unknown error in the middle of a read is over, and nothing else is", async () => {
  await onBoth(async ({ network, send, serves }) => {
    await send("PING\n");
    network.accepted.at(-1)!.cut(UNKNOWN);
    await settle();
    assert(await serves());
  });
});

Deno.test("A connection that cannot be accepted is not the last that can", async () => {
  await onBoth(async ({ network, clock, port, send, serves }) => {
    network.failAccept(port, UNKNOWN);
    await send("PING\n");
    await advance(clock, 1_000);
    await send("PING\n");
    assert(await serves());
  });
});

Deno.test("A request that meets a bug is answered so and logged, its client is dropped, and others are served", async () => {
  const world = new NodeWorld();
  await world.start();
  const [client, other] = [await world.client(), await world.client()];
  world.residentBytes = () => {
    throw new Error("a bug");
  };
  await client.sendText(resp("SET", "k", "1") + resp("INFO", "memory") + resp("SET", "k", "2"));
  assertMatch(client.take(), /^\+OK\r\n-ERR Internal error: [^\n]*\r\n$/);
  assertEquals(await other.ask("GET", "k"), "$1\r\n1\r\n");
  const [line] = world.logger.of("request failed");
  assertMatch(`${line!.fields.cause} ${line!.fields.command}`, /^Error: a bug\n[^]* info$/);
  await world.stop();
});

Deno.test("A request of all nodes that meets a bug at the balancer is answered so, and others are served", async () => {
  const random = { isBroken: false, u32: () => 1 };
  const world = await World.start({
    random: {
      u32: () => {
        if (random.isBroken) throw new Error("a bug");
        return 7;
      },
    } as never,
  });
  const clients: TestClient[] = [await world.client(), await world.client()];
  random.isBroken = true;
  assertMatch(await clients[0]!.ask("RANDOMKEY"), /^-ERR Internal error: /);
  assertEquals(await clients[1]!.ask("SET", world.keyOn(0), "v"), "+OK\r\n");
  assertEquals(world.log.filter((line) => line.includes("a bug")).length, 1);
  random.isBroken = false;
  await world.stop();
});

Deno.test("Of many faults a few lines a second are logged, and the others are counted", () => {
  const [clock, logger] = [new FakeClock(), new CollectingLogger()];
  const faults = new FaultLog(logger, clock);
  for (let i = 0; i < 100; i++) faults.report("request failed", new Error("a bug"));
  assertEquals(logger.of("request failed").length, FAULT_LINES_PER_SECOND);
  clock.advance(1_000);
  faults.report("request failed", "no error");
  assertEquals(logger.of("request failed").at(-1)!.fields, {
    cause: "no error",
    notLogged: 100 - FAULT_LINES_PER_SECOND,
  });
});

/** Runs `use` while `method` of `type` throws. */
async function whileBroken<K extends string>(
  type: { prototype: Record<K, unknown> },
  method: K,
  use: () => Promise<void>,
): Promise<void> {
  const { prototype } = type;
  const whole = prototype[method];
  prototype[method] = () => {
    throw new Error("a bug");
  };
  try {
    await use();
  } finally {
    prototype[method] = whole;
  }
}

async function worldWithKey(): Promise<{ world: NodeWorld; client: NodeClient }> {
  const world = new NodeWorld();
  await world.start();
  const client = await world.client();
  assertEquals(await client.ask("SET", "k", "1", "PX", "100"), "+OK\r\n");
  return { world, client };
}

for (
  const [what, type, method] of [
    ["change of a store", ShardCopy, "onMutation"],
    ["change of the index", KeyIndex, "remove"],
    ["append to the log", Log, "append"],
  ] as const
) {
  Deno.test(`A bug in the middle of a ${what} ends the process, which could not trust it any more`, async () => {
    const { world, client } = await worldWithKey();
    await whileBroken(type as never, method as never, () => client.send("DEL", "k"));
    assertMatch(String(world.bug), /^Error: a bug$/);
    assertEquals(client.take(), "");
  });
}

Deno.test("A bug in the middle of a frame of the log that a request ends ends the process", async () => {
  const { world, client } = await worldWithKey();
  const { endRequest } = FrameBuffer.prototype;
  FrameBuffer.prototype.endRequest = function (synced) {
    const throws = () => {
      throw new Error("a bug");
    };
    Object.defineProperty(this.output, "words", { get: throws });
    this.seal(synced);
  };
  await client.send("DEL", "k");
  FrameBuffer.prototype.endRequest = endRequest;
  assertMatch(String(world.bug), /^Error: a bug$/);
  assertEquals(client.take(), "");
});

Deno.test("A bug in the middle of a dump's step, or of a topology that is taken on, ends the process", async () => {
  const { world, client } = await worldWithKey();
  await whileBroken(Store as never, "stepSnapshot" as never, () => client.send("SAVE"));
  assertMatch(stackOf(world.bug), /broke off in its middle\n[^]*Caused by: Error: a bug\n/);
  const member = new NodeWorld();
  await member.start({ standalone: false });
  const steering = await member.client();
  const { id } = JSON.parse((await steering.ask("ROUNDEL", "IDENTITY")).replace(/^\$\d+\r\n/, ""));
  const nodes = [{ id, host: "127.0.0.1", port: 8081, maxMemoryBytes: 8 * MIB }];
  const topology = createTopology({ routing: "slots", shardCount: 4, nodes }, new SeededRandom(5));
  const document = serializeTopology(topology);
  await whileBroken(
    ShardTable as never,
    "ownShards" as never,
    () => steering.send("ROUNDEL", "TOPOLOGY", document),
  );
  assertMatch(String(member.bug), /^Error: a bug$/);
});
