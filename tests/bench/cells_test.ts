import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Cell, goalOf, keysOf, nameOf, PRESETS, stagesOf } from "../../bench/versus/cells.ts";
import { readOptions } from "../../bench/versus/options.ts";

Deno.test("The quick preset is twelve cells on two pairs of servers", () => {
  assertEquals(PRESETS.quick.length, 12);
  assertEquals(stagesOf(PRESETS.quick).length, 2);
});

Deno.test("Every cell of the targets has a goal, but for the runtime's own limit", () => {
  for (const cell of PRESETS.targets) {
    assertEquals(goalOf(cell) === undefined, cell.subject === "runtime", nameOf(cell));
  }
});

Deno.test("No preset has a cell twice, and stages hold every cell once", () => {
  for (const cells of Object.values(PRESETS)) {
    assertEquals(new Set(cells.map((cell) => JSON.stringify(cell))).size, cells.length);
    assertEquals(stagesOf(cells).flat().length, cells.length);
  }
});

Deno.test("The full matrix contains the targets, and never more data than fits", () => {
  const full = new Set(PRESETS.full.map((cell) => JSON.stringify(cell)));
  for (const cell of PRESETS.targets) assert(full.has(JSON.stringify(cell)), nameOf(cell));
  for (const cell of PRESETS.full) assert(keysOf(cell) * cell.valueBytes <= 256 * 1024 * 1024, nameOf(cell));
});

Deno.test("The full matrix has every value of every field, and never more in flight than clients can hold", () => {
  const valuesOf = (field: keyof Cell) => new Set(PRESETS.full.map((cell) => cell[field]));
  assertEquals(valuesOf("valueBytes"), new Set([64, 1024, 65_536]));
  assertEquals(valuesOf("connections"), new Set([50, 1_000, 5_000, 10_000, 1]));
  assertEquals(valuesOf("distribution"), new Set(["uniform", "zipfian"]));
  assertEquals(valuesOf("command"), new Set(["SET", "GET", "INCR", "PING"]));
  for (const { connections, depth, valueBytes } of PRESETS.full) {
    assert(connections * depth * valueBytes <= 64 * 1024 * 1024);
  }
});

Deno.test("The quick preset with three rounds is what runs when nothing is asked for", () => {
  const options = readOptions([])!;
  assertEquals([options.preset, options.rounds, options.parts], ["quick", 3, ["node", "cluster"]]);
  assert(PRESETS.quick.every((cell) => options.wants(cell)));
});

Deno.test("Filters leave the cells that fit all of them", () => {
  const options = readOptions(["--targets", "--command", "get", "--depth", "16", "--fsync", "always"])!;
  assertEquals(PRESETS.targets.filter((cell) => options.wants(cell)).map(nameOf), [
    "GET, 16 deep, fsync always",
  ]);
});

Deno.test("One client's time through the balancer is measured against that at a node, and many clients' longest wait", () => {
  const hop = PRESETS.targets.filter(({ subject }) => subject === "hop");
  assertEquals(hop.map(nameOf), ["SET, 1 deep, 1 connection, fsync always"]);
  assertEquals(hop.map(goalOf), [{ addedMsMax: 0.08 }]);
  const options = readOptions(["--targets", "--only", "node", "--connections", "10000"])!;
  const crowd = PRESETS.targets.filter((cell) => options.wants(cell));
  assertEquals(crowd.map(({ subject }) => subject), ["node", "cluster"]);
  assert(crowd.every((cell) => goalOf(cell)?.longestMsMax === 1_000));
});

Deno.test("Arguments that cannot be used are refused with what can be", () => {
  assertThrows(() => readOptions(["--only", "redis"]), RangeError, "takes node, cluster");
  assertThrows(() => readOptions(["--rounds", "0"]), RangeError, "--rounds");
  assertThrows(() => readOptions(["--rounds", "1.5"]), RangeError, "--rounds");
  assertThrows(() => readOptions(["--fast"]), RangeError, "--fast");
});
