/** The process's log, as a process of its own prints it. */
import { assertEquals, assertMatch } from "@std/assert";

const LOGGING = new URL("../../src/io/logging.ts", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Lines on standard error of a program that logs at each level; standard output must stay empty. */
async function linesOf(options: string): Promise<string[]> {
  const program = `
    import { configureLogging, loggerOf } from "${LOGGING}";
    loggerOf("early").info("before the configuration");
    configureLogging(${options});
    const logger = loggerOf("log");
    logger.debug("read {segment}", { segment: 1 });
    logger.info("opened", { segment: 2 });
    logger.warn("slow");
    logger.error("broken", { cause: new Error("no space") });
  `;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--config", CONFIG, program],
  }).output();
  assertEquals(stdout.length, 0);
  return new TextDecoder().decode(stderr).trimEnd().split("\n");
}

Deno.test("The log shows what is at or above its level", async () => {
  const lines = await linesOf(`{ level: "warn", format: "text", name: "node:1" }`);
  assertEquals(lines.length, 2);
  assertMatch(lines[0]!, /^\d\d:\d\d:\d\d\.\d{3} WARN {2}log: slow$/);
  assertMatch(lines[1]!, /^\d\d:\d\d:\d\d\.\d{3} ERROR log: broken cause="no space"$/);
});

Deno.test("The log in JSON is an object a line, and messages are no templates", async () => {
  const lines = await linesOf(`{ level: "debug", format: "json", name: "node:1" }`);
  const entries = lines.map((line) => JSON.parse(line));
  assertEquals(entries.map(({ level }) => level), ["debug", "info", "warn", "error"]);
  assertEquals(entries[0].message, "read {segment}");
  assertEquals([entries[1].name, entries[1].category, entries[1].segment], ["node:1", "log", 2]);
});

Deno.test("A log that nobody reads holds up nobody, and says later how many lines were dropped", async () => {
  const program = `
    import { configureLogging, loggerOf } from "${LOGGING}";
    configureLogging({ level: "info", format: "text", name: "node:1" });
    for (let i = 0; i < 3_000; i++) loggerOf("log").info("line", { filler: "x".repeat(1_000) });
    await new Promise((resolve) => setTimeout(resolve));
    console.log("not held up");
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--config", CONFIG, program],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // The pipe takes 64 KiB. Only when the process has gone on is the rest read.
  const { value } = await child.stdout.getReader().read();
  assertEquals(new TextDecoder().decode(value), "not held up\n");
  const lines = (await new Response(child.stderr).text()).trimEnd().split("\n");
  assertEquals((await child.status).code, 0);
  const dropped = Number(/WARN .*lines were dropped.* count=(\d+)$/.exec(lines.at(-1)!)![1]);
  assertEquals(lines.length - 1 + dropped, 3_000);
});
