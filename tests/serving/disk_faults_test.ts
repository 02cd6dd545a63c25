/**
 * An unknown error from each method of a disk, in each situation, at a node and at a balancer: it ends the operation that
 * met it, by an answer or a log line; everybody is served on, and the process does not end.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { MIB } from "../../src/core/limits.ts";
import { createTopology, type Topology } from "../../src/topology/topology.ts";
import { serializeTopology } from "../../src/topology/topology_document.ts";
import { FileTopologyStore } from "../../src/topology/topology_file.ts";
import { type NodeClient, NodeWorld } from "../node/node_world.ts";
import { resp, World } from "../support/balancer_world.ts";
import { DISK_METHODS, DiskFaults } from "../support/faulty_disk.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { settle } from "../support/settle.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";

const MEMBER = { standalone: false, segmentBytes: 1 * MIB };

/** A node of a cluster, which keeps the key `safe`, and its topology. */
async function startMember(): Promise<{ world: NodeWorld; client: NodeClient; topology: Topology }> {
  const world = new NodeWorld();
  await world.start(MEMBER);
  const client = await world.client();
  const { id } = JSON.parse((await client.ask("ROUNDEL", "IDENTITY")).replace(/^\$\d+\r\n/, ""));
  const nodes = [{ id, host: "127.0.0.1", port: 8081, maxMemoryBytes: 8 * MIB }];
  const topology = createTopology({ routing: "slots", shardCount: 4, nodes }, new SeededRandom(5));
  assertEquals(await tell(client, topology), "+OK\r\n");
  assertEquals(await client.ask("SET", "safe", "1"), "+OK\r\n");
  return { world, client, topology };
}

function tell(client: NodeClient, topology: Topology): Promise<string> {
  return client.ask("ROUNDEL", "TOPOLOGY", serializeTopology(topology));
}

async function asked(client: NodeClient, ...request: string[]): Promise<string> {
  await client.send(...request);
  for (let turn = 0; turn < 20 && client.isQuiet; turn++) await settle();
  return client.take();
}

/** More than is left of a segment that has one of these already; too long to be written at once. */
const LONG = "v".repeat(600_000);

interface Situation {
  /** What comes before the fault. */
  readonly before?: (client: NodeClient) => Promise<void>;
  readonly meet: (client: NodeClient, topology: Topology) => Promise<string>;
  /** The methods that it meets. */
  readonly methods: readonly string[];
  /** The log line for what failed; without one, the reply is a message to the balancer, which logs it. */
  readonly line?: string;
}

const REPLACED = ["disk.writeFile", "disk.syncFile", "disk.rename", "disk.syncDirectory"];
const SITUATIONS: Record<string, Situation> = {
  "a write": {
    meet: (client) => asked(client, "SET", "k", "v"),
    methods: ["file.writeSync", "file.sync"],
    line: "log failed",
  },
  "a write that begins a segment": {
    before: async (client) => assertEquals(await asked(client, "SET", "long", LONG), "+OK\r\n"),
    meet: (client) => asked(client, "SET", "long", LONG),
    methods: ["disk.create", "disk.open", "file.write", "file.truncate", "file.close", ...REPLACED],
    line: "log failed",
  },
  "a dump": { meet: (client) => asked(client, "SAVE"), methods: REPLACED, line: "dump failed" },
  "a dump that lets segments go": {
    before: async (client) => {
      for (let i = 0; i < 2; i++) assertEquals(await asked(client, "SET", "long", LONG), "+OK\r\n");
    },
    meet: (client) => asked(client, "SAVE"),
    methods: ["disk.remove"],
    line: "dump failed",
  },
  "a new topology": {
    meet: (client, topology) => tell(client, { ...topology, version: topology.version + 1 }),
    methods: REPLACED,
  },
};

