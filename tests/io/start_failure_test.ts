/** The last words of a process that cannot start, as a process of its own says them. */
import { assertEquals, assertStringIncludes } from "@std/assert";

const SOURCE = new URL("../../src/", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

async function lastWords(format: "text" | "json", error: string): Promise<{ code: number; stderr: string }> {
  const program = `
    import { RefusalError } from "${SOURCE}core/errors.ts";
    import { configureLogging } from "${SOURCE}io/logging.ts";
    import { endRefused } from "${SOURCE}io/start_failure.ts";
    configureLogging({ level: "error", format: "${format}", name: "node:1" });
    endRefused("node", "${format}", ${error});
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

Deno.test("A port that is taken is a refusal that says what to do", async () => {
  const { code, stderr } = await lastWords("text", 'new Deno.errors.AddrInUse("Address already in use")');
  assertEquals(code, 3);
  assertStringIncludes(stderr, "roundel node: Cannot listen: Address already in use. Stop the process");
});

Deno.test("A bug is no refusal: it ends the process with its trace", async () => {
  const { code, stderr } = await lastWords("text", 'new TypeError("x is not a function")');
  assertEquals(code, 1);
  assertStringIncludes(stderr, "Uncaught");
});
