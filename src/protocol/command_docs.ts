/** `COMMAND`, which describes the commands to client libraries, and `HELP`, which does so for people. */
import { REQUEST_KEYS_MAX } from "../core/limits.ts";
import { VERSION } from "../core/version.ts";
import { COMMAND_SPECS, type CommandGroup, type CommandSpec, type Routing } from "./command_specs.ts";
import { findCommand } from "./command_table.ts";
import type { Reply } from "./reply.ts";
import type { Request } from "./request.ts";

const TOO_MANY_NAMES = `ERR COMMAND INFO takes at most ${REQUEST_KEYS_MAX} names that are no commands`;
const SHOWN_SPECS = COMMAND_SPECS.filter((spec) => !spec.isHidden);

const GROUP_TITLES: Readonly<Record<CommandGroup, string>> = {
  string: "Values",
  generic: "Keys",
  connection: "Connection",
  server: "Server",
  cluster: "Cluster",
};

/** What a routing tells a library that splits commands itself, in Redis' words ("command tips"). */
const ROUTING_TIPS: Readonly<Record<Routing, readonly string[]>> = {
  "local": [],
  "key": [],
  "same-slot": [],
  "split-sum": ["request_policy:multi_shard", "response_policy:agg_sum"],
  "split-array": ["request_policy:multi_shard"],
  "split-ok": ["request_policy:multi_shard", "response_policy:all_succeeded"],
  "all-sum": ["request_policy:all_shards", "response_policy:agg_sum"],
  "all-array": ["request_policy:all_shards", "nondeterministic_output_order"],
  "all-ok": ["request_policy:all_shards", "response_policy:all_succeeded"],
  "all-min": ["request_policy:all_shards", "response_policy:agg_min"],
  "scan": ["nondeterministic_output", "request_policy:special"],
  "random-key": ["request_policy:all_shards", "nondeterministic_output"],
  "info": ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
};

/** `COMMAND`. */
export function replyAllCommands(reply: Reply): void {
  reply.arrayStart(SHOWN_SPECS.length);
  for (const spec of SHOWN_SPECS) replyCommand(spec, reply);
}

/** `COMMAND COUNT`. */
export function replyCommandCount(reply: Reply): void {
  reply.integer(SHOWN_SPECS.length);
}

/** `COMMAND INFO [name …]`: an element for each name, missing where there is no such command; a name counts once. */
export function replyCommandInfo(request: Request, reply: Reply): void {
  if (request.argumentCount === 2) return replyAllCommands(reply);
  const specs = specsNamedFrom(request, 2);
  if (specs.length > REQUEST_KEYS_MAX) return reply.error(TOO_MANY_NAMES);
  reply.arrayStart(specs.length);
  for (const spec of specs) {
    if (spec === null) reply.nil();
    else replyCommand(spec, reply);
  }
}

/** `COMMAND DOCS [name …]`: a map by name, without those that do not exist. */
export function replyCommandDocs(request: Request, reply: Reply): void {
  const specs = request.argumentCount === 2
    ? SHOWN_SPECS
    : specsNamedFrom(request, 2).filter((spec) => spec !== null);
  reply.mapStart(specs.length);
  for (const spec of specs) {
    reply.bulkText(spec.name.toLowerCase());
    const { subcommands } = spec;
    reply.mapStart(subcommands === null ? 3 : 4);
    replyPairs(reply, ["summary", spec.summary], ["since", spec.since], ["group", spec.group]);
    if (subcommands === null) continue;
    reply.bulkText("subcommands");
    reply.mapStart(subcommands.length);
    for (const subcommand of subcommands) {
      reply.bulkText(`${spec.name}|${subcommand.name}`.toLowerCase());
      reply.mapStart(3);
      replyPairs(reply, ["summary", subcommand.summary], ["since", spec.since], ["group", spec.group]);
    }
  }
}

/** `HELP [command]`: an array of lines. */
export function replyHelp(request: Request, reply: Reply): void {
  if (request.argumentCount === 1) return replyLines(overview(), reply);
  const spec = specNamedBy(request, 1);
  if (spec === null) return reply.error("ERR no such command; HELP lists them all");
  replyLines(linesAbout(spec), reply);
}

function overview(): string[] {
  const lines = [`Roundel ${VERSION}. HELP command tells about one of these:`];
  for (const [group, title] of Object.entries(GROUP_TITLES)) {
    lines.push("", title);
    for (const spec of SHOWN_SPECS) {
      if (spec.group === group) lines.push(`  ${spec.usage}`, `      ${spec.summary}`);
    }
  }
  return lines;
}

