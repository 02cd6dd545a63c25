/**
 * A disk that is really full: writes are refused by name, reads go on, and writes resume once there is room.
 * The node runs in a mount namespace of its own, where its data folder is a small file system; Linux lets anyone
 * make one.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../support/processes.ts";
import { RespClient } from "../support/resp_client.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Room for the log to begin, but not for long. */
const SCRIPT = `
  mount -t tmpfs -o size=8m tmpfs "$1" || exit 9
  head -c 4000000 /dev/zero > "$1/filler"
  exec "$2" run -A --no-prompt "$3/src/node.ts" --port 0 --standalone --data-dir "$1" --max-memory 4mb
`;

Deno.test("A node whose disk is full refuses writes by name, serves reads, and resumes when there is room", async () => {
  await withFolder(async (folder) => {
    const child = new Deno.Command("unshare", {
      args: ["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh", folder, Deno.execPath(), ROOT],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let printed = "";
    while (!printed.includes("\n")) {
      const { value, done } = await reader.read();
      assert(!done, `the node starts on its small disk: ${printed}`);
      printed += value;
    }
    const client = await RespClient.connect(Number(/:(\d+)\n/.exec(printed)![1]));
    try {
      const value = "x".repeat(100_000);
      let acknowledged = 0;
      let reply = "OK";
      for (; reply === "OK"; acknowledged += reply === "OK" ? 1 : 0) {
        reply = await client.call("SET", `k:${acknowledged % 10}`, `${acknowledged}:${value}`);
      }
      // It ran, and what became of it is not known; those after it are refused before they run.
      assertMatch(reply, /^-UNCERTAIN .*(full|space)/i);
      assert(acknowledged > 10, `${acknowledged} writes fitted`);
      assertMatch(await client.call("SET", "small", "1"), /^-READONLY /);
      const last = acknowledged - 1;
      assertEquals(await client.call("GET", `k:${last % 10}`), `${last}:${value}`);
      assertEquals(await client.call("PING"), "PONG");
      assertMatch(await client.call("SAVE"), /^-.*(full|space)/i);

      await Deno.remove(`/proc/${child.pid}/root${folder}/filler`);
      const deadline = Date.now() + 10_000;
      while ((await client.call("SET", "small", "2")) !== "OK") {
        assert(Date.now() < deadline, "writes resume");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assertEquals(await client.call("GET", "small"), "2");
      assertEquals(await client.call("GET", `k:${last % 10}`), `${last}:${value}`);
    } finally {
      client.close();
      child.kill("SIGTERM");
      await reader.cancel();
      assertEquals((await child.status).code, 0);
    }
  });
});
