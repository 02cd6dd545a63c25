/** The file that keeps the topology: compare-and-set, and what a crash leaves of it. */
import { assertEquals, assertRejects } from "@std/assert";
import { RefusalError } from "../../src/core/errors.ts";
import { MIB } from "../../src/core/limits.ts";
import { createTopology, type Topology, withMemory } from "../../src/topology/topology.ts";
import { FileTopologyStore } from "../../src/topology/topology_file.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";

const NODE = { id: "id0", host: "127.0.0.1", port: 8081, maxMemoryBytes: 100 * MIB };
const FIRST = createTopology({ routing: "slots", shardCount: 1, nodes: [NODE] }, new SeededRandom(1));
const SECOND = withMemory(FIRST, 0, 7 * MIB);
const OTHER_SECOND = withMemory(FIRST, 0, 8 * MIB);

function open(disk: SimulatedDisk): Promise<FileTopologyStore> {
  return FileTopologyStore.open(disk.process(), "data");
}

/** A disk on which a balancer has saved the first version. */
async function diskWithFirst(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await (await open(disk)).save(FIRST, 0);
  disk.killProcess();
  return disk;
}

Deno.test("The topology's file takes a version only in the place of the one that is expected", async () => {
  const disk = await diskWithFirst();
  const store = await open(disk);
  assertEquals(await store.save(SECOND, 0), false);
  assertEquals(await store.save(SECOND, 2), false);
  assertEquals(await store.load(), FIRST);
  assertEquals(await Promise.all([store.save(SECOND, 1), store.save(OTHER_SECOND, 1)]), [true, false]);
  assertEquals(await store.load(), SECOND);
});

Deno.test("A topology that was saved half-way is told by the next comparison", async () => {
  const disk = await diskWithFirst();
  const store = await open(disk);
  disk.failDirectorySyncs = new Error("I/O error");
  await assertRejects(() => store.save(SECOND, 1), Error, "I/O error");
  disk.failDirectorySyncs = null;
  assertEquals(await store.save(OTHER_SECOND, 1), false);
  assertEquals(await store.load(), SECOND);
});

Deno.test("A topology that was loaded survives a loss of power, whatever moment its writer was killed at", async () => {
  for (let turns = 0; turns < 40; turns++) {
    const disk = await diskWithFirst();
    const saving = open(disk).then((store) => store.save(SECOND, 1)).catch(() => {}); // the process dies
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    disk.killProcess();
    await saving;
    const loaded: Topology | null = await (await open(disk)).load();
    disk.losePower();
    assertEquals(await (await open(disk)).load(), loaded, `${turns} turns`);
  }
});

Deno.test("A damaged topology is refused, and never replaced by a save", async () => {
  const disk = await diskWithFirst();
  disk.corrupt("data/topology.json", new Uint8Array(10));
  const store = await open(disk);
  await assertRejects(() => store.load(), RefusalError, "data/topology.json");
  await assertRejects(() => store.save(SECOND, 1), RefusalError, "data/topology.json");
  assertEquals(disk.contentOf("data/topology.json"), new Uint8Array(10));
});
