/** Single requests of at most 8 MB that ask for as much as such a request can: none may hold up everybody else. */
import {
  KEY_BYTES_MAX,
  REQUEST_KEYS_MAX,
  REQUEST_NAMES_MAX,
  REQUEST_WORDS_MAX,
} from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";
import { keyOf } from "../versus/loader.ts";
import type { Deed, DeedTarget } from "./deeds.ts";

const GOAL_MS = 20;
const REQUEST_BYTES = 8 * 1024 * 1024;
const MILLION = 1_000_000;
const CLIENT_COUNT = 5_000;
/** Answered behind the request: so the end of any reply is known. */
const MARKED = new TextEncoder().encode("*2\r\n$4\r\nECHO\r\n$13\r\nstalls-marker\r\n");
const ANSWERED = new TextEncoder().encode("$13\r\nstalls-marker\r\n");

type Words = readonly (string | Uint8Array)[];

const manyKeys = Array.from({ length: REQUEST_KEYS_MAX }, (_, i) => keyOf(i * 7));
const value = new Uint8Array(64);

/** Each is run on the entries that were loaded, and leaves them as they are, or nearly so. */
export const REQUESTS: readonly Deed[] = [
  request("KEYS *", ["KEYS", "*"]),
  request("KEYS of a class of 40,000 bytes", ["KEYS", `*[${"z".repeat(40_000)}]`]),
  {
    ...request("KEYS of a pattern of 30,000 bytes that a key of 60,000 nearly matches", [
      "KEYS",
      `*${"a".repeat(30_000)}b`,
    ]),
    prepare: ({ port }) => ask(port, ["SET", "a".repeat(60_000), "v"]),
  },
  request("SCAN of all it may look at", [
    "SCAN",
    "0",
    "MATCH",
    `*${"a".repeat(30_000)}b`,
    "COUNT",
    "1000000",
  ]),
  request("RANDOMKEY", ["RANDOMKEY"]),
  request(`MSET of ${REQUEST_KEYS_MAX} keys`, ["MSET", ...manyKeys.flatMap((key) => [key, value])]),
  request(`MGET of ${REQUEST_KEYS_MAX} keys`, ["MGET", ...manyKeys]),
  request(`EXISTS of ${REQUEST_KEYS_MAX} keys`, ["EXISTS", ...manyKeys]),
  request(`DEL of ${REQUEST_KEYS_MAX} keys`, ["DEL", ...manyKeys]),
  request("DEL of a million keys, refused", ["DEL", ...filled("k")]),
  request("MSET of half a million keys, refused", ["MSET", ...filled("k")]),
  request(`COMMAND INFO of ${REQUEST_WORDS_MAX} names`, [
    "COMMAND",
    "INFO",
    ...filled("x", REQUEST_WORDS_MAX - 2),
  ]),
  request("COMMAND DOCS of 200,000 times GET", ["COMMAND", "DOCS", ...filled("get", 200_000)]),
  request(`CONFIG GET of ${REQUEST_NAMES_MAX} long patterns`, [
    ...["CONFIG", "GET"],
    ...filled(`*${"a".repeat(KEY_BYTES_MAX - 2)}b`, REQUEST_NAMES_MAX),
  ]),
  request("CONFIG GET of a million patterns, refused", ["CONFIG", "GET", ...filled("*")]),
  request("INFO of a million words, refused", ["INFO", ...filled("x")]),
  request(`EXPIRE with ${REQUEST_WORDS_MAX} options`, [
    "EXPIRE",
    "k",
    "100",
    ...filled("GT", REQUEST_WORDS_MAX - 3),
  ]),
  request("SET with many options", ["SET", "k", "v", ...filled("KEEPTTL", REQUEST_WORDS_MAX - 3)]),
  request("HELLO with many names", ["HELLO", "2", ...filled("SETNAME", REQUEST_WORDS_MAX - 2)]),
  request("an unknown command with a million words", filled("x")),
  request("SET of 8 MB", ["SET", "k", new Uint8Array(REQUEST_BYTES)]),
  request("GET of 8 MB", ["GET", "k"]),
  request("INCRBYFLOAT of 8 MB", ["INCRBYFLOAT", "f", "1".repeat(REQUEST_BYTES)]),
  {
    name: `CLIENT LIST of ${CLIENT_COUNT} clients`,
    goalMs: GOAL_MS,
    prepare: connectMany,
    run: async ({ port }) => {
      await ask(port, ["CLIENT", "LIST"]);
      for (const connection of connections.splice(0)) connection.close();
    },
  },
];

const connections: Deno.TcpConn[] = [];

async function connectMany({ port }: DeedTarget): Promise<void> {
  while (connections.length < CLIENT_COUNT) {
    connections.push(await Deno.connect({ hostname: "127.0.0.1", port }));
  }
}

/** `word`, a million times. */
function filled(word: string, count = MILLION): string[] {
  return Array.from({ length: count }, () => word);
}

/** A request alone on a connection of its own, laid out before it is watched. */
function request(name: string, words: Words): Deed {
  return { name, goalMs: GOAL_MS, run: ({ port }) => ask(port, words) };
}

/** Sends a request and takes its reply, whatever it is, without looking at it. */
async function ask(port: number, words: Words): Promise<void> {
  const output = new OutputBuffer(1024);
  encodeRequest(output, words);
  output.copy(MARKED);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    const sent = writeAll(connection, output.view());
    const buffer = new Uint8Array(256 * 1024);
    let kept = 0;
    // The end of what came before stays in front, in case the marker is cut.
    while (!endsWithMarker(buffer, kept)) {
      const from = Math.min(kept, ANSWERED.length);
      buffer.copyWithin(0, kept - from, kept);
      const count = await connection.read(buffer.subarray(from));
      if (count === null) {
        throw new Error(`Cannot go on: the node closed the connection of ${String(words[0])}`);
      }
      kept = from + count;
    }
    await sent;
  } finally {
    connection.close();
  }
}

function endsWithMarker(buffer: Uint8Array, length: number): boolean {
  const start = length - ANSWERED.length;
  return start >= 0 && ANSWERED.every((byte, i) => buffer[start + i] === byte);
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
