/** The numbers, the order and the bytes of unanswered requests, against a simple model. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { LINK_IN_FLIGHT_MAX } from "../../src/core/limits.ts";
import { MemoryView } from "../../src/core/memory.ts";
import { assertProperty } from "../support/property.ts";
import { type Chunk, InFlight, type ReturnedRequest } from "../../src/link/in_flight.ts";

const REPLY = new MemoryView(bytesOf("+OK\r\n"));

interface Entry {
  readonly tag: number;
  readonly text: string;
  readonly isWrite: boolean;
  attempts: number;
  isSent: boolean;
  number: number;
  isWatched: boolean;
}

type Step =
  | { kind: "add"; isWrite: boolean; length: number }
  | { kind: "seal" | "written" | "lose" | "watch" }
  | { kind: "answer" | "giveBack"; which: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("add" as const), isWrite: fc.boolean(), length: fc.nat(40) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("seal" as const, "written" as const) }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("answer" as const), which: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("giveBack" as const), which: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("lose" as const, "watch" as const) }) },
  ),
  { minLength: 10, maxLength: 400 },
);

function seen({ sink: _, source, start, end, ...rest }: ReturnedRequest) {
  return { ...rest, text: textOf(source.bytes, start, end) };
}

function expectedOf({ tag, number, text, isWrite, attempts, isSent }: Entry) {
  return { tag, number, text, isWrite, isSent, route: tag % 100, attempts: attempts + (isSent ? 1 : 0) };
}

Deno.test("Requests keep their numbers and bytes through answers in any order, returns and losses", () => {
  assertProperty(
    fc.property(steps, (script) => {
      const requests = new InFlight();
      let model: Entry[] = [];
      let nextNumber = 0;
      let lastTag = 0;
      let writing: Chunk | null = null;
      let watchesEnded = 0;
      let watchesBegun = 0;
      const answered: number[] = [];
      const sink = { receive: (tag: number) => answered.push(tag), tooLong: () => {} };
      const addAgain = (request: ReturnedRequest) => {
        requests.addReturned(request);
        const { tag, isWrite, attempts, text } = seen(request);
        model.push({ tag, text, isWrite, attempts, isSent: false, number: nextNumber++, isWatched: false });
      };
      for (const step of script) {
        if (step.kind === "add") {
          const text = `<${++lastTag}${"x".repeat(step.length)}>`;
          requests.gathered.copy(bytesOf(text));
          requests.add(sink, lastTag, lastTag % 100, step.isWrite);
          const entry = { tag: lastTag, text, isWrite: step.isWrite, attempts: 0, isSent: false };
          model.push({ ...entry, number: nextNumber++, isWatched: false });
        } else if (step.kind === "seal" && requests.hasUnsent && writing === null) {
          writing = requests.seal();
          const unsent = model.filter((entry) => !entry.isSent);
          assertEquals(textOf(writing.output.view()), unsent.map((entry) => entry.text).join(""));
          for (const entry of unsent) entry.isSent = true;
        } else if (step.kind === "written" && writing !== null) {
          requests.written(writing);
          writing = null;
        } else if (step.kind === "answer" && model.length > 0) {
          const entry = model[step.which % model.length]!;
          assertEquals(requests.answer(entry.number, REPLY, 0, REPLY.bytes.length), entry.isSent);
          if (entry.isSent) {
            assertEquals(answered.at(-1), entry.tag);
            model = model.filter((each) => each !== entry);
            assertEquals(requests.answer(entry.number, REPLY, 0, REPLY.bytes.length), false);
          }
        } else if (step.kind === "giveBack" && model.length > 0) {
          const entry = model[step.which % model.length]!;
          model = entry.isSent ? model.filter((each) => each !== entry) : model;
          const isKnown = requests.giveBack(entry.number, (request) => {
            assertEquals(seen(request), expectedOf(entry));
            addAgain(request);
          });
          assertEquals(isKnown, entry.isSent);
        } else if (step.kind === "watch") {
          watchesBegun++;
          for (const entry of model) entry.isWatched ||= (entry.tag % 100) % 2 === 0;
          requests.watch((route) => route % 2 === 0, () => watchesEnded++);
        } else if (step.kind === "lose") {
          writing = null;
          const before = model;
          model = [];
          nextNumber = 0;
          const came: unknown[] = [];
          requests.lose((request) => {
            came.push(seen(request));
            if (!request.isWrite) addAgain(request);
          });
          assertEquals(came, before.map(expectedOf));
        }
        assertEquals(requests.count, model.length);
        assertEquals(requests.hasUnsent, model.some((entry) => !entry.isSent));
        assertEquals(requests.hasSent, model.some((entry) => entry.isSent));
        if (!model.some((entry) => entry.isWatched)) assertEquals(watchesEnded, watchesBegun);
        else assert(watchesEnded < watchesBegun);
      }
    }),
    { numRuns: 400 },
  );
});

Deno.test("A request may come under watch while it is given back: then the watch ends with it", () => {
  const requests = new InFlight();
  let endedCount = 0;
  requests.gathered.ascii("x");
  requests.add({ receive: () => {} }, 0, 5, false);
  requests.seal();
  requests.giveBack(0, () => requests.watch((route) => route === 5, () => endedCount++));
  assertEquals(endedCount, 1);
});

Deno.test("A request that waits long holds up none of those behind it", () => {
  const requests = new InFlight();
  const answered: number[] = [];
  const sink = { receive: (tag: number) => answered.push(tag), tooLong: () => {} };
  const send = (tag: number) => {
    requests.gathered.ascii("x");
    requests.add(sink, tag, -1, false);
  };
  send(0);
  const rounds = 2 * LINK_IN_FLIGHT_MAX;
  for (let number = 1; number <= rounds; number++) {
    send(number);
    requests.written(requests.seal());
    assertEquals(requests.isFullFor(false), false);
    assert(requests.answer(number, REPLY, 0, 5));
  }
  assertEquals([requests.count, answered.at(-1)], [1, rounds]);
  assert(requests.answer(0, REPLY, 0, 5));
  assertEquals([requests.count, answered.at(-1)], [0, 0]);
});

Deno.test("A link is full at its bound, and not before", () => {
  const requests = new InFlight();
  const sink = { receive: () => {}, tooLong: () => {} };
  for (let i = 0; i < LINK_IN_FLIGHT_MAX; i++) {
    assertEquals(requests.isFullFor(false), false);
    requests.gathered.ascii("x");
    requests.add(sink, i, -1, false);
  }
  assertEquals(requests.isFullFor(false), true);
});
