/**
 * Fills a server with entries 0 … n−1, whose keys are those that `redis-benchmark` draws from with `-r n`:
 * `key:` and twelve digits. Values are noise, so that no server gains by compressing them. Pipelined, and quick:
 * a batch is laid out once, and only digits and values change from one to the next.
 */
import { SeededRandom } from "../../tests/support/seeded_random.ts";

export const KEY_BYTES = 16;

export interface Filling {
  readonly port: number;
  readonly entryCount: number;
  readonly valueBytes: number;
  readonly protocol: "redis" | "memcached";
}

const BATCH_BYTES = 256 * 1024;
const BATCH_ENTRIES_MAX = 512;
const KEY_PREFIX = "key:";
const KEY_DIGITS = 12;
const SEED = 1;

interface Layout {
  /** One request, with the key's digits and the value to be filled in. */
  readonly bytes: Uint8Array;
  readonly digitsAt: number;
  readonly valueAt: number;
  readonly reply: string;
}

/** The key of entry `i`. */
export function keyOf(i: number): string {
  return KEY_PREFIX + String(i).padStart(KEY_DIGITS, "0");
}

/** Rejects when the server refuses an entry. */
export async function fill(filling: Filling): Promise<void> {
  const { port, entryCount, valueBytes } = filling;
  const layout = layoutOf(filling);
  const { length } = layout.bytes;
  const perBatch = Math.max(1, Math.min(BATCH_ENTRIES_MAX, Math.floor(BATCH_BYTES / length)));
  const batch = new Uint8Array(perBatch * length);
  for (let i = 0; i < perBatch; i++) batch.set(layout.bytes, i * length);
  const noise = noiseOf(valueBytes + 4096);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    for (let first = 0; first < entryCount; first += perBatch) {
      const count = Math.min(perBatch, entryCount - first);
      for (let i = 0; i < count; i++) {
        const offset = i * length;
        writeDigits(batch, offset + layout.digitsAt, first + i);
        const noiseAt = (first + i) % 4096;
        batch.set(noise.subarray(noiseAt, noiseAt + valueBytes), offset + layout.valueAt);
      }
      await Promise.all([
        writeAll(connection, batch.subarray(0, count * length)),
        readReplies(connection, count * layout.reply.length, layout.reply[0]!),
      ]);
    }
  } finally {
    connection.close();
  }
}

function layoutOf({ protocol, valueBytes }: Filling): Layout {
  const key = keyOf(0);
  const value = "v".repeat(valueBytes);
  const head = protocol === "redis"
    ? `*3\r\n$3\r\nSET\r\n$${KEY_BYTES}\r\n${key}\r\n$${valueBytes}\r\n`
    : `set ${key} 0 0 ${valueBytes}\r\n`;
  return {
    bytes: new TextEncoder().encode(`${head}${value}\r\n`),
    digitsAt: head.indexOf(KEY_PREFIX) + KEY_PREFIX.length,
    valueAt: head.length,
    reply: protocol === "redis" ? "+OK\r\n" : "STORED\r\n",
  };
}

/** Bytes without line ends, so that they may stand in any protocol. */
function noiseOf(length: number): Uint8Array {
  const random = new SeededRandom(SEED);
  return Uint8Array.from({ length }, () => 0x20 + random.u32() % 0x5f);
}

function writeDigits(bytes: Uint8Array, at: number, number: number): void {
  for (let digit = KEY_DIGITS - 1; digit >= 0; digit--) {
    bytes[at + digit] = 0x30 + number % 10;
    number = Math.floor(number / 10);
  }
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** All replies are alike, so that they can be counted by their bytes. */
async function readReplies(connection: Deno.TcpConn, byteCount: number, first: string): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  for (let seen = 0; seen < byteCount;) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error("Cannot fill: the server closed the connection");
    const text = new TextDecoder().decode(buffer.subarray(0, count));
    if (seen === 0 && !text.startsWith(first) || /^(-|SERVER_ERROR|ERROR)/m.test(text)) {
      throw new Error(`Cannot fill: the server answers ${text.slice(0, 200)}`);
    }
    seen += count;
  }
}
