/** What a link gets instead of a reply that would hold up everybody on it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { LINK_REPLY_BYTES_MAX } from "../../src/core/limits.ts";
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