function linesAbout(spec: CommandSpec): string[] {
  const lines = [spec.usage, `  ${spec.summary}`];
  for (const { usage, summary } of spec.subcommands ?? []) {
    lines.push(`${spec.name} ${usage}`, `  ${summary}`);
  }
  return lines;
}

function replyLines(lines: readonly string[], reply: Reply): void {
  reply.arrayStart(lines.length);
  for (const line of lines) reply.bulkText(line);
}

/** One command as Redis 7 gives it: ten elements, the last of them its subcommands in the same form. */
function replyCommand(spec: CommandSpec, reply: Reply): void {
  replyDescription(spec.name.toLowerCase(), spec.arity, spec, reply);
  const subcommands = spec.subcommands ?? [];
  reply.arrayStart(subcommands.length);
  for (const { name, arity } of subcommands) {
    replyDescription(`${spec.name}|${name}`.toLowerCase(), arity, spec, reply);
    reply.arrayStart(0);
  }
}

/** All but the subcommands. */
function replyDescription(name: string, arity: number, spec: CommandSpec, reply: Reply): void {
  reply.arrayStart(10);
  reply.bulkText(name);
  reply.integer(arity);
  replyStatusSet(spec.flags, reply);
  reply.integer(spec.keys?.first ?? 0);
  reply.integer(spec.keys?.last ?? 0);
  reply.integer(spec.keys?.step ?? 0);
  replyStatusSet(categoriesOf(spec), reply);
  const tips = ROUTING_TIPS[spec.routing];
  reply.setStart(tips.length);
  for (const tip of tips) reply.bulkText(tip);
  replyKeySpecs(spec, reply);
}

/** Where the keys are, in the second of the two ways in which Redis says so; `lastkey` counts from the first. */
function replyKeySpecs({ keys, write }: CommandSpec, reply: Reply): void {
  reply.setStart(keys === null ? 0 : 1);
  if (keys === null) return;
  reply.mapStart(3);
  reply.bulkText("flags");
  replyStatusSet([write ? "RW" : "RO"], reply);
  reply.bulkText("begin_search");
  reply.mapStart(2);
  replyPairs(reply, ["type", "index"]);
  reply.bulkText("spec");
  reply.mapStart(1);
  replyPairs(reply, ["index", keys.first]);
  reply.bulkText("find_keys");
  reply.mapStart(2);
  replyPairs(reply, ["type", "range"]);
  reply.bulkText("spec");
  reply.mapStart(3);
  const last = keys.last < 0 ? keys.last : keys.last - keys.first;
  replyPairs(reply, ["lastkey", last], ["keystep", keys.step], ["limit", 0]);
}

function categoriesOf({ flags, group }: CommandSpec): string[] {
  const has = (flag: string) => flags.includes(flag);
  const categories = group === "string" || group === "connection" ? [`@${group}`] : [];
  if (group === "generic") categories.push("@keyspace");
  if (has("readonly")) categories.push("@read");
  if (has("write")) categories.push("@write");
  if (has("admin")) categories.push("@admin", "@dangerous");
  categories.push(has("fast") ? "@fast" : "@slow");
  return categories;
}

function replyStatusSet(words: readonly string[], reply: Reply): void {
  reply.setStart(words.length);
  for (const word of words) reply.simple(word);
}

function replyPairs(reply: Reply, ...pairs: readonly (readonly [string, string | number])[]): void {
  for (const [name, value] of pairs) {
    reply.bulkText(name);
    if (typeof value === "number") reply.integer(value);
    else reply.bulkText(value);
  }
}

function specNamedBy({ bytes, starts, ends }: Request, argument: number): CommandSpec | null {
  const spec = COMMAND_SPECS[findCommand(bytes, starts[argument]!, ends[argument]!)];
  return spec === undefined || spec.isHidden ? null : spec;
}

/**
 * The specs that the arguments from `first` on name, each once, and `null` for each that names none: `REQUEST_KEYS_MAX`
 * and one more at most.
 */
function specsNamedFrom(request: Request, first: number): (CommandSpec | null)[] {
  const seen = new Set<CommandSpec>();
  const specs: (CommandSpec | null)[] = [];
  for (let i = first; i < request.argumentCount && specs.length <= REQUEST_KEYS_MAX; i++) {
    const spec = specNamedBy(request, i);
    if (spec !== null && seen.has(spec)) continue;
    if (spec !== null) seen.add(spec);
    specs.push(spec);
  }
  return specs;
}
