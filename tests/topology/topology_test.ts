/** The topology as a value, as text and as a file. */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { RefusalError } from "../../src/core/errors.ts";
import { MIB } from "../../src/core/limits.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { DenoDisk } from "../../src/io/deno_disk.ts";
import { parseTopology, serializeTopology } from "../../src/topology/topology_document.ts";
import { FileTopologyStore } from "../../src/topology/topology_file.ts";
import {
  createTopology,
  type Topology,
  withMemory,
  withReplacedNode,
  withStale,
} from "../../src/topology/topology.ts";
import { assertProperty } from "../support/property.ts";

function example(routing: Topology["routing"] = "slots", nodeCount = 3): Topology {
  const nodes = Array.from({ length: nodeCount }, (_, i) => ({
    id: `id${i}`,
    host: "127.0.0.1",
    port: 8081 + i,
    maxMemoryBytes: 100 * MIB,
  }));
  return createTopology({ routing, shardCount: 16, nodes }, new SeededRandom(7));
}

/** Memory that node `id` would need for its shards at their cap. */
function needOf(topology: Topology, id: string): number {
  return topology.shards.filter((shard) => shard.primary === id).length * topology.shardCapBytes;
}

Deno.test("A new topology has a primary for each shard, and a cap that fits every node", () => {
  const topology = example();
  assertEquals([topology.version, topology.shardCount, topology.shards.length], [1, 16, 16]);
  assertEquals(topology.shardCapBytes, Math.floor(100 * MIB / 6));
  for (const { id, maxMemoryBytes } of topology.nodes) assert(needOf(topology, id) <= maxMemoryBytes);
  for (const shard of topology.shards) assertEquals(shard.inSync, [shard.primary]);
  assertMatch(topology.cluster, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

Deno.test("With round-robin there are no shards to place", () => {
  assertEquals(example("round-robin").shards, []);
});

Deno.test("Every change is a next version and leaves the old document alone", () => {
  const topology = example();
  const before = serializeTopology(topology);
  const memory = withMemory(topology, 1, 30 * MIB);
  assertEquals(memory.version, 2);
  for (const { id, maxMemoryBytes } of memory.nodes) assert(needOf(memory, id) <= maxMemoryBytes);
  assert(needOf(memory, "id1") > 29 * MIB);
  const replaced = withReplacedNode(memory, 0, "new")!;
  assertEquals(replaced.version, 3);
  replaced.shards.forEach((shard, i) => {
    const was = topology.shards[i]!;
    if (was.primary === "id0") {
      assertEquals(shard, { epoch: 2, primary: "new", replicas: [], inSync: ["new"] });
    } else assertEquals(shard, was);
  });
  assertEquals(withStale(replaced, 2, true).nodes.map((node) => node.stale), [false, false, true]);
  assertEquals(serializeTopology(topology), before);
});

Deno.test("A document read back is the one that was written", () => {
  for (const topology of [example(), example("round-robin"), withStale(example("round-robin"), 0, true)]) {
    assertEquals(parseTopology(serializeTopology(topology), "a test"), topology);
  }
});

Deno.test("A document with a fault in it is refused by the fault's name", () => {
  type Loose = Record<string, unknown> & {
    nodes: Record<string, unknown>[];
    shards: Record<string, unknown>[];
  };
  const cases: [spoil: (document: Loose) => void, message: RegExp][] = [
    [(d) => d.format = 1, /format 1 is not known here, only 2/],
    [(d) => delete d.hashSeed, /hashSeed must be a text, and is nothing/],
    [(d) => d.hashSeed = "0123", /hashSeed must be 16 hexadecimal digits/],
    [(d) => delete d.cluster, /cluster must be a text, and is nothing/],
    [(d) => d.version = 0, /version must be an integer of 1 /],
    [(d) => d.version = "1", /version must be .* and is "1"/],
    [(d) => d.routing = "random", /routing must be slots or round-robin/],
    [(d) => d.shardCount = 2_000, /shardCount must be an integer of 1 to 1024/],
    [(d) => d.extra = 1, /extra is not known here/],
    [(d) => d.nodes = [], /nodes must be a list of 1 to 255 entries/],
    [(d) => d.nodes[1]!.port = 70_000, /nodes\[1\]\.port must be/],
    [(d) => d.nodes[1]!.stale = 0, /nodes\[1\]\.stale must be true or false/],
    [(d) => d.nodes[1]!.id = "id0", /nodes: two have the same id/],
    [(d) => d.nodes[1]!.port = 8081, /nodes: two have the same address/],
    [(d) => d.shards.pop(), /shards: 15 entries where 16 belong/],
    [(d) => d.shards[3]!.primary = "nobody", /shards\[3\]: node nobody is not in the list/],
    [(d) => d.shards[3]!.inSync = [], /shards\[3\]\.inSync/],
    [(d) => d.shards[3]!.replicas = [d.shards[3]!.primary], /shards\[3\]: a node keeps two copies/],
    [(d) => d.shards[3]!.epoch = 0, /shards\[3\]\.epoch must be/],
  ];
  for (const [spoil, message] of cases) {
    const document = JSON.parse(serializeTopology(example()));
    spoil(document);
    const error = assertThrows(() => parseTopology(JSON.stringify(document), "file.json"), RefusalError);
    assertMatch(error.message, message);
    assertMatch(error.message, /^Cannot read the topology: file\.json: .*; restore the file/);
  }
  assertThrows(() => parseTopology("{", "file.json"), RefusalError, "not JSON");
  assertThrows(() => parseTopology("[]", "file.json"), RefusalError, "not an object");
});

Deno.test("No text makes the parser fail otherwise than by refusing", () => {
  const whole = serializeTopology(example());
  assertProperty(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.string({ maxLength: 3 }), (at, text) => {
      const spoilt = whole.slice(0, at) + text + whole.slice(at + 1);
      try {
        parseTopology(spoilt, "a test");
      } catch (error) {
        assertEquals(error instanceof RefusalError, true);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("The file store keeps the last saved document, and only one of them may be open", async () => {
  const directory = `${await Deno.makeTempDir()}/data`;
  const store = await FileTopologyStore.open(new DenoDisk(), directory);
  assertEquals(await store.load(), null);
  assertEquals(await store.save(example(), 0), true);
  const next = withMemory(example(), 0, 7 * MIB);
  assertEquals(await store.save(next, example().version), true);
  assertEquals(await store.load(), next);
  await assertRejects(() => FileTopologyStore.open(new DenoDisk(), directory), RefusalError);
  store.close();
  const again = await FileTopologyStore.open(new DenoDisk(), directory);
  assertEquals(await again.load(), next);
  await Deno.writeTextFile(`${directory}/topology.json`, "{}");
  await assertRejects(() => again.load(), RefusalError, `${directory}/topology.json`);
  again.close();
  await Deno.remove(directory, { recursive: true });
});
