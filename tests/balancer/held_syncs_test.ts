/** A balancer and a real node whose disk takes its time: nobody's read waits for somebody else's sync. */
import { assert, assertEquals } from "@std/assert";
import { bytesOf } from "../../src/core/bytes.ts";
import { MIB } from "../../src/core/limits.ts";
import { writeAll } from "../../src/io/network.ts";
import { resp } from "../support/balancer_world.ts";
import { OneNodeWorld } from "../support/one_node_world.ts";
import { settle } from "../support/settle.ts";

Deno.test("While a client's SET waits for its sync, another client's GET of another key is answered through the balancer", async () => {
  const world = new OneNodeWorld();
  const writer = await world.start();
  const reader = await world.client();
  assertEquals(await reader.ask("SET", "safe", "1"), "+OK\r\n");
  world.disk.holdSyncs();
  await writer.send(resp("SET", "k", "v"));
  assertEquals(await reader.ask("GET", "safe"), "$1\r\n1\r\n");
  await reader.send(resp("GET", "k") + resp("GET", "safe"));
  assertEquals(
    [writer.take(), reader.take()],
    ["", ""],
    "who looks at what is not committed waits, and in order",
  );
  world.disk.releaseSyncs();
  await settle();
  assertEquals([writer.take(), reader.take()], ["+OK\r\n", "$1\r\nv\r\n$1\r\n1\r\n"]);
  await world.stop();
});

Deno.test("However much clients write while the disk stands still, reads through the balancer are answered, and all is written later", async () => {
  const world = new OneNodeWorld();
  const reader = await world.start();
  assertEquals(await reader.ask("SET", "safe", "1"), "+OK\r\n");
  const direct = await world.client();
  world.disk.holdSyncs();
  // Together more than a log may hold back.
  const request = bytesOf(resp("SET", "w", "v".repeat(4 * MIB)));
  const writers = await Promise.all(Array.from({ length: 6 }, () => world.client()));
  const sending = writers.map((writer) => writeAll(writer.connection, request));
  for (let turn = 0; turn < 50; turn++) await settle();
  assertEquals(await reader.ask("GET", "safe"), "$1\r\n1\r\n");
  await direct.send(resp("SET", "late", "1"));
  assertEquals(await reader.ask("GET", "nosuch"), "$-1\r\n");
  for (const writer of [...writers, direct]) {
    assert(writer.take() === "", "nothing is acknowledged that is not on the disk");
  }
  world.disk.releaseSyncs();
  await Promise.all(sending);
  for (let turn = 0; turn < 50; turn++) await settle();
  assertEquals(writers.map((writer) => writer.take()), writers.map(() => "+OK\r\n"));
  assertEquals(direct.take(), "+OK\r\n");
  await world.stop();
});
