/** The order of a client's replies at a balancer, whatever order they come in. */
import { assert, assertEquals } from "@std/assert";
import { DialectWriter, RESP2 } from "../../src/balancer/dialect.ts";
import { GatheredFlush } from "../../src/balancer/gathered_flush.ts";
import { ReplyOutbox } from "../../src/balancer/outbox.ts";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import {
  CLIENT_IN_FLIGHT_MAX,
  MIB,
  PARTIAL_FLUSH_MS,
  PARTIAL_FLUSH_PUT_OFFS,
} from "../../src/core/limits.ts";
import { MemoryView } from "../../src/core/memory.ts";
import type { Connection } from "../../src/io/network.ts";
import { WriteWatch } from "../../src/serving/client_writer.ts";
import { FaultLog } from "../../src/serving/fault_log.ts";
import { ReplyBudget } from "../../src/serving/reply_budget.ts";
import { CollectingLogger } from "../support/collecting_logger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { settle } from "../support/settle.ts";

const BUDGET_BYTES = 8 * MIB;

/** An outbox, and what was written of it, a text for each write. */
class TestOutbox {
  readonly clock = new FakeClock();
  readonly logger = new CollectingLogger();
  readonly writes: string[] = [];
  readonly outbox: ReplyOutbox;
  readonly budget = new ReplyBudget(BUDGET_BYTES);
  isDrained = false;
  isGivenUp = false;
  /** Lets the write under way be taken; while it is set, none is. */
  #takes: (() => void)[] | null = null;

