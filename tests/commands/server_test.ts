import { assert, assertEquals } from "@std/assert";
import { COMMAND_SPECS } from "../../src/protocol/command_specs.ts";
import { HANDLERS } from "../../src/commands/handlers.ts";
import { Bench, bulk } from "./support.ts";

Deno.test("Every command has its handler", () => {
  assertEquals(HANDLERS.length, COMMAND_SPECS.length);
  assert(HANDLERS.every((handler) => typeof handler === "function"));
});

Deno.test("Commands of the session are answered through the same table", () => {
  const bench = new Bench();
  assertEquals(bench.run("PING"), "+PONG\r\n");
  assertEquals(bench.run("ECHO", "hello"), bulk("hello"));
});

Deno.test("SAVE replies when the dump is durable, or with the cause why it is not", async () => {
  const bench = new Bench();
  assertEquals(await bench.runAsync("SAVE"), "+OK\r\n");
  assertEquals(bench.server.saveCount, 1);
  bench.server.saveFailure = "Cannot write dump: No space left on device";
  assertEquals(await bench.runAsync("SAVE"), "-ERR Cannot write dump: No space left on device\r\n");
});

Deno.test("BGSAVE says that it has begun, or why not", () => {
  const bench = new Bench();
  assertEquals(bench.run("BGSAVE"), "+Background saving started\r\n");
  assertEquals(bench.run("BGSAVE", "schedule"), "+Background saving started\r\n");
  assertEquals(bench.run("BGSAVE", "SCHEDULE", "x"), "-ERR syntax error\r\n");
  bench.server.whyNoBackgroundSave = "Background save already in progress";
  assertEquals(bench.run("BGSAVE"), "-ERR Background save already in progress\r\n");
});

Deno.test("LASTSAVE is in whole seconds", () => {
  assertEquals(new Bench().run("LASTSAVE"), ":1700000000\r\n");
});

Deno.test("CONFIG GET returns each setting that a pattern matches, once", () => {
  const bench = new Bench();
  assertEquals(bench.run("CONFIG", "GET", "save"), `*2\r\n${bulk("save")}${bulk("")}`);
  assertEquals(bench.run("config", "get", "SAVE", "save"), `*2\r\n${bulk("save")}${bulk("")}`);
  assertEquals(bench.run("CONFIG", "GET", "*", "save").startsWith("*6\r\n"), true);
  bench.useResp3();
  assertEquals(bench.run("CONFIG", "GET", "save"), `%1\r\n${bulk("save")}${bulk("")}`);
});

Deno.test("CONFIG refuses to change settings, and tells what it can do", () => {
  const bench = new Bench();
  const refusal = "-ERR unknown subcommand 'SET'. Try CONFIG HELP.\r\n";
  assertEquals(bench.run("CONFIG", "SET", "maxmemory", "1"), refusal);
  assertEquals(
    bench.runLine("CONFIG HELP").split("\n").slice(0, 2),
    ["CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", "GET pattern [pattern ...]"],
  );
});

Deno.test("ROUNDEL goes to the node's own door", async () => {
  assertEquals(await new Bench().runAsync("ROUNDEL", "IDENTITY"), bulk("admin"));
});
