/** What a node's first answer makes of it. */
import { assertRejects } from "@std/assert";
import { askIdentity } from "../../src/controller/node_handshake.ts";
import { RefusalError } from "../../src/core/errors.ts";

Deno.test("A node that recovers is away, not refused: a cluster that is created waits for it", async () => {
  const answer = (text: string) => () => Promise.resolve({ kind: "error" as const, text });
  const loading = await assertRejects(() =>
    askIdentity("node:1", answer("LOADING The node is recovering its data"))
  );
  if (loading instanceof RefusalError) throw new Error("it is taken for a node that must not serve");
  await assertRejects(() => askIdentity("node:1", answer("ERR unknown command")), RefusalError);
});
