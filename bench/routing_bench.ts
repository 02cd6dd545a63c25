/** What one request costs a balancer, without sockets: its slot, its route, its reply. */
import { InFlight } from "../src/link/in_flight.ts";
import { GatheredFlush } from "../src/balancer/gathered_flush.ts";
import { ReplyOutbox } from "../src/balancer/outbox.ts";
import { DialectWriter, RESP2 } from "../src/balancer/dialect.ts";
import { bytesOf } from "../src/core/bytes.ts";
import { DenoClock } from "../src/io/deno_clock.ts";
import type { Connection } from "../src/io/network.ts";
import { WriteWatch } from "../src/serving/client_writer.ts";
import { ReplyBudget } from "../src/serving/reply_budget.ts";
import { FaultLog } from "../src/serving/fault_log.ts";
import { MemoryView } from "../src/core/memory.ts";
import { ReplyScanner } from "../src/protocol/reply_scanner.ts";
import { RequestDecoder } from "../src/protocol/request_decoder.ts";
import { findCommand } from "../src/protocol/command_table.ts";
import { slotOfKey } from "../src/core/slot.ts";

const COUNT = 1_000;
const keys = Array.from({ length: COUNT }, (_, i) => bytesOf(`key:${String(i).padStart(12, "0")}`));
const value = "x".repeat(64);
const requests = bytesOf(
  keys.map((key) =>
    `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${new TextDecoder().decode(key)}\r\n$64\r\n${value}\r\n`
  ).join(""),
);
const replies = bytesOf(`$64\r\n${value}\r\n`.repeat(COUNT));
const OK = new MemoryView(bytesOf("+OK\r\n"));

Deno.bench(`${COUNT} × slot of a key of 16 bytes`, () => {
  for (const key of keys) slotOfKey(key, 0, key.length);
});

Deno.bench(`${COUNT} × scan a reply of 64 bytes`, () => {
  const scanner = new ReplyScanner();
  for (let at = 0; at < replies.length;) at = scanner.scan(replies, at, replies.length);
});

const clock = new DenoClock();
const logger = { debug() {}, info() {}, warn() {}, error() {} };
/** Takes every write. */
const connection: Connection = {
  remote: "bench",
  read: () => Promise.resolve(null),
  write: ({ length }) => Promise.resolve(length),
  closeWrite: () => Promise.resolve(),
  close: () => {},
};
const outbox = new ReplyOutbox(connection, {
  outboxDrained() {},
  outboxFailed() {},
  isSilentSince: () => false,
}, {
  writeWatch: new WriteWatch(clock),
  dialects: new DialectWriter(),
  gatheredFlush: new GatheredFlush(clock),
  faults: new FaultLog(logger, clock),
  replyBudget: new ReplyBudget(),
  longReplies: {
    single: () => {
      throw new Error("no reply is long here");
    },
  },
});
const queue = new InFlight();
let nextNumber = 0;
const source = new MemoryView(requests);
const decoder = new RequestDecoder();

Deno.bench(`${COUNT} × decode, route and answer a SET`, async () => {
  for (let at = 0; at < requests.length;) {
    const end = decoder.decode(requests, at, requests.length);
    findCommand(decoder.bytes, decoder.starts[0]!, decoder.ends[0]!);
    const slot = slotOfKey(decoder.bytes, decoder.starts[1]!, decoder.ends[1]!);
    const tag = outbox.open(RESP2);
    queue.gathered.append(source, at, end);
    queue.add(outbox, tag, slot, true);
    at = end;
  }
  queue.written(queue.seal());
  for (let i = 0; i < COUNT; i++) queue.answer(nextNumber++, OK, 0, OK.bytes.length);
  await Promise.resolve(); // the write is taken
});
