/** What becomes of topology documents at a whole node, over its restarts. */
import { assertEquals, assertMatch } from "@std/assert";
import { MIB } from "../../src/core/limits.ts";
import { createTopology, type Topology } from "../../src/topology/topology.ts";
import { serializeTopology } from "../../src/topology/topology_document.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { type NodeClient, NodeWorld } from "./node_world.ts";

async function documentFor(client: NodeClient): Promise<Topology> {
  const { id } = JSON.parse((await client.ask("ROUNDEL", "IDENTITY")).replace(/^\$\d+\r\n/, ""));
  const nodes = [{ id, host: "127.0.0.1", port: 8081, maxMemoryBytes: 8 * MIB }];
  return createTopology({ routing: "slots", shardCount: 4, nodes }, new SeededRandom(5));
}

function tell(client: NodeClient, topology: Topology): Promise<string> {
  return client.ask("ROUNDEL", "TOPOLOGY", serializeTopology(topology));
}

Deno.test("A document that a node could not serve is refused before it is durable", async () => {
  const world = new NodeWorld();
  await world.start({ standalone: false });
  const client = await world.client();
  const first = await documentFor(client);
  assertEquals(await tell(client, first), "+OK\r\n");
  assertEquals(await client.ask("SET", "a", "1"), "+OK\r\n");
  assertMatch(
    await tell(client, { ...first, version: 2, shardCapBytes: 1 }),
    /^-ERR .*memory cap of 1 bytes/,
  );
  assertMatch(
    await tell(client, { ...first, version: Number.MAX_SAFE_INTEGER }),
    /^-ERR .* no successor of 1/,
  );
  assertEquals(await tell(client, { ...first, version: 2 }), "+OK\r\n");
  await world.stop();
  await world.start({ standalone: false });
  const again = await world.client();
  assertEquals(await again.ask("GET", "a"), "$1\r\n1\r\n");
  assertMatch(await again.ask("ROUNDEL", "IDENTITY"), /"version":2/);
  await world.stop();
});

Deno.test("Of two documents that arrive together the newer one stays, whichever came first", async () => {
  const world = new NodeWorld();
  await world.start({ standalone: false });
  const [one, other] = [await world.client(), await world.client()];
  const first = await documentFor(one);
  const replies = await Promise.all([
    tell(one, { ...first, version: 9 }),
    tell(other, { ...first, version: 8 }),
  ]);
  assertEquals(replies[0], "+OK\r\n");
  assertMatch(replies[1], /^-STALE This node knows version 9/);
  assertMatch(await one.ask("ROUNDEL", "IDENTITY"), /"version":9/);
  await world.stop();
});

Deno.test("A document that the disk cannot take is an answer, and nobody else notices; the next attempt works", async () => {
  const world = new NodeWorld();
  await world.start({ standalone: false });
  const client = await world.client();
  const first = await documentFor(client);
  assertEquals(await tell(client, first), "+OK\r\n");
  world.disk.failDirectorySyncs = new Error("Input/output error (os error 5)");
  assertEquals(
    await tell(client, { ...first, version: 2 }),
    "-ERR Cannot keep the topology: Input/output error (os error 5)\r\n",
  );
  assertEquals(await client.ask("SET", "a", "1"), "+OK\r\n");
  world.disk.failDirectorySyncs = null;
  assertEquals(await tell(client, { ...first, version: 2 }), "+OK\r\n");
  await world.stop();
});
