/** Replies that wait for a commit, while reading goes on: at a node's clients and its links. Syncs are held back. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { bytesOf, readU32, textOf } from "../../src/core/bytes.ts";
import { DISK_FULL_RETRY_MS, OUTBOX_RUN_COUNT_MAX } from "../../src/core/limits.ts";
import { type Connection, writeAll } from "../../src/io/network.ts";
import { INCOMPLETE } from "../../src/protocol/progress.ts";
import { RUN_HEADER_BYTES, RunReader } from "../../src/protocol/link_run.ts";
import { advance, settle } from "../support/settle.ts";
import { NodeWorld } from "./node_world.ts";

/** A node whose log syncs each batch, and one key that is committed. */
async function startNode(): Promise<NodeWorld> {
  const world = new NodeWorld();
  await world.start({ clientCountMax: 2_000 });
  const client = await world.client();
  assertEquals(await client.ask("SET", "safe", "1"), "+OK\r\n");
  return world;
}

/** Requests as text lines that are answered in RESP: arrays. */
function resp(...lines: string[]): string {
  return lines.map((line) => {
    const words = line.split(" ");
    return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
  }).join("");
}

/** A balancer's end of a link. */
class TestLink {
  /** Replies by the number of their request; each comes once. */
  readonly replies = new Map<number, string>();
  /** The reply to `ROUNDEL LINK`: what comes before there are runs. */
  linkReply = "";
  pushes: string[] = [];
  runs: [firstRequest: number, count: number][] = [];
  isClosed = false;
  readonly connection: Connection;
  readonly #reader = new RunReader();

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  /** Opens link `number` of the lane `a` of the run `run` of the balancer `b`. */
  static async open(world: NodeWorld, number: number, run = "r1", lane = "a"): Promise<TestLink> {
    const link = new TestLink(await world.connect());
    void link.#read();
    await link.send(`ROUNDEL LINK b ${run} ${lane} ${number}`);
    return link;
  }

  async send(...lines: string[]): Promise<void> {
    await writeAll(this.connection, bytesOf(resp(...lines)));
    await settle();
  }

