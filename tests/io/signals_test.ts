/** Stopping on signals: once, gracefully; at once for those who insist. */
import { assertEquals } from "@std/assert";
import { Stopper } from "../../src/io/signals.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { advance, settle } from "../support/settle.ts";

function setUp() {
  const clock = new FakeClock();
  const codes: number[] = [];
  const stopping = Promise.withResolvers<void>();
  let stopCount = 0;
  const stopper = new Stopper(
    clock,
    () => {
      stopCount++;
      return stopping.promise;
    },
    (code) => codes.push(code),
  );
  return { clock, codes, stopping, stopper, stopCount: () => stopCount };
}

Deno.test("A signal stops the process gracefully and ends it with code 0", async () => {
  const { stopper, stopping, codes, stopCount } = setUp();
  stopper.signalled("SIGTERM");
  await settle();
  assertEquals([stopCount(), codes], [1, []]);
  stopping.resolve();
  await settle();
  assertEquals(codes, [0]);
});

Deno.test("Signals within a second of the first change nothing", async () => {
  const { clock, stopper, codes, stopCount } = setUp();
  stopper.signalled("SIGINT");
  await advance(clock, 999);
  stopper.signalled("SIGTERM");
  await settle();
  assertEquals([stopCount(), codes], [1, []]);
});

Deno.test("A signal a second after the first ends the process at once, with the signal's code", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const { clock, stopper, codes, stopCount } = setUp();
    stopper.signalled("SIGTERM");
    await advance(clock, 1_000);
    stopper.signalled(signal);
    assertEquals([stopCount(), codes], [1, [code]]);
  }
});

Deno.test("The end of the parent and a signal together stop the process once", async () => {
  const { stopper, stopping, codes, stopCount } = setUp();
  stopper.request();
  stopper.signalled("SIGTERM");
  stopper.request();
  stopping.resolve();
  await settle();
  assertEquals([stopCount(), codes], [1, [0]]);
});

Deno.test("A stop that fails ends the process with code 1", async () => {
  const { stopper, stopping, codes } = setUp();
  stopper.signalled("SIGTERM");
  stopping.reject(new Error("disk full"));
  await settle();
  assertEquals(codes, [1]);
});
