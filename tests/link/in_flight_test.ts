/** The order and the bytes of unanswered requests, against a simple model. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Chunk, InFlight } from "../../src/link/in_flight.ts";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { MemoryView } from "../../src/core/memory.ts";
import { LINK_IN_FLIGHT_MAX } from "../../src/core/limits.ts";
import { assertProperty } from "../support/property.ts";

const REPLY = new MemoryView(bytesOf("+OK\r\n"));
const ATTEMPTS_MAX = 3;

interface Entry {
  readonly tag: number;
  readonly text: string;
  readonly isWrite: boolean;
  attempts: number;
  isSent: boolean;
}

type Step = { kind: "add"; isWrite: boolean; length: number } | {
  kind: "seal" | "written" | "answer" | "resend" | "lose";
};

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("add" as const), isWrite: fc.boolean(), length: fc.nat(40) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("seal" as const, "written" as const) }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("answer" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("resend" as const, "lose" as const) }) },
  ),
  { minLength: 10, maxLength: 400 },
);

Deno.test("Requests keep their order and their bytes through answers, resends and losses", () => {
  assertProperty(
    fc.property(steps, (script) => {
      const queue = new InFlight();
      const model: Entry[] = [];
      const answered: number[] = [];
      const sink = { receive: (tag: number) => answered.push(tag) };
      let writing: Chunk | null = null;
      let lastTag = 0;
      for (const step of script) {
        if (step.kind === "add") {
          const text = `<${++lastTag}${"x".repeat(step.length)}>`;
          queue.gathered.copy(bytesOf(text));
          queue.add(sink, lastTag, lastTag % 100, step.isWrite);
          model.push({ tag: lastTag, text, isWrite: step.isWrite, attempts: 0, isSent: false });
        } else if (step.kind === "seal" && queue.hasUnsent && writing === null) {
          writing = queue.seal();
          const unsent = model.filter((entry) => !entry.isSent);
          const { output, begin } = writing;
          assertEquals(
            textOf(output.bytes, begin, output.length),
            unsent.map((entry) => entry.text).join(""),
          );
          for (const entry of unsent) entry.isSent = true;
        } else if (step.kind === "written" && writing !== null) {
          queue.written(writing);
          writing = null;
        } else if (step.kind === "answer" && model[0]?.isSent === true) {
          const { tag } = model.shift()!;
          queue.answerHead(REPLY, 0, REPLY.bytes.length);
          assertEquals(answered.at(-1), tag);
        } else if (step.kind === "resend" && model[0]?.isSent === true) {
          const head = model.shift()!;
          assertEquals([queue.headAttempts, queue.headSlot], [head.attempts, head.tag % 100]);
          queue.resendHead();
          model.push({ ...head, attempts: head.attempts + 1, isSent: false });
        } else if (step.kind === "lose") {
          writing = null;
          const dropped = queue.lose(ATTEMPTS_MAX);
          const kept: Entry[] = [];
          const expected: number[] = [];
          for (const entry of model.splice(0)) {
            if (entry.isSent) entry.attempts++;
            if (entry.isSent && (entry.isWrite || entry.attempts >= ATTEMPTS_MAX)) expected.push(entry.tag);
            else kept.push({ ...entry, isSent: false });
          }
          assertEquals(dropped.map(({ tag }) => tag), expected);
          model.push(...kept);
        }
        assertEquals(queue.count, model.length);
        assertEquals(queue.hasUnsent, model.some((entry) => !entry.isSent));
      }
      queue.lose(ATTEMPTS_MAX);
      const rest = model.filter((entry) =>
        !entry.isSent || (!entry.isWrite && entry.attempts + 1 < ATTEMPTS_MAX)
      );
      assertEquals(queue.expire().map(({ tag }) => tag), rest.map(({ tag }) => tag));
      assertEquals([queue.count, queue.hasUnsent], [0, false]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("A queue is full at its bound, and not before", () => {
  const queue = new InFlight();
  const sink = { receive: () => {} };
  for (let i = 0; i < LINK_IN_FLIGHT_MAX; i++) {
    assertEquals(queue.isFull, false);
    queue.gathered.ascii("x");
    queue.add(sink, i, -1, false);
  }
  assertEquals(queue.isFull, true);
});
