/** What is looked up and fetched for a batch before it runs. */
import { assertEquals } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { MIB } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { DecodedRequest } from "../../src/node/decoded_request.ts";
import { Prefetch } from "../../src/node/prefetch.ts";
import { COMMAND_SPECS } from "../../src/protocol/command_specs.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";
import type { Fetchable } from "../../src/store/prefetcher.ts";
import type { ShardCopy } from "../../src/node/shard_copy.ts";
import type { Store } from "../../src/store/store.ts";
import { TestStore } from "../store/store_fixture.ts";
import { NodeWorld } from "./node_world.ts";

/** Two stores, by the first byte of a key, and a prefetcher that notes what is announced and when it is fetched. */
class NotingShards {
  readonly notes: string[] = [];
  readonly #keys: string[] = [];
  liveBytes = 2 * MIB;
  readonly #own = Array.from({ length: 2 }, () => ({ store: this.#store() }) as ShardCopy);

  get stores(): Store[] {
    return this.#own.map(({ store }) => store);
  }

  announce(store: Fetchable, hash: number): void {
    this.notes.push(`${this.#nameOf(store)}: ${this.#keys[hash]}`);
  }

  fetch(areNew: boolean): void {
    this.notes.push(areNew ? "fetches for new ones" : FETCHES);
  }

  shardOfKey(bytes: Uint8Array, start: number): ShardCopy | null {
    return this.#own["ab".indexOf(String.fromCharCode(bytes[start]!))] ?? null;
  }

  /** What was found out about a request. */
  describe({ command, shard, hash }: DecodedRequest): string {
    const name = COMMAND_SPECS[command]?.name ?? "none";
    return shard === null ? name : `${name} ${this.#nameOf(shard.store.fetchable)} ${this.#keys[hash]}`;
  }

  #nameOf(store: Fetchable): string {
    return "ab"[this.#own.findIndex(({ store: { fetchable } }) => fetchable === store)]!;
  }

  #store(): Store {
    const { store } = new TestStore(100);
    const liveBytes = () => this.liveBytes;
    Object.defineProperty(store, "liveBytes", { get: liveBytes });
    store.hashOf = (bytes, start, end) => this.#keys.push(textOf(bytes, start, end)) - 1;
    return store;
  }
}

const FETCHES = "fetches";

function batch(...requests: string[]): Uint8Array {
  const output = new OutputBuffer();
  for (const request of requests) encodeRequest(output, request.split(" "));
  return output.view().slice();
}

/** `requests`, decoded. */
function decoded(...requests: string[]): DecodedRequest[] {
  return requests.map((request) => {
    const one = new DecodedRequest();
    const bytes = bytesOf(`${request}\n`);
    one.request.decode(bytes, 0, bytes.length);
    return one;
  });
}

Deno.test("Commands and first keys of a batch are looked up, and the keys that are here are fetched together", () => {
  const shards = new NotingShards();
  const requests = decoded(
    "GET a1",
    "SET b1 x",
    "PING",
    "NOSUCH a2",
    "GET",
    "GET c1",
    "MGET b2 a3",
    "GET a4",
  );
  new Prefetch(shards, shards).run(requests, 7);
  assertEquals(shards.notes, ["a: a1", "b: b1", "b: b2", FETCHES]);
  assertEquals(requests.slice(0, 7).map((one) => shards.describe(one)), [
    "GET a a1",
    "SET b b1",
    "PING",
    "none",
    "GET",
    "GET",
    "MGET b b2",
  ]);
});

Deno.test("A single request, and small stores, which are in the cache anyway, are looked up and not fetched for", () => {
  const shards = new NotingShards();
  const requests = decoded("GET a1", "GET a2");
  const prefetch = new Prefetch(shards, shards);
  prefetch.run(requests, 1);
  shards.liveBytes = MIB / 4;
  prefetch.run(requests, 2);
  assertEquals(shards.notes, []);
  assertEquals(requests.map((one) => shards.describe(one)), ["GET a a1", "GET a a2"]);
});

Deno.test("The keys of one request are fetched some tens at a time", () => {
  const shards = new NotingShards();
  const prefetch = new Prefetch(shards, shards);
  const { stores: [store] } = shards;
  const key = bytesOf("a1");
  for (let i = 0; i < 65; i++) prefetch.announce(store!, key, 0, key.length);
  prefetch.fetchAnnounced();
  const announced = (count: number) => Array.from({ length: count }, () => "a: a1");
  assertEquals(shards.notes, [...announced(64), FETCHES, ...announced(1), FETCHES]);
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
