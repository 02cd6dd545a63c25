/**
 * What the log's parts cost: encoding a record, handing a batch to the system, reading records back. Each
 * iteration is 1,000 records of 16 + 64 bytes, so microseconds an iteration are nanoseconds a record.
 *
 *     deno bench --allow-read --allow-write bench/persistence_bench.ts
 */
import { randomUuid } from "../src/core/random.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { KIND_SET, Mutation } from "../src/core/mutation.ts";
import { OutputBuffer } from "../src/core/output_buffer.ts";
import { DenoClock, SystemRandom } from "../src/io/deno_clock.ts";
import { DenoDisk } from "../src/io/deno_disk.ts";
import { type FsyncPolicy, Log } from "../src/persistence/log.ts";
import { decodeRecord, encodeRecord } from "../src/persistence/record.ts";

const RECORDS = 1_000;
const mutation = new Mutation();
mutation.kind = KIND_SET;
mutation.shard = mutation.epoch = 1;
mutation.setKey(new Uint8Array(16).fill(0x6b), 0, 16);
mutation.setValue(new Uint8Array(64).fill(0x76), 0, 64);
const output = new OutputBuffer(1 << 20);
const decoded = new Mutation();
const folder = await Deno.makeTempDir({ prefix: "roundel_bench_" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

async function newLog(policy: FsyncPolicy): Promise<Log> {
  const directory = `${folder}/${policy}`;
  await Deno.mkdir(directory);
  return await Log.create({
    random: new SystemRandom(),
    marks: { rolled: () => Promise.resolve(), stopped: () => Promise.resolve() },
    disk: new DenoDisk(),
    clock: new DenoClock(),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    directory,
    identity: randomUuid(new SeededRandom(1)),
    policy,
  });
}

function encodeAll(): void {
  output.clear();
  for (let i = 0; i < RECORDS; i++) {
    mutation.sequence++;
    encodeRecord(output, mutation);
  }
}

async function appendAll(log: Log): Promise<void> {
  for (let i = 0; i < RECORDS; i++) {
    mutation.sequence++;
    log.append(mutation);
    log.endRequest();
  }
  await log.whenCommitted(log.appended);
  await log.removeBefore(log.committedPosition);
}

const logs = { always: await newLog("always"), no: await newLog("no") };

Deno.bench(`${RECORDS} × encode a set`, encodeAll);

Deno.bench(`${RECORDS} × decode a set`, (b) => {
  encodeAll();
  b.start();
  for (let at = 0; at < output.length;) at = decodeRecord(decoded, output.bytes, at, output.length);
  b.end();
});

Deno.bench(
  `${RECORDS} × append a set, one commit, handed to the system`,
  async () => await appendAll(logs.no),
);

Deno.bench(`${RECORDS} × append a set, one commit, synced`, async () => await appendAll(logs.always));

Deno.bench("append one set and commit it, synced", async () => {
  mutation.sequence++;
  logs.always.append(mutation);
  logs.always.endRequest();
  await logs.always.whenCommitted(logs.always.appended);
});
