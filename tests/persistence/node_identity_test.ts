/** The node file: what is saved is loaded, and nothing else is. */
import { assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { bytesOf } from "../../src/core/bytes.ts";
import { RefusalError } from "../../src/core/errors.ts";
import { randomUuid } from "../../src/core/random.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import {
  identityBytes,
  loadIdentity,
  newIdentity,
  type NodeIdentity,
  saveIdentity,
} from "../../src/persistence/node_identity.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";

const PATH = "data/node_8081.json";
const ID = "01234567-89ab-4cde-8f01-23456789abcd";
const SEED = "0123456789abcdef";

async function diskWithFolder(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await disk.makeDirectory("data");
  await disk.syncDirectory(".");
  return disk;
}

Deno.test("A node's identity is loaded as it was saved, even after a power loss", async () => {
  const disk = await diskWithFolder();
  const identity: NodeIdentity = {
    ...newIdentity(ID, 123, SEED),
    cluster: "c1",
    topology: { version: 3, nodes: ["ä"] },
    epochs: { 0: 1, 15: 7 },
    bootId: "b",
    newestSegment: 3,
    stoppedAt: 99,
  };
  await saveIdentity(disk, PATH, newIdentity(ID, 123, SEED));
  await saveIdentity(disk, PATH, identity);
  disk.losePower();
  assertEquals(await loadIdentity(disk, PATH), identity);
});

Deno.test("A node's identity is random, a UUID of version 4, and 16 bytes", () => {
  const random = new SeededRandom(1);
  const id = randomUuid(random);
  assertMatch(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assertNotEquals(randomUuid(random), id);
  assertEquals([...identityBytes(ID).slice(0, 8)], [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x4c, 0xde]);
});

const GOOD = {
  format: 2,
  id: ID,
  createdAtMs: 1,
  cluster: null,
  topology: null,
  epochs: {},
  hashSeed: SEED,
  bootId: null,
  newestSegment: 1,
  stoppedAt: null,
};

for (
  const [what, content, message] of [
    ["is no JSON", "{", "JSON"],
    ["is no object", "[]", "not a JSON object"],
    ["has another format", { ...GOOD, format: 3 }, '"format" is 3, this version reads 2'],
    [
      "has the format before",
      { ...GOOD, format: 1 },
      '"format" is 1, that of an older version of Roundel. Start',
    ],
    ["has a boot id that is no text", { ...GOOD, bootId: 1 }, '"bootId" is 1'],
    ["has no newest segment", { ...GOOD, newestSegment: 0 }, '"newestSegment" is 0'],
    ["stopped nowhere", { ...GOOD, stoppedAt: -1 }, '"stoppedAt" is -1'],
    ["has no id", { ...GOOD, id: undefined }, '"id" is missing'],
    ["has an id that is no UUID", { ...GOOD, id: ID.toUpperCase() }, '"id" is "0123'],
    ["has no time", { ...GOOD, createdAtMs: "1" }, '"createdAtMs" is "1"'],
    ["has a cluster that is no name", { ...GOOD, cluster: 1 }, '"cluster" is 1'],
    ["has no topology", { ...GOOD, topology: undefined }, '"topology" is missing'],
    ["has no seed", { ...GOOD, hashSeed: undefined }, '"hashSeed" is missing'],
    ["has a seed that is none", { ...GOOD, hashSeed: "0123" }, '"hashSeed" is "0123"'],
    ["has no epochs", { ...GOOD, epochs: [] }, '"epochs" is []'],
    ["has an epoch of no shard", { ...GOOD, epochs: { x: 1 } }, '"epochs" holds "x": 1'],
    ["has an epoch of a shard beyond all", { ...GOOD, epochs: { 1024: 1 } }, '"epochs" holds "1024": 1'],
    ["has an epoch that is none", { ...GOOD, epochs: { 1: 1.5 } }, '"epochs" holds "1": 1.5'],
  ] as const
) {
  Deno.test(`A node file that ${what} is refused by name`, async () => {
    const disk = await diskWithFolder();
    disk.corrupt(PATH, bytesOf(typeof content === "string" ? content : JSON.stringify(content)));
    const error = await assertRejects(() => loadIdentity(disk, PATH), RefusalError, message);
    assertMatch(error.message, /^Cannot read node identity: data\/node_8081\.json: /);
  });
}

Deno.test("A node file with every field is accepted", async () => {
  const disk = await diskWithFolder();
  disk.corrupt(PATH, bytesOf(JSON.stringify(GOOD)));
  assertEquals(await loadIdentity(disk, PATH), newIdentity(ID, 1, SEED));
});