  constructor() {
    const connection: Connection = {
      remote: "test",
      read: () => Promise.resolve(null),
      write: (bytes) => {
        this.writes.push(textOf(bytes, 0, bytes.length));
        if (this.#takes === null) return Promise.resolve(bytes.length);
        return new Promise((resolve) => this.#takes!.push(() => resolve(bytes.length)));
      },
      closeWrite: () => Promise.resolve(),
      close: () => {},
    };
    this.outbox = new ReplyOutbox(connection, {
      outboxDrained: () => this.isDrained = true,
      outboxFailed: () => {
        this.isGivenUp = true;
        this.outbox.close();
      },
      isSilentSince: () => false,
    }, {
      writeWatch: new WriteWatch(this.clock),
      dialects: new DialectWriter(),
      gatheredFlush: new GatheredFlush(this.clock),
      faults: new FaultLog(this.logger, this.clock),
      replyBudget: this.budget,
      longReplies: {
        single: () => {
          throw new Error("no reply is long here");
        },
      },
    });
  }

  holdWrites(): void {
    this.#takes = [];
  }

  async releaseWrites(): Promise<void> {
    const takes = this.#takes!;
    this.#takes = null;
    for (const take of takes) take();
    await settle();
  }

  open(count: number): number[] {
    return Array.from({ length: count }, () => this.outbox.open(RESP2));
  }

  answer(tag: number, text: string): void {
    const bytes = bytesOf(text);
    this.outbox.receive(tag, new MemoryView(bytes), 0, bytes.length);
  }
}

Deno.test("Replies leave in the order of the requests, in one write when all are there", async () => {
  const test = new TestOutbox();
  const [a, b, c] = test.open(3);
  test.answer(c!, "c");
  test.answer(b!, "b");
  assertEquals([test.writes, test.outbox.count], [[], 3]);
  test.answer(a!, "a");
  await settle();
  assertEquals([test.writes, test.outbox.count], [["abc"], 0]);
});

Deno.test("Requests are opened and answered on and on, while others are under way, and while a write is", async () => {
  const test = new TestOutbox();
  const random = new SeededRandom(7);
  const expected: string[] = [];
  const open: [tag: number, text: string][] = [];
  test.holdWrites();
  for (let i = 0; i < 20_000; i++) {
    if (test.outbox.isFull || (open.length > 0 && random.u32() % 2 === 0)) {
      const at = random.u32() % open.length;
      // The oldest now and then, so that it goes on.
      const [one] = open.splice(random.u32() % 4 === 0 ? 0 : at, 1);
      if (one !== undefined) test.answer(...one);
    } else {
      const text = `${i}${"x".repeat(random.u32() % 50)} `;
      expected.push(text);
      open.push([test.open(1)[0]!, text]);
    }
    if (i % 10 === 0) {
      await test.releaseWrites();
      test.clock.advance(PARTIAL_FLUSH_MS);
      test.holdWrites();
    }
  }
  for (const one of open) test.answer(...one);
  await test.releaseWrites();
  assert(test.writes.length > 100);
  assertEquals(test.writes.join(""), expected.join(""));
  assertEquals([test.outbox.isEmpty, test.isDrained], [true, true]);
});

Deno.test("What has gathered waits a little for replies that are slow, and is written without them then", async () => {
  const test = new TestOutbox();
  const [a, b] = test.open(2);
  test.answer(a!, "a");
  await settle();
  for (let i = 0; i < PARTIAL_FLUSH_PUT_OFFS; i++) {
    assertEquals(test.writes, []);
    test.clock.advance(PARTIAL_FLUSH_MS);
  }
  assertEquals(test.writes, ["a"]);
  test.answer(b!, "b");
  assertEquals(test.writes[1], undefined, "the first write is under way");
});

Deno.test("What gathers once all replies before it are written waits as long as they would have", async () => {
  const test = new TestOutbox();
  const [a, b] = test.open(2);
  test.answer(a!, "a");
  await settle();
  test.answer(b!, "b");
  await settle();
  const [c] = test.open(2);
  test.answer(c!, "c");
  await settle();
  for (let i = 0; i <= PARTIAL_FLUSH_PUT_OFFS; i++) {
    assertEquals(test.writes, ["ab"]);
    test.clock.advance(PARTIAL_FLUSH_MS);
  }
  assertEquals(test.writes, ["ab", "c"]);
});

Deno.test("All replies that are there at the end of a turn are written together, and no timer is set for that", async () => {
  const test = new TestOutbox();
  const timersBefore = test.clock.timerCount;
  const [a, b, c] = test.open(3);
  for (const tag of [a, b, c]) test.answer(tag!, "x");
  await settle();
  assertEquals([test.writes, test.clock.timerCount], [["xxx"], timersBefore]);
});

Deno.test("More requests are under way for as long as replies are short, and few when they are long", async () => {
  const test = new TestOutbox();
  const round = async (reply: string) => {
    const tags: number[] = [];
    while (!test.outbox.isFull) tags.push(test.outbox.open(RESP2));
    for (const tag of tags) test.answer(tag, reply);
    await settle();
    return tags.length;
  };
  const counts = [];
  for (let i = 0; i < 8; i++) counts.push(await round("short"));
  assertEquals(counts, [16, 32, 64, 128, 256, 512, 1_024, CLIENT_IN_FLIGHT_MAX]);
  await round("l".repeat(MIB / 256));
  assertEquals(await round("l".repeat(MIB / 256)), 256);
});

Deno.test("A reply that cannot be made is logged, and the client is told of a bug", async () => {
  const test = new TestOutbox();
  const [a, b] = test.open(2);
  const answered = test.outbox.answerLater(a!, Promise.reject(new Error("a bug")));
  test.answer(b!, "b");
  await answered;
  assertEquals(test.writes.length, 1);
  assert(/^-ERR Internal error: .*\r\nb$/.test(test.writes[0]!));
  assertEquals(test.logger.of("request failed").map(({ fields }) => `${fields.cause}`.includes("a bug")), [
    true,
  ]);
});

Deno.test("Replies to a client that is gone are dropped, in whatever order they come", () => {
  const test = new TestOutbox();
  const [a, b, c] = test.open(3);
  test.answer(b!, "b");
  test.outbox.close();
  for (const tag of [c, a]) test.answer(tag!, "late");
  assertEquals([test.writes, test.outbox.count, test.outbox.isEmpty], [[], 0, true]);
});

Deno.test("While the budget for replies is used up, a client has one request under way, when its own replies are written", async () => {
  const test = new TestOutbox();
  test.budget.take(BUDGET_BYTES);
  assertEquals(test.outbox.isFull, false);
  const [a] = test.open(1);
  assertEquals(test.outbox.isFull, true);
  test.answer(a!, "a");
  await settle();
  assertEquals([test.writes, test.outbox.isFull, test.budget.usedBytes], [["a"], false, BUDGET_BYTES]);
  test.budget.give(BUDGET_BYTES);
});

Deno.test("A client that holds the most is given up when replies that nobody could foresee are twice the budget, and leaves nothing in it", async () => {
  const test = new TestOutbox();
  test.holdWrites();
  const tags = test.open(12);
  const reply = "x".repeat(2 * MIB);
  for (const tag of tags.slice(0, 8)) test.answer(tag, reply);
  await settle();
  assertEquals(test.isGivenUp, false);
  test.answer(tags[8]!, reply);
  await settle();
  assertEquals(test.isGivenUp, true);
  for (const tag of tags.slice(9)) test.answer(tag, reply);
  await test.releaseWrites();
  assertEquals([test.budget.usedBytes, test.outbox.heldBytes], [0, 0]);
});
