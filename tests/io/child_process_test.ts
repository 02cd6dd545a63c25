/** Child processes: their lines, their end, and how the lines are shown. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { DenoSpawner, LinePrefixes } from "../../src/io/child_process.ts";
import type { OutputStream } from "../../src/io/child.ts";

async function run(program: string): Promise<{ lines: [OutputStream, string][]; code: number }> {
  const lines: [OutputStream, string][] = [];
  const child = new DenoSpawner().spawn(
    { name: "test", args: ["eval", "--quiet", program] },
    (line, stream) => lines.push([stream, line]),
  );
  const { code } = await child.ended;
  return { lines, code };
}

Deno.test("A child's lines are heard whole, also the last one without a line break", async () => {
  const { lines, code } = await run(`
    const write = (text) => Deno.stdout.writeSync(new TextEncoder().encode(text));
    write("one\\ntw"); write("o\\n\\nthree");
    Deno.exit(7);
  `);
  assertEquals(lines, [["stdout", "one"], ["stdout", "two"], ["stdout", ""], ["stdout", "three"]]);
  assertEquals(code, 7);
});

Deno.test("A child's two streams are told apart", async () => {
  const { lines } = await run(`console.error("to stderr")`);
  assertEquals(lines, [["stderr", "to stderr"]]);
});

Deno.test("A line without end is heard in pieces rather than kept", async () => {
  const { lines } = await run(`console.log("x".repeat(300_000))`);
  assertEquals(lines.length > 1, true);
  assertEquals(lines.map(([, line]) => line).join("").length, 300_000);
});

Deno.test("A child's standard input stays open until we end it", async () => {
  const lines: string[] = [];
  const hearing = Promise.withResolvers<void>();
  const program = `
    console.log("reading");
    console.log(await Deno.stdin.read(new Uint8Array(1)) === null ? "ended" : "read");
  `;
  const child = new DenoSpawner().spawn({ name: "test", args: ["eval", "--quiet", program] }, (line) => {
    lines.push(line);
    hearing.resolve();
  });
  await hearing.promise;
  child.kill("SIGTERM");
  const { signal } = await child.ended;
  assertEquals([lines, signal], [["reading"], "SIGTERM"]);
  child.kill("SIGTERM");
});

Deno.test("Lines are shown behind the name of their process, as wide as the widest name", () => {
  const prefixes = new LinePrefixes(["balancer:8080", "node:8081"], "text", { stdout: false, stderr: false });
  assertEquals(prefixes.show("node:8081", "ready", "stdout"), "node:8081     | ready");
});

Deno.test("Names are coloured only where the stream is a terminal, each in its own colour", () => {
  const prefixes = new LinePrefixes(["a", "b"], "text", { stdout: true, stderr: false });
  assertStringIncludes(prefixes.show("a", "x", "stdout"), "\x1b[36ma |");
  assertStringIncludes(prefixes.show("b", "x", "stdout"), "\x1b[33mb |");
  assertEquals(prefixes.show("a", "x", "stderr"), "a | x");
});

Deno.test("JSON lines are passed on as they are", () => {
  const prefixes = new LinePrefixes(["a"], "json", { stdout: true, stderr: true });
  assertEquals(prefixes.show("a", '{"level":"info"}', "stderr"), '{"level":"info"}');
});
