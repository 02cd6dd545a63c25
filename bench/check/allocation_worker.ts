/**
 * Measures what a request leaves on the heap, in a process of its own: `--expose-gc`, and a young generation large
 * enough that nothing is collected while a round runs. The server is the real one, whole, between a driven client
 * and, for a balancer, canned nodes; a node's log is on the real disk, without syncs, a write a batch.
 *
 * Prints JSON: bytes a batch, by command and depth.
 */
import { bytesOf } from "../../src/core/bytes.ts";
import { MIB } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { DenoDisk } from "../../src/io/deno_disk.ts";
import { NodeServer } from "../../src/node/node_server.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";
import { CollectingLogger } from "../../tests/support/collecting_logger.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { startDrivenBalancer } from "../support/driven_balancer.ts";
import { DrivenNetwork } from "./driven_wire.ts";

/** Enough for the optimizing compiler to be done with the path. */
const WARM_UP_BATCHES = 3_000;
const ROUND_BATCHES = 500;
const ROUNDS = 7;
const VALUE = "v".repeat(64);
const KEYS = 16_384;

declare const gc: () => void;

interface Command {
  readonly name: "SET" | "GET" | "INCR";
  request(key: string): string[];
  /** What a canned node says. */
  readonly reply: string;
}

const COMMANDS: readonly Command[] = [
  { name: "SET", request: (key) => ["SET", `s${key}`, VALUE], reply: "+OK\r\n" },
  { name: "GET", request: (key) => ["GET", `s${key}`], reply: `$64\r\n${VALUE}\r\n` },
  { name: "INCR", request: (key) => ["INCR", `i${key}`], reply: ":12345\r\n" },
];

/** `depth` requests for keys of 16 bytes that spread over the slots. */
function batchOf(command: Command, depth: number): Uint8Array {
  const output = new OutputBuffer();
  for (let i = 0; i < depth; i++) {
    encodeRequest(output, command.request(String((i * 7919) % KEYS).padStart(15, "0")));
  }
  return output.bytes.slice(0, output.length);
}

function heapBytes(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Bytes that one batch leaves: the median of the rounds, since compiling and collecting disturb single ones. */
async function bytesPerBatch(network: DrivenNetwork, batch: Uint8Array, depth: number): Promise<number> {
  const { client } = network;
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    gc();
    const before = heapBytes();
    await client.run([batch], ROUND_BATCHES, depth);
    rounds.push((heapBytes() - before) / ROUND_BATCHES);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >>> 1]!;
}

const logger = new CollectingLogger();

async function startNode(network: DrivenNetwork, folder: string): Promise<() => Promise<void>> {
  const server = await NodeServer.start({
    host: "127.0.0.1",
    port: 8081,
    dataDir: folder,
    maxMemoryBytes: 64 * MIB,
    fsync: "no",
    standalone: true,
    dumpIntervalMs: 0,
    dumpLogBytes: 0,
    clientStallMs: 60_000,
    clientCountMax: 100,
  }, {
    clock: new FakeClock(),
    network,
    disk: new DenoDisk(),
    random: new SeededRandom(1),
    process: {
      pid: 1,
      denoVersion: "",
      os: "",
      residentBytes: () => 0,
      bootId: null,
      abort: () => Deno.exit(1),
    },
    logger,
  });
  return () => server.stop();
}

async function startBalancer(network: DrivenNetwork): Promise<() => Promise<void>> {
  const balancer = await startDrivenBalancer(network);
  return () => balancer.stop();
}

const [role, folder, ...depths] = Deno.args;
const network = new DrivenNetwork();
const stop = role === "node" ? await startNode(network, folder!) : await startBalancer(network);

/** Runs `use` with every command at every depth; what it says, by command. */
async function forEach<T>(
  use: (batch: Uint8Array, depth: number) => Promise<T>,
): Promise<Record<string, T[]>> {
  const results: Record<string, T[]> = {};
  for (const command of COMMANDS) {
    results[command.name] = [];
    for (const depth of depths.map(Number)) {
      const batch = batchOf(command, depth);
      network.canned.requestBytes = batch.length / depth;
      network.canned.reply = bytesOf(command.reply);
      results[command.name]!.push(await use(batch, depth));
    }
  }
  return results;
}

// All before any is measured, so that the code is what it will be when it has seen everything.
await forEach((batch, depth) => network.client.run([batch], WARM_UP_BATCHES, depth));
console.log(JSON.stringify(await forEach((batch, depth) => bytesPerBatch(network, batch, depth))));
await stop();
Deno.exit(0);
