/**
 * What bad clients do, each kind for some seconds against one address. Every kind has bounds for its connections,
 * bytes and keys: the keys of all kinds together fit into a node several times over, so that nothing of others is
 * evicted for them.
 */
import { bytesOf } from "../../src/core/bytes.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { type Random, randomBelow } from "../../src/core/random.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";

export interface Attack {
  readonly host: string;
  readonly port: number;
  readonly random: Random;
  readonly untilMs: number;
}

type Bytes = Uint8Array<ArrayBuffer>;

const KEY_COUNT = 1_000;
const BIG_BYTES = 12 * 1024 * 1024;

export const TRAFFIC: Readonly<Record<string, (attack: Attack) => Promise<void>>> = {
  garbage: (attack) => inParallel(8, attack, () => exchange(attack, garbage(attack.random))),
  mutated: (attack) => inParallel(8, attack, () => exchange(attack, mutated(attack.random))),
  "slow-senders": slowSenders,
  "never-readers": neverReaders,
  "slow-readers": slowReaders,
  takers: takers,
  flood: (attack) => inParallel(300, attack, () => knock(attack)),
  idle: idle,
  pipelines: (attack) => inParallel(3, attack, () => exchange(attack, pipeline(attack.random))),
  giants: (attack) => inParallel(2, attack, () => exchange(attack, giant(attack.random))),
};

/** Runs `act` again and again in `count` loops; what fails for one is nobody's matter. */
async function inParallel(count: number, { untilMs }: Attack, act: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, async () => {
    while (performance.now() < untilMs) {
      await act().catch(() => {});
      await sleep(5);
    }
  }));
}

async function connect({ host, port }: Attack): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname: host, port });
}

/** Sends `bytes`, reads what comes until it ends or nothing comes for a while, and closes. */
async function exchange(attack: Attack, bytes: Bytes): Promise<void> {
  const connection = await connect(attack);
  const msLeft = Math.max(0, attack.untilMs - performance.now());
  const timer = setTimeout(() => close(connection), Math.min(3_000, msLeft));
  try {
    const sending = writeAll(connection, bytes).then(() => connection.closeWrite());
    sending.catch(() => {});
    const buffer = new Uint8Array(64 * 1024);
    while (await connection.read(buffer) !== null);
    await sending;
  } finally {
    clearTimeout(timer);
    close(connection);
  }
}

function garbage(random: Random): Bytes {
  const bytes = Uint8Array.from({ length: 1 + randomBelow(random, 5_000) }, () => random.u32());
  if (randomBelow(random, 3) > 0) bytes[0] = randomBelow(random, 2) === 0 ? 0x2a : 0x41;
  return bytes;
}

/** Some valid requests, with a few bytes flipped, left out, doubled, or all the rest cut off. */
function mutated(random: Random): Bytes {
  const output = new OutputBuffer();
  const count = 1 + randomBelow(random, 30);
  for (let i = 0; i < count; i++) {
    if (randomBelow(random, 4) === 0) output.ascii(`${validRequest(random).join(" ")}\n`);
    else encodeRequest(output, validRequest(random));
  }
  let bytes = output.view().slice();
  for (let changes = 1 + randomBelow(random, 4); changes > 0 && bytes.length > 0; changes--) {
    const at = randomBelow(random, bytes.length);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (randomBelow(random, 4)) {
      case 0:
        bytes[at]! ^= 1 << randomBelow(random, 8);
        break;
      case 1:
        bytes = joined(before, after.subarray(1));
        break;
      case 2:
        bytes = joined(before, after.subarray(0, 8), after);
        break;
      case 3:
        if (randomBelow(random, 4) === 0) bytes = before.slice();
    }
  }
  return bytes;
}

