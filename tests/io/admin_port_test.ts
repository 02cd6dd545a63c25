/** The admin port: its answers, and that nobody can hold up its end. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ADMIN_STOP_MS } from "../../src/core/limits.ts";
import { openAdminPort } from "../../src/io/admin_port.ts";
import { DenoClock } from "../../src/io/deno_clock.ts";
import { ListenError } from "../../src/io/network.ts";

const HOST = "127.0.0.1";

Deno.test("The health report is 200 while all is well, and else 503 with what is wrong", async () => {
  let isHealthy = true;
  const admin = openAdminPort({ host: HOST, port: 0 }, new DenoClock(), () => ({ isHealthy, nodes: ["a"] }));
  const url = `http://${HOST}:${admin.port}/health`;
  const well = await fetch(url);
  assertEquals([well.status, (await well.json()).status], [200, "ok"]);
  isHealthy = false;
  const ill = await fetch(url);
  const { status, nodes } = await ill.json();
  assertEquals([ill.status, status, nodes], [503, "degraded", ["a"]]);
  assertThrows(
    () => openAdminPort({ host: HOST, port: admin.port }, new DenoClock(), () => ({ isHealthy })),
    ListenError,
  );
  await admin.close();
});

Deno.test({
  name: "A request that is never completed does not hold up the end of the admin port",
  // The request stays with the server until the process ends; that is what is tested.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const admin = openAdminPort({ host: HOST, port: 0 }, new DenoClock(), () => ({ isHealthy: true }));
    // What the runtime waits for differs between its versions: a head that is not whole, or a body.
    const clients = await Promise.all(
      ["GET /health HTTP/1.1\r\n", "POST /health HTTP/1.1\r\nHost: roundel\r\nContent-Length: 10\r\n\r\nhalf"]
        .map(
          async (part) => {
            const client = await Deno.connect({ hostname: HOST, port: admin.port });
            await client.write(new TextEncoder().encode(part));
            return client;
          },
        ),
    );
    await clients[1]!.read(new Uint8Array(1_000));
    const beganMs = performance.now();
    await admin.close();
    const tookMs = performance.now() - beganMs;
    for (const client of clients) client.close();
    assert(tookMs < ADMIN_STOP_MS + 2_000, `it took ${tookMs} ms`);
  },
});