  async #read(): Promise<void> {
    let held = new Uint8Array(0);
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count; (count = await this.connection.read(buffer)) !== null;) {
        held = new Uint8Array([...held, ...buffer.subarray(0, count)]);
        if (this.linkReply === "") {
          const end = held.indexOf(0x0a) + 1;
          this.linkReply = textOf(held, 0, end);
          held = held.slice(end);
        }
        held = this.#take(held);
      }
    } catch {
      // Closed, by whichever side.
    }
    this.isClosed = true;
  }

  #take(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    let at = 0;
    let isHeader = true;
    while (at < bytes.length) {
      const next = this.#reader.step(bytes, at, bytes.length);
      if (next === INCOMPLETE) break;
      assert(next > 0, this.#reader.error);
      if (this.#reader.isReply) {
        assert(!this.replies.has(this.#reader.request), "one reply for a request");
        this.replies.set(this.#reader.request, textOf(bytes, at, next));
      } else if (isHeader && next - at === RUN_HEADER_BYTES) {
        const count = readU32(bytes, at + 4);
        if (count > 0) this.runs.push([readU32(bytes, at), count]);
      } else this.pushes.push(textOf(bytes, at, next));
      isHeader = true;
      at = next;
    }
    return bytes.slice(at);
  }
}

Deno.test("While a sync is under way other clients are answered, and the same client's next requests are run", async () => {
  const world = await startNode();
  const [writer, reader] = [await world.client(), await world.client()];
  world.disk.holdSyncs();
  await writer.send("SET", "key", "1");
  await writer.send("INCR", "key");
  await writer.send("GET", "safe");
  assertEquals(await reader.ask("GET", "safe"), "$1\r\n1\r\n");
  await reader.send("GET", "key");
  assertEquals([writer.take(), reader.take()], ["", ""]);
  world.disk.releaseSyncs();
  await settle();
  assertEquals([writer.take(), reader.take()], ["+OK\r\n:2\r\n$1\r\n1\r\n", "$1\r\n2\r\n"]);
  await world.stop();
});

Deno.test("A client whose outbox is full of runs that wait is not read, and is read again when they are committed", async () => {
  const world = await startNode();
  const client = await world.client();
  world.disk.holdSyncs();
  const pairs = OUTBOX_RUN_COUNT_MAX;
  for (let i = 0; i < pairs; i++) await client.sendText(resp("INCR n"));
  const { writeCount } = world.disk;
  await client.sendText(resp("INCR n", "GET safe"));
  assertEquals([client.take(), world.disk.writeCount], ["", writeCount], "it was not run");
  const other = await world.client();
  await other.send("GET", "n");
  world.disk.releaseSyncs();
  for (let i = 0; i < 5; i++) await settle();
  assertEquals(other.take(), `$4\r\n${pairs}\r\n`);
  const expected = Array.from({ length: pairs + 1 }, (_, i) => `:${i + 1}\r\n`).join("");
  assertEquals(client.take(), `${expected}$1\r\n1\r\n`);
  await world.stop();
});

Deno.test("When the log fails, what ran and was not committed is answered UNCERTAIN, one for one, and the rest as it was", async () => {
  const world = await startNode();
  const [client, text] = [await world.client(), await world.client()];
  world.disk.holdSyncs();
  await client.sendText(resp("GET safe", "SET a 1", "SET b 1", "GET safe", "GET a"));
  await client.sendText(resp("GET safe", "INCR a"));
  await text.sendText("SET c 1\nGET safe\n");
  world.disk.failSyncs = new Error("Input/output error (os error 5)");
  world.disk.releaseSyncs();
  await settle();
  const kinds = (reply: string) => reply.match(/UNCERTAIN|READONLY|\$1\r\n1|^1$/gm);
  assertEquals(kinds(client.take()), [
    "$1\r\n1",
    "UNCERTAIN",
    "UNCERTAIN",
    "$1\r\n1",
    "UNCERTAIN",
    "$1\r\n1",
    "UNCERTAIN",
  ]);
  assertMatch(text.take(), /^ERROR UNCERTAIN [^\n]*\n1\n$/);
  assertMatch(await client.ask("INCR", "a"), /^-READONLY Cannot sync log/);
  await world.stop();
});

Deno.test("A node that is stopped while commits are pending answers once they are done, and runs nothing more", async () => {
  const world = await startNode();
  const [client, idle] = [await world.client(), await world.connect()];
  world.disk.holdSyncs();
  await client.send("SET", "key", "1");
  const stopped = world.stop();
  await settle();
  assertEquals(await idle.read(new Uint8Array(8)), null);
  await client.sendText(resp("SET key 2")).catch(() => {});
  assertEquals(client.take(), "");
  world.disk.releaseSyncs();
  await stopped;
  assertEquals(client.take(), "+OK\r\n");
  await world.start();
  assertEquals(await (await world.client()).ask("GET", "key"), "$1\r\n1\r\n");
  await world.stop();
});

Deno.test("What a client asked before it ended its half of the connection is answered after the commit", async () => {
  const world = await startNode();
  const connection = await world.connect();
  world.disk.holdSyncs();
  await writeAll(connection, bytesOf("SET key 1\nGET key\n"));
  await connection.closeWrite();
  await settle();
  world.disk.releaseSyncs();
  await settle();
  const buffer = new Uint8Array(64);
  const count = await connection.read(buffer);
  assertEquals(textOf(buffer, 0, count!), "OK\n1\n");
  assertEquals(await connection.read(buffer), null);
  await world.stop();
});

Deno.test("On a link a read is answered though a write before it waits for its sync, in runs that say which is which", async () => {
  const world = await startNode();
  const link = await TestLink.open(world, 1);
  assertEquals(link.linkReply, "+OK\r\n");
  world.disk.holdSyncs();
  await link.send("SET a 1", "GET safe", "GET safe", "SET b 1", "GET a", "GET safe");
  await link.send("GET b", "GET safe");
  assertEquals(link.runs, [[1, 2], [5, 1], [7, 1]]);
  assertEquals([...link.replies], [1, 2, 5, 7].map((request) => [request, "$1\r\n1\r\n"]));
  world.disk.releaseSyncs();
  await settle();
  assertEquals(link.runs.slice(3), [[0, 1], [3, 2], [6, 1]]);
  assertEquals([0, 3, 4, 6].map((request) => link.replies.get(request)), [
    "+OK\r\n",
    "+OK\r\n",
    "$1\r\n1\r\n",
    "$1\r\n1\r\n",
  ]);
  await link.send(...Array.from({ length: 100 }, (_, i) => `GET ${i % 3 === 0 ? "a" : "nosuch"}`));
  assertEquals(link.runs.length <= 8 && link.replies.size, 108, "what is committed shares a run");
  await world.stop();
});

Deno.test("A read does not wait for the sync behind the one that has its key", async () => {
  const world = await startNode();
  const link = await TestLink.open(world, 1);
  world.disk.holdSyncs();
  await link.send("SET a 1");
  await link.send("SET b 1", "GET a", "SET c 1");
  assertEquals(link.runs, []);
  world.disk.releaseOneSync();
  await settle();
  assertEquals(link.runs, [[0, 1], [2, 1]]);
  world.disk.releaseSyncs();
  await settle();
  assertEquals(link.runs.slice(2), [[1, 1], [3, 1]]);
  await world.stop();
});

Deno.test("On a link a failed log is answered UNCERTAIN for what it could not commit, and nothing else", async () => {
  const world = await startNode();
  const link = await TestLink.open(world, 1);
  world.disk.holdSyncs();
  await link.send("SET a 1", "GET safe", "SET b 1", "GET a");
  world.disk.failSyncs = new Error("Input/output error (os error 5)");
  world.disk.releaseSyncs();
  await settle();
  assertEquals(link.replies.get(1), "$1\r\n1\r\n");
  for (const request of [0, 2, 3]) assertMatch(link.replies.get(request)!, /^-UNCERTAIN /);
  await link.send("SET a 2", "GET safe");
  assertMatch(link.replies.get(4)!, /^-READONLY /);
  assertEquals(link.replies.get(5), "$1\r\n1\r\n");
  await world.stop();
});

Deno.test("A balancer's new link closes its older ones before it is answered, and nothing that had arrived there is run", async () => {
  const world = await startNode();
  const [older, otherLane] = [await TestLink.open(world, 1), await TestLink.open(world, 1, "r1", "b")];
  // A dump holds the older link in the middle of its input: what lies behind it has arrived, and was not run.
  world.disk.holdSyncs();
  await older.send("SAVE", "SET key old");
  const newer = await TestLink.open(world, 2);
  assertEquals([newer.linkReply, older.isClosed, otherLane.isClosed], ["+OK\r\n", true, false]);
  world.disk.releaseSyncs();
  for (let i = 0; i < 20; i++) {
    world.clock.advance(1);
    await settle();
  }
  await newer.send("GET key", "SET key new", "GET key");
  assertEquals([...newer.replies.values()], ["$-1\r\n", "+OK\r\n", "$3\r\nnew\r\n"]);
  assertEquals(older.replies.size, 0);
  await world.stop();
});

Deno.test("Another run of the balancer closes all links of the one before; a link that comes too late is refused", async () => {
  const world = await startNode();
  const [a, b] = [await TestLink.open(world, 5), await TestLink.open(world, 1, "r1", "b")];
  const late = await TestLink.open(world, 4);
  assertEquals([late.linkReply.slice(0, 7), a.isClosed, b.isClosed], ["-STALE ", false, false]);
  const next = await TestLink.open(world, 1, "r2");
  assertEquals([next.linkReply, a.isClosed, b.isClosed, late.isClosed], ["+OK\r\n", true, true, false]);
  await next.send("GET safe");
  assertEquals(next.replies.get(0), "$1\r\n1\r\n");
  await world.stop();
});

Deno.test("LINK is refused where its number is none, and to a person", async () => {
  const world = await startNode();
  const client = await world.client();
  assertMatch(await client.ask("ROUNDEL", "LINK", "b", "r", "a", "x"), /^-ERR The number of a link/);
  await client.sendText("ROUNDEL LINK b r a 1\n");
  assertEquals(client.take(), "ERROR A link speaks RESP\n");
  await world.stop();
});

Deno.test("Each time that the log fails under a request that takes long, those before it are answered", async () => {
  const world = await startNode();
  const client = await world.client();
  for (let time = 0; time < 3; time++) {
    world.disk.failWrites = Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
    await client.sendText(resp("INCR n", "SAVE"));
    assertMatch(client.take(), /^-UNCERTAIN .*\r\n-ERR Cannot save dump: .*\r\n$/);
    world.disk.failWrites = null;
    await advance(world.clock, DISK_FULL_RETRY_MS);
  }
  await world.stop();
});