function validRequest(random: Random): string[] {
  const key = () => `bad:${randomBelow(random, KEY_COUNT)}`;
  const number = () => String(randomBelow(random, 1 << 20) - 1000);
  const requests: (() => string[])[] = [
    () => ["SET", key(), number()],
    () => ["SET", key(), "x".repeat(randomBelow(random, 3_000)), "EX", "100"],
    () => ["GET", key()],
    () => ["MGET", key(), key(), key()],
    () => ["MSET", key(), "1", key(), "2"],
    () => ["DEL", key(), key()],
    () => ["INCRBY", key(), number()],
    () => ["APPEND", key(), "tail"],
    () => ["SETRANGE", key(), String(randomBelow(random, 5_000)), "mid"],
    () => ["GETRANGE", key(), number(), number()],
    () => ["EXPIRE", key(), "100"],
    () => ["PERSIST", key()],
    () => ["TYPE", key()],
    () => ["SCAN", "0", "MATCH", "bad:1*", "COUNT", "50"],
    () => ["KEYS", "bad:99*"],
    () => ["INFO"],
    () => ["COMMAND", "DOCS", "get"],
    () => ["CLIENT", "LIST"],
    () => ["CLUSTER", "SHARDS"],
    () => ["CONFIG", "GET", "max*"],
    () => ["HELLO", "3"],
    () => ["RANDOMKEY"],
    () => ["ROUNDEL", "IDENTITY"],
    () => ["ROUNDEL", "TOPOLOGY", '{"version":9007199254740991}'],
  ];
  return requests[randomBelow(random, requests.length)]!();
}

/** Requests in such numbers that their replies are many megabytes, all of which is read. */
function pipeline(random: Random): Bytes {
  const output = new OutputBuffer();
  const count = 20_000 + randomBelow(random, 80_000);
  for (let i = 0; i < count; i++) {
    const key = `bad:${randomBelow(random, KEY_COUNT)}`;
    if (i % 4 === 0) encodeRequest(output, ["SET", key, `${i}`]);
    else encodeRequest(output, ["GET", key]);
  }
  return output.view().slice();
}

/** One request that is too much in one way. */
function giant(random: Random): Bytes {
  const z = (length: number) => "z".repeat(length);
  const times = (count: number, word: string) => Array.from({ length: count }, () => word);
  const giants: (() => string[] | string)[] = [
    () => `CONFIG GET ${z(40_000)}\n`,
    () => ["CONFIG", "GET", `*[${z(40_000)}]`],
    () => ["EXPIRE", "bad:1", "100", z(65_530)],
    () => ["KEYS", `*[${z(40_000)}]`],
    () => ["KEYS", "*".repeat(30_000) + "y"],
    () => ["SCAN", "0", "MATCH", `*[${z(60_000)}]`, "COUNT", "100000"],
    () => ["COMMAND", "INFO", ...times(200_000, "get")],
    () => ["COMMAND", "DOCS", ...times(50_000, "set")],
    () => ["INFO", ...times(200_000, "memory")],
    () => ["MGET", ...times(300_000, "bad:1")],
    () => ["EXISTS", ...times(300_000, "bad:2")],
    () => ["DEL", ...Array.from({ length: 300_000 }, (_, i) => `bad:no:${i}`)],
    () => ["SET", z(65_536), "1"],
    () => ["SET", "bad:big", z(BIG_BYTES)],
    () => ["CLIENT", "SETNAME", z(100_000)],
    () => [z(1_000_000), "x"],
    () => `*1048577\r\n`,
    () => `*3\r\n$3\r\nSET\r\n$7\r\nbad:big\r\n$99999999999\r\n`,
    () => `${z(70_000)}\n`,
    () => "PING\r\n".repeat(100_000),
  ];
  const chosen = giants[randomBelow(random, giants.length)]!();
  if (typeof chosen === "string") return bytesOf(chosen);
  const output = new OutputBuffer();
  encodeRequest(output, chosen);
  return output.view().slice();
}

