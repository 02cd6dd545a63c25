/** The load of a fixed rate, against servers that answer at once, late, wrongly or not at all. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { runPacedLoad } from "../../bench/support/paced_load.ts";

/** Serves one connection: `answer` gets the bytes of each read, and what it returns is sent. */
function serverOf(answer: (bytes: Uint8Array) => Promise<string | null>) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    using connection = await listener.accept();
    const bytes = new Uint8Array(64 * 1024);
    for (let count; (count = await connection.read(bytes)) !== null;) {
      const text = await answer(bytes.subarray(0, count));
      if (text === null) break;
      await connection.write(new TextEncoder().encode(text));
    }
    listener.close();
  })();
  return { port: listener.addr.port, serving };
}

const PINGS = /PING/g;

function pongsFor(bytes: Uint8Array): string {
  return "+PONG\r\n".repeat(new TextDecoder().decode(bytes).match(PINGS)?.length ?? 0);
}

const LOAD = { connections: 1, requestsPerSecond: 2_000, seconds: 0.05, request: () => ["PING"] };

Deno.test("Every request is sent once, and each takes some time", async () => {
  let count = 0;
  const { port, serving } = serverOf((bytes) => {
    const pongs = pongsFor(bytes);
    count += pongs.length / "+PONG\r\n".length;
    return Promise.resolve(pongs);
  });
  const { p50Ms, p99Ms, p999Ms } = await runPacedLoad({ ...LOAD, port });
  await serving;
  assertEquals(count, 100);
  assert(p50Ms > 0 && p50Ms <= p99Ms && p99Ms <= p999Ms);
});

Deno.test("A server that stalls is charged with every request that was due meanwhile", async () => {
  let isFirst = true;
  const { port, serving } = serverOf(async (bytes) => {
    if (isFirst) await new Promise((resolve) => setTimeout(resolve, 40));
    isFirst = false;
    return pongsFor(bytes);
  });
  const { p50Ms } = await runPacedLoad({ ...LOAD, port });
  await serving;
  // Requests were due during all of the stall, so the middle one waited for about half of it.
  assert(p50Ms >= 10, `${p50Ms}`);
});

Deno.test("An error as a reply, and a server that leaves, end the load", async () => {
  const refusing = serverOf(() => Promise.resolve("-ERR no\r\n"));
  await assertRejects(() => runPacedLoad({ ...LOAD, port: refusing.port }), Error, "-ERR no");
  await refusing.serving.catch(() => {});
  const leaving = serverOf(() => Promise.resolve(null));
  await assertRejects(() => runPacedLoad({ ...LOAD, port: leaving.port }));
  await leaving.serving;
});
