/** The last words of a process that cannot start, as a process of its own says them. */
import { assertEquals, assertStringIncludes } from "@std/assert";

const SOURCE = new URL("../../src/", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

async function lastWords(
  logFormat: "text" | "json",
  error: string,
  exitWithParent = false,
): Promise<{ code: number; stderr: string }> {
  const program = `
    import { HeldError, RefusalError } from "${SOURCE}core/errors.ts";
    import { DenoClock } from "${SOURCE}io/deno_clock.ts";
    import { DenoNetwork } from "${SOURCE}io/deno_network.ts";
    import { configureLogging } from "${SOURCE}io/logging.ts";
    import { ListenError } from "${SOURCE}io/network.ts";
    import { endRefused } from "${SOURCE}io/start_failure.ts";
    const start = {
      ...{ role: "node", logFormat: "${logFormat}", dataDir: "data", exitWithParent: ${exitWithParent} },
      ...{ network: new DenoNetwork(), clock: new DenoClock() },
    };
    configureLogging({ level: "error", format: "${logFormat}", name: "node:1" });
    await endRefused(start, ${error});
  `;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--config", CONFIG, program],
    env: { NO_COLOR: "1" },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("A refusal is one line, and exit code 3", async () => {
  assertEquals(await lastWords("text", 'new RefusalError("Cannot open log: it is damaged")'), {
    code: 3,
    stderr: "roundel node: Cannot open log: it is damaged\n",
  });
});

Deno.test("A refusal in JSON is a log line", async () => {
  const { code, stderr } = await lastWords("json", 'new RefusalError("Cannot open log: it is damaged")');
  const { name, level, message } = JSON.parse(stderr);
  assertEquals([code, name, level, message], [3, "node:1", "error", "Cannot open log: it is damaged"]);
});

Deno.test("Whatever keeps a process from starting is told with its place, its cause and a way out", async () => {
  const at = (host: string, port: number, error: string) =>
    `new ListenError({ host: "${host}", port: ${port} }, ${error})`;
  const disk = (code: string, message: string) =>
    `Object.assign(new Error("${message}"), { code: "${code}" })`;
  for (
    const [error, words] of [
      [
        at("127.0.0.1", 1, 'new Deno.errors.AddrInUse("used")'),
        "Cannot listen on 127.0.0.1:1: the port is taken; stop the process that has it, or choose another port",
      ],
      [
        at("::1", 80, 'new Deno.errors.PermissionDenied("Permission denied (os error 13)")'),
        "Cannot listen on [::1]:80: Permission denied (os error 13); an ordinary user may not have ports below " +
        "1024: choose a higher one",
      ],
      [
        at("nosuch.invalid", 8081, 'new Error("failed to lookup address information")'),
        "Cannot listen on nosuch.invalid:8081: failed to lookup address information; choose a --host that is an " +
        "address of this machine",
      ],
      [
        disk("EROFS", "Read-only file system (os error 30): open 'data/node_1.lock'"),
        "Cannot use data/node_1.lock: Read-only file system (os error 30); mount it for writing, or choose " +
        "another --data-dir",
      ],
      [
        disk("ENOSPC", "No space left on device (os error 28)"),
        "Cannot use data folder data: No space left on device (os error 28); make room on its disk",
      ],
      [
        disk("EISDIR", "Is a directory (os error 21): readfile 'data/node_1.json'"),
        "Cannot use data/node_1.json: Is a directory (os error 21); a folder stands where a file of ours belongs: " +
        "move it away, or choose another --data-dir",
      ],
    ] as const
  ) assertEquals(await lastWords("text", error), { code: 3, stderr: `roundel node: ${words}\n` });
});

Deno.test("A cluster, which may try again, is told by the exit code that another process has the port or folder", async () => {
  for (
    const error of [
      'new HeldError("held")',
      'new ListenError({ host: "127.0.0.1", port: 1 }, new Deno.errors.AddrInUse("used"))',
    ]
  ) {
    assertEquals((await lastWords("text", error, true)).code, 4);
    assertEquals((await lastWords("text", error)).code, 3);
  }
});

Deno.test("A bug is no refusal: it ends the process with its trace", async () => {
  const { code, stderr } = await lastWords("text", 'new TypeError("x is not a function")');
  assertEquals(code, 1);
  assertStringIncludes(stderr, "Uncaught");
});