/** Many connections with a request that never gets whole; some a byte now and then, some all but its end at once. */
async function slowSenders(attack: Attack): Promise<void> {
  const almost = new Uint8Array(8 * 1024 * 1024).fill(0x78);
  await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const connection = await connect(attack).catch(() => null);
    if (connection === null) return;
    try {
      if (i % 4 === 0) {
        await writeAll(
          connection,
          bytesOf(`*3\r\n$3\r\nSET\r\n$8\r\nbad:slow\r\n$${almost.length + 10}\r\n`),
        );
        await within(attack, writeAll(connection, almost));
        await sleep(attack.untilMs - performance.now());
      }
      const request = bytesOf(`*3\r\n$3\r\nSET\r\n$8\r\nbad:slow\r\n$500\r\n${"x".repeat(500)}`);
      for (let at = 0; performance.now() < attack.untilMs; at = (at + 1) % request.length) {
        await writeAll(connection, request.slice(at, at + 1));
        await sleep(100);
      }
    } catch {
      // Dropped, as it should be.
    } finally {
      close(connection);
    }
  }));
}

/** A few bytes that ask for very much, and nobody who takes it. */
async function neverReaders(attack: Attack): Promise<void> {
  await exchange(attack, encoded(["SET", "bad:big", "x".repeat(BIG_BYTES)])).catch(() => {});
  const greedy = encoded(
    ...Array.from({ length: 16 }, () => ["MGET", ...Array.from({ length: 20 }, () => "bad:big")]),
  );
  const everything = encoded(...Array.from({ length: 16 }, () => ["KEYS", "*"]));
  await Promise.all(Array.from({ length: 12 }, async (_, i) => {
    const connection = await connect(attack).catch(() => null);
    if (connection === null) return;
    await writeAll(connection, i % 3 === 0 ? everything : greedy).catch(() => {});
    await sleep(attack.untilMs - performance.now());
    close(connection);
  }));
}

/** As they ask for much, and take a little of it now and then. */
async function slowReaders(attack: Attack): Promise<void> {
  await exchange(attack, encoded(["SET", "bad:big", "x".repeat(BIG_BYTES)])).catch(() => {});
  const greedy = encoded(...Array.from({ length: 200 }, () => ["GET", "bad:big"]));
  await Promise.all(Array.from({ length: 12 }, async () => {
    const connection = await connect(attack).catch(() => null);
    if (connection === null) return;
    try {
      await writeAll(connection, greedy);
      const buffer = new Uint8Array(4 * 1024);
      while (performance.now() < attack.untilMs && await within(attack, connection.read(buffer)) !== null) {
        await sleep(20);
      }
    } catch {
      // Dropped, as it should be.
    } finally {
      close(connection);
    }
  }));
}

/** Large replies, all of which are read, so that at any moment some of them are on their way. */
async function takers(attack: Attack): Promise<void> {
  await exchange(attack, encoded(["SET", "bad:taken", "x".repeat(1024 * 1024)]));
  const request = encoded(...Array.from({ length: 100 }, () => ["GET", "bad:taken"]));
  await inParallel(3, attack, () => exchange(attack, request));
}

/** Comes and goes, with or without a word. */
async function knock(attack: Attack): Promise<void> {
  const connection = await connect(attack);
  try {
    if (randomBelow(attack.random, 2) === 0) await writeAll(connection, bytesOf("PING\n"));
  } finally {
    close(connection);
  }
}

/** 1,500 connections that say nothing, or half a word. */
async function idle(attack: Attack): Promise<void> {
  const connections: Deno.TcpConn[] = [];
  while (connections.length < 1_500 && performance.now() < attack.untilMs) {
    const connection = await connect(attack).catch(() => null);
    if (connection === null) {
      await sleep(50);
      continue;
    }
    connections.push(connection);
    if (connections.length % 3 === 0) await writeAll(connection, bytesOf("*2\r\n$3\r\nGE")).catch(() => {});
  }
  await sleep(attack.untilMs - performance.now());
  for (const connection of connections) close(connection);
}

function encoded(...requests: readonly (readonly string[])[]): Bytes {
  const output = new OutputBuffer();
  for (const request of requests) encodeRequest(output, request);
  return output.view().slice();
}

function joined(...parts: readonly Uint8Array[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

async function writeAll(connection: Deno.TcpConn, bytes: Bytes): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** What `work` brings, or `null` when the time is over before. */
async function within<T>({ untilMs }: Attack, work: Promise<T>): Promise<T | null> {
  return await Promise.race([work, sleep(untilMs - performance.now()).then(() => null)]);
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
