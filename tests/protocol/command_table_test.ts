import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { bytesOf } from "../../src/core/bytes.ts";
import { COMMAND_SPECS, type CommandSpec, type Routing } from "../../src/protocol/command_specs.ts";
import {
  findCommand,
  findSubcommand,
  fitsArity,
  unknownCommandText,
  unknownSubcommandText,
  wrongArityText,
  wrongSubcommandArityText,
} from "../../src/protocol/command_table.ts";
import { RequestDecoder } from "../../src/protocol/request_decoder.ts";
import { encoded } from "./support.ts";
import { assertProperty } from "../support/property.ts";

function find(name: string): number {
  const bytes = bytesOf(`x${name}x`);
  return findCommand(bytes, 1, bytes.length - 1);
}

function specNamed(name: string): CommandSpec {
  return COMMAND_SPECS[find(name)]!;
}

function decoded(...args: (string | Uint8Array)[]): RequestDecoder {
  const bytes = encoded(...args);
  const decoder = new RequestDecoder();
  decoder.decode(bytes, 0, bytes.length);
  return decoder;
}

Deno.test("findCommand finds every command in any case", () => {
  for (const [index, { name }] of COMMAND_SPECS.entries()) {
    const mixed = [...name].map((letter, i) => i % 2 === 0 ? letter : letter.toLowerCase()).join("");
    for (const spelling of [name, name.toLowerCase(), mixed]) assertEquals(find(spelling), index, spelling);
  }
});

Deno.test("findCommand finds nothing that is not the whole name of a command", () => {
  for (const { name } of COMMAND_SPECS) {
    for (const wrong of [`${name}X`, `X${name}`, `${name} `, `${name}\0`, name.slice(0, -1) + "{"]) {
      assertEquals(find(wrong), -1, wrong);
    }
  }
  for (const name of ["", "\0", "G", "GE", "nonsense", "G\x05T", "'ET", "x".repeat(100)]) {
    assertEquals(find(name), -1);
  }
});

Deno.test("findCommand finds no command in bytes that name none", () => {
  const names = new Set(COMMAND_SPECS.map(({ name }) => name));
  const nearName = fc.constantFrom(...names).chain((name) =>
    fc.tuple(fc.nat(name.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = bytesOf(name);
      bytes[at] = byte;
      return bytes;
    })
  );
  assertProperty(
    fc.property(fc.oneof(nearName, fc.uint8Array({ maxLength: 20 })), (bytes) => {
      const index = findCommand(bytes, 0, bytes.length);
      const upper = String.fromCharCode(...bytes).replace(/[a-z]/g, (letter) => letter.toUpperCase());
      assertEquals(COMMAND_SPECS[index]?.name, names.has(upper) ? upper : undefined);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("COMMAND_SPECS has each name once, and its usage begins with it", () => {
  assertEquals(new Set(COMMAND_SPECS.map(({ name }) => name)).size, COMMAND_SPECS.length);
  for (const { name, usage, summary } of COMMAND_SPECS) {
    assert(usage === name || usage.startsWith(`${name} `), usage);
    assert(summary !== "" && !summary.endsWith("."), name);
  }
});

Deno.test("COMMAND_SPECS gives no key a place that the arity does not guarantee", () => {
  for (const { name, arity, keys } of COMMAND_SPECS) {
    if (keys === null) continue;
    const argumentsMin = Math.abs(arity);
    assert(keys.first >= 1 && keys.step >= 1 && keys.first < argumentsMin, name);
    assert(keys.last === -1 || (keys.last >= keys.first && keys.last < argumentsMin), name);
    assert(keys.last !== -1 || arity < 0, name);
  }
});

Deno.test("COMMAND_SPECS routes commands by keys exactly when they have some", () => {
  const byKeys: Partial<Record<Routing, (spec: CommandSpec) => boolean>> = {
    "key": ({ keys }) => keys!.first === 1 && keys!.last === 1,
    "same-slot": ({ keys }) => keys!.last !== 1,
    "split-sum": ({ keys }) => keys!.last === -1 && keys!.step === 1,
    "split-array": ({ keys }) => keys!.last === -1 && keys!.step === 1,
    "split-ok": ({ keys, write }) => keys!.last === -1 && write,
  };
  for (const spec of COMMAND_SPECS) {
    const rule = byKeys[spec.routing];
    assertEquals(spec.keys !== null, rule !== undefined, spec.name);
    if (rule !== undefined) assert(rule(spec), spec.name);
  }
});

Deno.test("COMMAND_SPECS says of every command on data whether it reads or writes", () => {
  for (const { name, keys, write, flags, routing } of COMMAND_SPECS) {
    assertEquals(write, flags.includes("write"), name);
    assert(!(write && flags.includes("readonly")), name);
    if (keys !== null) assert(write || flags.includes("readonly"), name);
    if (routing === "local") assert(!write, name);
  }
});

Deno.test("COMMAND_SPECS describes each subcommand once", () => {
  for (const { name, arity, subcommands } of COMMAND_SPECS) {
    if (subcommands === null) continue;
    assert(arity < 0, name);
    assertEquals(new Set(subcommands.map((sub) => sub.name)).size, subcommands.length, name);
    for (const sub of subcommands) {
      assert(Math.abs(sub.arity) >= 2 && sub.usage.startsWith(sub.name), sub.usage);
    }
  }
});

Deno.test("fitsArity takes an exact count, or a least one", () => {
  assertEquals([1, 2, 3].map((count) => fitsArity(2, count)), [false, true, false]);
  assertEquals([1, 2, 3].map((count) => fitsArity(-2, count)), [false, true, true]);
});

Deno.test("unknownCommandText quotes the name and the arguments as Redis does", () => {
  assertEquals(
    unknownCommandText(decoded("foo", "a", "b c")),
    "ERR unknown command 'foo', with args beginning with: 'a' 'b c' ",
  );
  assertEquals(unknownCommandText(decoded("foo")), "ERR unknown command 'foo', with args beginning with: ");
});

Deno.test("unknownCommandText quotes a bounded part of a long request", () => {
  const long = "x".repeat(100_000);
  const shown = "x".repeat(128);
  assertEquals(
    unknownCommandText(decoded(long, long, long)),
    `ERR unknown command '${shown}', with args beginning with: '${shown}' `,
  );
});

Deno.test("wrongArityText and its like say the names in lower case", () => {
  const client = specNamed("CLIENT");
  const request = decoded("client", "setName", "x");
  assertEquals(wrongArityText(specNamed("GET")), "ERR wrong number of arguments for 'get' command");
  assertEquals(
    wrongSubcommandArityText(client, findSubcommand(client, request)!),
    "ERR wrong number of arguments for 'client|setname' command",
  );
  assertEquals(findSubcommand(client, decoded("client", "setnam")), null);
  assertEquals(
    unknownSubcommandText(client, decoded("client", "Foo")),
    "ERR unknown subcommand 'Foo'. Try CLIENT HELP.",
  );
});
