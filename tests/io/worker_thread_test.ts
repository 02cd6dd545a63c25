/** Threads of the process: what is posted arrives on both sides, and what fails is told. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { startThread } from "../../src/io/worker_thread.ts";

/** Answers a number with the next one, and fails on anything else. */
const COUNTING = new URL(
  "data:text/javascript," + encodeURIComponent(`onmessage = ({ data }) => {
    if (typeof data !== "number") throw new Error("no number: " + data);
    postMessage(data + 1);
  };`),
);
const REJECTING = new URL(
  "data:text/javascript," +
    encodeURIComponent(`onmessage = () => { Promise.reject(new Error("nobody caught it")); };`),
);

Deno.test("A thread hears what is posted to it, and is heard", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const thread = startThread<number, number>(COUNTING, resolve, () => resolve(NaN));
  thread.post(41);
  assertEquals(await promise, 42);
  thread.terminate();
});

Deno.test("An error that nobody caught in a thread is told, be it thrown or a rejection, and goes no further", async () => {
  for (const [module, message] of [[COUNTING, "no number: x"], [REJECTING, "nobody caught it"]] as const) {
    const { promise, resolve } = Promise.withResolvers<string>();
    const thread = startThread<string, number>(module, () => {}, resolve);
    thread.post("x");
    assertStringIncludes(await promise, message);
    thread.terminate();
  }
});
