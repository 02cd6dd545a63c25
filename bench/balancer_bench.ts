/**
 * What a batch of one client costs a whole balancer, without sockets: read, route, two nodes' replies put in order,
 * write. The client and the canned nodes are part of the time, and nearly free.
 *
 *     deno bench --allow-all bench/balancer_bench.ts
 */
import { bytesOf } from "../src/core/bytes.ts";
import { OutputBuffer } from "../src/core/output_buffer.ts";
import { encodeRequest } from "../src/protocol/request_encoder.ts";
import { DrivenNetwork } from "./check/driven_wire.ts";
import { startDrivenBalancer } from "./support/driven_balancer.ts";

/** Each measured call sends so many requests, at every depth, so that the times compare. */
const REQUESTS = 1_024;
const DEPTHS = [1, 16, 64];
/** Different ones, so that no branch is foretold by having been taken in the same order before. */
const BATCHES = 509;
const KEYS = 100_000;
const VALUE = "v".repeat(64);

interface Command {
  readonly name: string;
  request(key: string): string[];
  readonly reply: string;
}

const COMMANDS: readonly Command[] = [
  { name: "GET", request: (key) => ["GET", key], reply: `$64\r\n${VALUE}\r\n` },
  { name: "SET", request: (key) => ["SET", key, VALUE], reply: "+OK\r\n" },
];

const network = new DrivenNetwork();
await startDrivenBalancer(network);

function batchesOf({ request }: Command, depth: number): Uint8Array[] {
  return Array.from({ length: BATCHES }, (_, batch) => {
    const output = new OutputBuffer();
    for (let i = 0; i < depth; i++) {
      const number = (batch * depth + i) * 7919 % KEYS;
      encodeRequest(output, request(`key:${String(number).padStart(12, "0")}`));
    }
    return output.view();
  });
}

for (const command of COMMANDS) {
  for (const depth of DEPTHS) {
    const batches = batchesOf(command, depth);
    Deno.bench(`${REQUESTS} × ${command.name} through a balancer, ${depth} deep`, async () => {
      network.canned.requestBytes = batches[0]!.length / depth;
      network.canned.reply = bytesOf(command.reply);
      await network.client.run(batches, REQUESTS / depth, depth);
    });
  }
}
