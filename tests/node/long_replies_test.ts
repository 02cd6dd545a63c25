/** What a link gets instead of a reply that would hold up everybody on it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { LINK_REPLY_BYTES_MAX, MIB } from "../../src/core/limits.ts";
import { KEYS_BYTES_AT_ONCE } from "../../src/core/reply_limits.ts";
import { bytesOf } from "../../src/core/bytes.ts";
import { writeAll } from "../../src/io/network.ts";
import { resp } from "../support/balancer_world.ts";
import { settle } from "../support/settle.ts";
import { NodeWorld } from "./node_world.ts";

const LINK = ["ROUNDEL", "LINK", "balancer", "run"];

Deno.test("A link is told how long a reply is that is too long for it, and nothing is executed", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no" });
  const [client, link, bulk] = [await world.client(), await world.client(), await world.client()];
  const long = "x".repeat(LINK_REPLY_BYTES_MAX + 1);
  await client.ask("SET", "long", long);
  await client.ask("SET", "fits", long.slice(1));
  await link.ask(...LINK, "data", "0");
  for (
    const request of [
      ["GET", "long"],
      ["MGET", "fits", "fits"],
      ["GETDEL", "long"],
      ["GETSET", "long", "new"],
      [
        ...["SET", "long", "new", "GET"],
      ],
      ["GETEX", "long", "PX", "1"],
      ["GETRANGE", "long", "0", "-1"],
    ]
  ) {
    await link.send(...request);
    const bytes = request[0] === "MGET" ? 2 * LINK_REPLY_BYTES_MAX : long.length;
    assertStringIncludes(link.take(), `-LARGE ${bytes}\r\n`);
  }
  await link.send("GET", "fits");
  assertStringIncludes(link.take(), `$${LINK_REPLY_BYTES_MAX}\r\n${long.slice(1)}\r\n`);
  assertEquals(await bulk.ask(...LINK, "bulk0-0", "0"), "+OK\r\n");
  assertEquals(await bulk.ask("GETDEL", "long"), `$${long.length}\r\n${long}\r\n`);
  assertEquals(await client.ask("EXISTS", "long"), ":0\r\n");
  await world.stop();
});

Deno.test("A connection for long replies that is older than another of its name is closed", async () => {
  const world = new NodeWorld();
  await world.start();
  const [older, newer, other] = [await world.client(), await world.client(), await world.client()];
  await older.ask(...LINK, "bulk0-0", "1");
  await other.ask(...LINK, "bulk1-0", "2");
  await newer.ask(...LINK, "bulk0-0", "3");
  assertEquals([older.isClosed, other.isClosed, newer.isClosed], [true, false, false]);
  await world.stop();
});

Deno.test("KEYS of many entries is answered to all who ask, though one at a time, and one that finds little at once", async () => {
  const world = new NodeWorld();
  await world.start({ fsync: "no", maxMemoryBytes: 64 * MIB });
  const clients = await Promise.all([1, 2, 3].map(() => world.connect()));
  const other = await world.client();
  const name = (i: number) => `key:${i}:${"k".repeat(1_000)}`;
  for (let i = 0; i < 4_000; i += 2_000) {
    await other.ask("MSET", ...Array.from({ length: 2_000 }, (_, j) => [name(i + j), "v"]).flat());
  }
  const request = bytesOf(resp("KEYS", "*"));
  for (const client of clients) await writeAll(client, request);
  await settle();
  assertEquals(await other.ask("KEYS", "key:3:*"), `*1\r\n$${name(3).length}\r\n${name(3)}\r\n`);
  const replyBytes = 7 +
    Array.from({ length: 4_000 }, (_, i) => name(i).length + 9).reduce((sum, bytes) => sum + bytes);
  assert(replyBytes > KEYS_BYTES_AT_ONCE);
  for (const client of clients) {
    const buffer = new Uint8Array(MIB);
    let left = replyBytes;
    while (left > 0) left -= (await client.read(buffer)) ?? Infinity;
    assertEquals(left, 0);
    client.close();
  }
  await world.stop();
});