for (const [situation, { before, meet, methods, line }] of Object.entries(SITUATIONS)) {
  for (const method of methods) {
    Deno.test(`An unknown error of ${method} in the middle of ${situation} ends nothing else at a node`, async () => {
      const { world, client, topology } = await startMember();
      await before?.(client);
      const other = await world.client();
      world.diskFaults.method = method;
      const reply = await meet(client, topology);
      assert(world.diskFaults.count > 0, "the situation meets the method");
      assertMatch(reply, /^-(ERR|UNCERTAIN) [^\n]*Remote I\/O error[^\n]*\r\n$/);
      assertEquals(await asked(other, "GET", "safe"), "$1\r\n1\r\n");
      if (line !== undefined) {
        assertMatch(String(world.logger.of(line)[0]?.fields.cause), /Remote I\/O error/);
      }
      world.diskFaults.method = "";
      assertEquals(await asked(other, "GET", "safe"), "$1\r\n1\r\n");
      if (line === "log failed") assertMatch(await asked(other, "SET", "k", "w"), /^-READONLY /);
      else {
        assertEquals(await asked(other, "SET", "k", "w"), "+OK\r\n");
        assertEquals(await meet(other, topology), "+OK\r\n");
      }
      assertEquals(world.bug, null);
      await world.stop();
    });
  }
}

/** What a start on a dump and a log meets. */
const AT_START = DISK_METHODS.filter((method) =>
  !["disk.create", "disk.remove", "file.writeSync", "file.seekSync", "lock.release"].includes(method)
);
for (const method of AT_START) {
  Deno.test(`A node whose start meets an unknown error of ${method} says so, and starts the next time with all its data`, async () => {
    const { world, client } = await startMember();
    assertEquals(await asked(client, "SAVE"), "+OK\r\n");
    assertEquals(await asked(client, "SET", "k", "v"), "+OK\r\n");
    world.disk.killProcess();
    world.diskFaults.method = method;
    const started = await world.start(MEMBER).then(() => "", (error) => String(error));
    assertMatch(started, /Remote I\/O error/);
    world.diskFaults.method = "";
    await world.start(MEMBER);
    const again = await world.client();
    assertEquals(await asked(again, "GET", "safe"), "$1\r\n1\r\n");
    assertEquals(await asked(again, "GET", "k"), "$1\r\nv\r\n");
    assertEquals(await asked(again, "SET", "k", "w"), "+OK\r\n");
    await world.stop();
  });
}

for (const method of ["disk.exists", "disk.readFile", ...REPLACED]) {
  Deno.test(`An unknown error of ${method} at a balancer that saves a topology costs only the node that it is about`, async () => {
    const disk = new SimulatedDisk();
    const faults = new DiskFaults();
    const topologyStore = await FileTopologyStore.open(faults.on(disk.process()), "data");
    const world = World.nodesOnly();
    await world.startBalancer({ topologyStore });
    const client = await world.client();
    world.topologyStore.saved.push((await topologyStore.load())!);
    const [moved, other] = [world.keyOn(0), world.keyOn(1)];
    assertEquals(await client.ask("SET", other, "1"), "+OK\r\n");
    faults.method = method;
    // Back with other memory: a new version of the topology.
    const [node] = world.nodes;
    node!.stop();
    node!.maxMemoryBytes *= 2;
    node!.start();
    await world.pass(1_000);
    assertEquals(await client.ask("GET", other), "$1\r\n1\r\n");
    const failures = world.log.filter((line) =>
      /^error cannot save the topology .*Remote I\/O error/.test(line)
    );
    assert(failures.length > 0 && faults.count > 0);
    faults.method = "";
    await world.pass(1_000);
    await client.send(resp("SET", moved, "2"));
    await world.pass(1_000);
    assertEquals(client.take(), "+OK\r\n");
    assert((await topologyStore.load())!.version > 1);
    await world.stop();
    topologyStore.close();
  });
}

Deno.test("Every method of a disk is met in some situation but two: filling ahead, which may fail, and the lock's release at the end", () => {
  const met = new Set([...Object.values(SITUATIONS).flatMap(({ methods }) => methods), ...AT_START]);
  assertEquals(DISK_METHODS.filter((method) => !met.has(method)), ["file.seekSync", "lock.release"]);
});
