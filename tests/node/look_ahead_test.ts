/** What is fetched for a batch before it runs. */
import { assertEquals } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { MIB, READ_BUFFER_BYTES } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { type FetchingStore, LookAhead } from "../../src/node/look_ahead.ts";
import { COMMAND_SPECS } from "../../src/protocol/command_specs.ts";
import type { Request } from "../../src/protocol/request.ts";
import { RequestDecoder } from "../../src/protocol/request_decoder.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";
import type { Fetchable } from "../../src/store/prefetcher.ts";
import { TestStore } from "../store/store_fixture.ts";
import { NodeWorld } from "./node_world.ts";

type NotingStore = FetchingStore & { liveBytes: number };

/** Two stores, by the first byte of a key, and a prefetcher that notes what is announced and when it is fetched. */
class NotingShards {
  readonly notes: string[] = [];
  readonly #keys: string[] = [];
  readonly stores: NotingStore[] = Array.from({ length: 2 }, () => ({
    liveBytes: 2 * MIB,
    fetchable: new TestStore(100).store.fetchable,
    hashOf: (bytes: Uint8Array, start: number, end: number) => this.#keys.push(textOf(bytes, start, end)) - 1,
  }));

  /** The key whose hash is `hash`. */
  keyOf(hash: number): string {
    return this.#keys[hash]!;
  }

  announce(store: Fetchable, hash: number): void {
    this.notes.push(
      `${"ab"[this.stores.findIndex(({ fetchable }) => fetchable === store)]}: ${this.#keys[hash]}`,
    );
  }

  fetch(areNew: boolean): void {
    this.notes.push(areNew ? "fetches for new ones" : FETCHES);
  }

  storeOfKey(bytes: Uint8Array, start: number) {
    return this.stores["ab".indexOf(String.fromCharCode(bytes[start]!))] ?? null;
  }

  take(): string[] {
    return this.notes.splice(0);
  }
}

const FETCHES = "fetches";

function batch(...requests: string[]): Uint8Array {
  const output = new OutputBuffer();
  for (const request of requests) encodeRequest(output, request.split(" "));
  return output.view().slice();
}

/** Takes everything that was looked at in `bytes` from `start` on: each request's name and key, and its store. */
function takeAll(
  ahead: LookAhead<NotingStore>,
  bytes: Uint8Array,
  start: number,
  shards: NotingShards,
): string[] {
  const taken: string[] = [];
  const decoder = new RequestDecoder();
  for (let at = start; at < bytes.length;) {
    const seen = ahead.take(at);
    const next = decoder.decode(bytes, at, bytes.length);
    if (next < 0) break;
    if (seen !== null) {
      const { request } = seen;
      assertEquals([seen.end, argumentsOf(request)], [next, argumentsOf(decoder)]);
      const name = COMMAND_SPECS[seen.command]!.name;
      taken.push(`${name} ${"ab"[shards.stores.indexOf(seen.store!)]} ${shards.keyOf(seen.hash)}`);
    }
    at = next;
  }
  return taken;
}

function argumentsOf({ bytes, starts, ends, argumentCount }: Request): string[] {
  return Array.from({ length: argumentCount }, (_, i) => textOf(bytes, starts[i]!, ends[i]!));
}

Deno.test("The first keys of all whole requests are announced, then fetched; the rest is not worth a second look", () => {
  const shards = new NotingShards();
  const ahead = new LookAhead(shards, shards);
  const bytes = batch("GET a1", "SET b1 x", "PING", "NOSUCH a2", "GET", "GET c1", "MGET b2 a3", "GET a4");
  assertEquals(ahead.look(bytes, 0, bytes.length - 1), bytes.length - 1);
  assertEquals(shards.take(), ["a: a1", "b: b1", "b: b2", FETCHES]);
  assertEquals(takeAll(ahead, bytes, 0, shards), ["GET a a1", "SET b b1", "MGET b b2"]);
  assertEquals(takeAll(ahead, bytes, 0, shards), [], "each is taken once");
});

Deno.test("An incomplete request, an invalid one and a text line end the look, and leave nothing behind", () => {
  const shards = new NotingShards();
  const ahead = new LookAhead(shards, shards);
  const whole = batch("GET a1");
  for (const rest of ["*2\r\n$3\r\nGET\r\n$2\r\na", "*2\r\n:1\r\n", "GET a2\r\n"]) {
    const bytes = new Uint8Array([...whole, ...bytesOf(rest)]);
    ahead.look(bytes, 0, bytes.length);
    assertEquals(shards.take(), ["a: a1", FETCHES], rest);
    assertEquals(takeAll(ahead, bytes, 0, shards), ["GET a a1"]);
  }
});

Deno.test("A look goes no further than what the cache holds, and the next one goes on from there", () => {
  const shards = new NotingShards();
  const ahead = new LookAhead(shards, shards);
  const bytes = batch(...Array.from({ length: 40 }, (_, i) => `GET a${i}`));
  const got = ahead.look(bytes, 0, bytes.length);
  assertEquals(shards.take().slice(-2), ["a: a31", FETCHES]);
  assertEquals(takeAll(ahead, bytes, 0, shards).at(-1), "GET a a31");
  assertEquals(ahead.look(bytes, got, bytes.length), bytes.length);
  assertEquals(shards.take(), [...Array.from({ length: 8 }, (_, i) => `a: a${32 + i}`), FETCHES]);
  assertEquals(takeAll(ahead, bytes, got, shards)[0], "GET a a32");
});

Deno.test("Small stores are in the cache anyway, and a large buffer is not kept: nothing is looked at", () => {
  const shards = new NotingShards();
  const ahead = new LookAhead(shards, shards);
  const bytes = batch("GET a1", "GET a2");
  const large = new Uint8Array(READ_BUFFER_BYTES + 1);
  large.set(bytes);
  assertEquals(ahead.look(large, 0, bytes.length), bytes.length);
  for (const store of shards.stores) store.liveBytes = MIB / 4;
  assertEquals(ahead.look(bytes, 0, bytes.length), bytes.length);
  assertEquals([shards.take(), takeAll(ahead, bytes, 0, shards)], [[], []]);
});

Deno.test("What was looked at is forgotten when another batch begins, in the same bytes or not", () => {
  const shards = new NotingShards();
  const ahead = new LookAhead(shards, shards);
  const bytes = batch("GET a1", "GET a2");
  ahead.look(bytes, 0, bytes.length);
  ahead.forget();
  assertEquals(ahead.take(0), null);
});

Deno.test("A node with a large store answers batches that are cut anywhere as it answers single requests", async () => {
  const world = new NodeWorld();
  await world.start({ maxMemoryBytes: 64 * MIB, fsync: "no" });
  const client = await world.client();
  const keyCount = 20_000;
  const value = (i: number) => `${i}`.padEnd(60, "v");
  for (let i = 0; i < keyCount; i += 100) {
    await client.sendText(
      textOf(batch(...Array.from({ length: 100 }, (_, j) => `SET k${i + j} ${value(i + j)}`))),
    );
  }
  client.take();
  const expected: string[] = [];
  const requests = Array.from({ length: 200 }, () => {
    const i = world.random.u32() % (2 * keyCount);
    expected.push(i < keyCount ? `$60\r\n${value(i)}\r\n` : "$-1\r\n");
    return `GET k${i}`;
  });
  const text = textOf(batch(...requests));
  for (let at = 0; at < text.length;) {
    const end = at + 1 + world.random.u32() % 700;
    await client.sendText(text.slice(at, end));
    at = end;
  }
  assertEquals(client.take(), expected.join(""));
  await world.stop();
});
