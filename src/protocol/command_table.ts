/**
 * Finds commands by name, and says in Redis' words what is wrong with a request before any command runs.
 *
 * The index is an open-addressing hash table over the names in capitals. Names are letters only, so clearing bit 5
 * of a byte brings a letter of either case to the capital and turns no other byte into one.
 */
import { assert } from "../core/assert.ts";
import { equalsWord, textOf } from "../core/bytes.ts";
import { REQUEST_KEYS_MAX, REQUEST_WORDS_MAX } from "../core/limits.ts";
import { ARGUMENTS_MAX, ARITY } from "./command_columns.ts";
import { COMMAND_SPECS, type CommandSpec, type SubcommandSpec } from "./command_specs.ts";
import type { Request } from "./request.ts";

const TABLE_SIZE = 512;
const TABLE_MASK = TABLE_SIZE - 1;
const EMPTY = -1;
const TO_UPPER = 0xdf;
/** Each name takes this many bytes of `names`. */
const NAME_STRIDE = 16;
/** What of a name and of the arguments behind it is quoted in an error, as in Redis. */
const QUOTED_BYTES_MAX = 128;

const table = new Int16Array(TABLE_SIZE).fill(EMPTY);
const names = new Uint8Array(COMMAND_SPECS.length * NAME_STRIDE);
const nameLengths = Uint8Array.from(COMMAND_SPECS, (spec) => spec.name.length);

assert(COMMAND_SPECS.length * 4 <= TABLE_SIZE, "the table of names stays sparse, so that a search ends soon");
for (const [command, { name }] of COMMAND_SPECS.entries()) {
  assert(/^[A-Z]+$/.test(name) && name.length <= NAME_STRIDE, "a name is letters only, and not too long");
  const at = command * NAME_STRIDE;
  for (let i = 0; i < name.length; i++) names[at + i] = name.charCodeAt(i);
  let place = hashOfName(names, at, at + name.length);
  while (table[place] !== EMPTY) place = (place + 1) & TABLE_MASK;
  table[place] = command;
}

/** Index in `COMMAND_SPECS` of the command named by `bytes[start, end)`, in any case; −1 when there is none. */
export function findCommand(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > NAME_STRIDE) return EMPTY;
  let place = hashOfName(bytes, start, end);
  let command = table[place]!;
  while (command !== EMPTY) {
    if (nameLengths[command] === length) {
      const at = command * NAME_STRIDE;
      let i = 0;
      while (i < length && (bytes[start + i]! & TO_UPPER) === names[at + i]) i++;
      if (i === length) return command;
    }
    place = (place + 1) & TABLE_MASK;
    command = table[place]!;
  }
  return EMPTY;
}

/** The subcommand that argument 1 names; `null` when `spec` has none of that name. */
export function findSubcommand(spec: CommandSpec, request: Request): SubcommandSpec | null {
  const start = request.starts[1]!;
  const end = request.ends[1]!;
  return spec.subcommands?.find(({ name }) => equalsWord(request.bytes, start, end, name)) ?? null;
}

/** Whether a request of `argumentCount` arguments has as many as `arity` asks for. */
export function fitsArity(arity: number, argumentCount: number): boolean {
  return arity >= 0 ? argumentCount === arity : argumentCount >= -arity;
}

/** `ERR unknown command 'foo', with args beginning with: 'a' 'b' `, trailing blank and all, as Redis says it. */
export function unknownCommandText(request: Request): string {
  let beginning = "";
  for (let i = 1; i < request.argumentCount && beginning.length < QUOTED_BYTES_MAX; i++) {
    beginning += `'${quotedArgument(request, i, QUOTED_BYTES_MAX - beginning.length)}' `;
  }
  const name = quotedArgument(request, 0, QUOTED_BYTES_MAX);
  return `ERR unknown command '${name}', with args beginning with: ${beginning}`;
}

/** Why command `command` does not run with so many arguments; empty when it does. */
export function wrongCountText(command: number, argumentCount: number): string {
  const spec = COMMAND_SPECS[command]!;
  if (!fitsArity(ARITY[command]!, argumentCount)) return wrongArityText(spec);
  if (argumentCount <= ARGUMENTS_MAX[command]!) return "";
  return spec.keys !== null && spec.keys.last < 0
    ? `ERR ${spec.name} takes at most ${REQUEST_KEYS_MAX} keys: use several requests`
    : `ERR ${spec.name} takes at most ${REQUEST_WORDS_MAX} arguments`;
}

export function wrongArityText(spec: CommandSpec): string {
  return `ERR wrong number of arguments for '${spec.name.toLowerCase()}' command`;
}

export function wrongSubcommandArityText(spec: CommandSpec, subcommand: SubcommandSpec): string {
  const name = `${spec.name}|${subcommand.name}`.toLowerCase();
  return `ERR wrong number of arguments for '${name}' command`;
}

export function unknownSubcommandText(spec: CommandSpec, request: Request): string {
  return `ERR unknown subcommand '${quotedArgument(request, 1, QUOTED_BYTES_MAX)}'. Try ${spec.name} HELP.`;
}

function hashOfName(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = (hash * 31 + (bytes[i]! & TO_UPPER)) & 0xffff;
  return (hash ^ (hash >>> 9)) & TABLE_MASK;
}

function quotedArgument(request: Request, argument: number, bytesMax: number): string {
  const start = request.starts[argument]!;
  return textOf(request.bytes, start, Math.min(request.ends[argument]!, start + bytesMax));
}
