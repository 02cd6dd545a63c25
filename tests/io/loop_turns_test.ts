/** Turns of the event loop, on the real one. */
import { assertEquals } from "@std/assert";
import { LoopTurns } from "../../src/io/loop_turns.ts";

const TURNS = 200;

/** Takes `count` turns, one after the other. */
async function take(turns: LoopTurns, count: number): Promise<number> {
  let taken = 0;
  for (; taken < count; taken++) await new Promise<void>((resolve) => turns.next(resolve));
  return taken;
}

// The connection to ourselves is open for as long as the process is.
Deno.test({
  name: "every turn that is asked for comes",
  sanitizeResources: false,
  sanitizeOps: false,
  fn: async () => assertEquals(await take(new LoopTurns(), TURNS), TURNS),
});

Deno.test({
  name: "when a turn comes, what was sent to a socket before is there at once",
  sanitizeResources: false,
  sanitizeOps: false,
  fn: async () => {
    const turns = new LoopTurns();
    await take(turns, TURNS);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [client, server] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
      listener.accept(),
    ]);
    for (let i = 0; i < 20; i++) {
      const order: string[] = [];
      await client.write(new Uint8Array(1));
      await take(turns, 1);
      const reading = server.read(new Uint8Array(1)).then(() => order.push("read"));
      const turning = take(turns, 1).then(() => order.push("turn"));
      await Promise.all([reading, turning]);
      assertEquals(order, ["read", "turn"]);
    }
    for (const resource of [client, server, listener]) resource.close();
  },
});

Deno.test({
  name: "turns come where no connection may be opened",
  permissions: { net: false },
  fn: async () => assertEquals(await take(new LoopTurns(), 5), 5),
});
