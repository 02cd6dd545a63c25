/** Closing so that the last error arrives. */
import { assertEquals } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { LINGER_MS } from "../../src/core/limits.ts";
import { lingeringClose } from "../../src/serving/lingering_close.ts";
import { DenoNetwork } from "../../src/io/deno_network.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";

Deno.test("A client that is still sending gets what was written last, then the end", async () => {
  const listener = new DenoNetwork().listen({ host: "127.0.0.1", port: 0 });
  const client = await Deno.connect({ hostname: "127.0.0.1", port: listener.port });
  const server = (await listener.accept())!;
  const sending = (async () => {
    // More than the socket buffers of both ends hold, so that input lies unread when the server closes.
    for (let i = 0; i < 100; i++) await client.write(new Uint8Array(64 * 1024));
    await client.closeWrite();
  })();
  await server.write(bytesOf("-ERR last words\r\n"));
  await lingeringClose(server, new FakeClock());
  await sending;
  const buffer = new Uint8Array(64);
  const count = await client.read(buffer);
  assertEquals(textOf(buffer, 0, count!), "-ERR last words\r\n");
  assertEquals(await client.read(buffer), null);
  client.close();
  listener.close();
});

Deno.test("A client that neither sends nor leaves is closed after a while", async () => {
  const network = new SimulatedNetwork();
  const listener = network.listen({ host: "127.0.0.1", port: 0 });
  const client = await network.connect({ host: "127.0.0.1", port: listener.port });
  const server = (await listener.accept())!;
  const clock = new FakeClock();
  const closing = lingeringClose(server, clock);
  assertEquals(await client.read(new Uint8Array(8)), null);
  await clock.advance(LINGER_MS);
  await closing;
  listener.close();
});
