/** Log lines: one line each whatever they carry. */
import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { formatEntry, type LogEntry } from "../../src/io/log_format.ts";
import { assertProperty } from "../support/property.ts";

const ENTRY: LogEntry = {
  timeMs: Date.UTC(2024, 0, 2, 3, 4, 5, 6),
  level: "info",
  name: "node:8081",
  category: "log",
  message: "opened log",
  fields: { segment: 3, path: "data/log 1", empty: "" },
};

Deno.test("A text line shows time, level, category, message and fields", () => {
  assertMatch(
    formatEntry(ENTRY, "text"),
    /^\d\d:\d\d:05\.006 INFO {2}log: opened log segment=3 path="data\/log 1" empty=""$/,
  );
});

Deno.test("A JSON line carries the same under names", () => {
  assertEquals(JSON.parse(formatEntry(ENTRY, "json")), {
    time: "2024-01-02T03:04:05.006Z",
    level: "info",
    name: "node:8081",
    category: "log",
    message: "opened log",
    segment: 3,
    path: "data/log 1",
    empty: "",
  });
});

Deno.test("A field cannot take the place of what every line has", () => {
  const line = JSON.parse(formatEntry({ ...ENTRY, fields: { level: "debug", name: "other" } }, "json"));
  assertEquals([line.level, line.name], ["info", "node:8081"]);
});

Deno.test("Errors, big integers and what refers to itself can be logged", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  const fields = { error: new Error("no space"), count: 5n, nothing: undefined, nil: null };
  assertMatch(
    formatEntry({ ...ENTRY, fields }, "text"),
    /error="no space" count=5 nothing=undefined nil=null$/,
  );
  const line = JSON.parse(formatEntry({ ...ENTRY, fields }, "json"));
  assertEquals([line.error, line.count, line.nil], ["no space", "5", null]);
  assertMatch(formatEntry({ ...ENTRY, fields: { loop } }, "text"), /loop=\{"unprintable"/);
  JSON.parse(formatEntry({ ...ENTRY, fields: { loop } }, "json"));
});

Deno.test("Any text and any field make exactly one line, and the JSON one can be read back", () => {
  const texts = fc.string({ unit: "binary" });
  assertProperty(
    fc.property(texts, fc.dictionary(texts, fc.anything()), (message, fields) => {
      const entry = { ...ENTRY, message, fields };
      const json = formatEntry(entry, "json");
      assertEquals(json.split("\n").length, 1);
      const read = JSON.parse(json);
      if (!("unprintable" in read)) assertEquals(read.message, JSON.parse(JSON.stringify(message)));
      // deno-lint-ignore no-control-regex
      assertEquals(formatEntry(entry, "text").match(/[\x00-\x1f]/), null);
    }),
    { numRuns: 500 },
  );
});
