import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { textOf } from "../../src/core/bytes.ts";
import type { Clock } from "../../src/core/clock.ts";
import { REQUEST_KEYS_MAX, REQUEST_NAMES_MAX } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { COMMAND_SPECS } from "../../src/protocol/command_specs.ts";
import type { Reply } from "../../src/protocol/reply.ts";
import { parseReply, type ReplyValue } from "../../src/protocol/reply_scanner.ts";
import { RequestDecoder } from "../../src/protocol/request_decoder.ts";
import { RespReply } from "../../src/protocol/resp_reply.ts";
import { type Session, SessionRegistry } from "../../src/serving/session.ts";
import { type Say, SESSION_HANDLERS, type SessionContext } from "../../src/serving/session_commands.ts";
import type { InfoSections, ServerFacts } from "../../src/serving/server_facts.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { TickingClock } from "../support/ticking_clock.ts";
import { TextReply } from "../../src/protocol/text_reply.ts";
import { encoded } from "../protocol/support.ts";

/** One client of a server that knows the session commands only. */
class Client {
  readonly session: Session;
  readonly #sessions: SessionRegistry;
  readonly #output = new OutputBuffer();
  readonly #request = new RequestDecoder();
  readonly #resp = new RespReply(this.#output);
  nowMs = 1_700_000_001_234;
  clock: Clock = new FakeClock();
  server: ServerFacts = {
    settings: () => [["maxmemory", "1048576"], ["maxmemory-policy", "allkeys-lru"], ["save", ""]],
    cluster: () => ({ enabled: false, myId: "", myPort: 0, version: 0, nodes: () => [], shards: () => [] }),
    infoSections: () => this.sections,
  };
  sections: InfoSections | Promise<InfoSections> = {};
  /** What the last request has left to be said later. */
  later: void | Promise<Say> = undefined;
  mode: "standalone" | "cluster" = "standalone";

  constructor(sessions = new SessionRegistry()) {
    this.#sessions = sessions;
    this.session = sessions.open("10.0.0.1:5000", this.clock.monotonicMs());
  }

  /** The bytes of the reply. */
  raw(...args: string[]): string {
    return this.#run(args, this.#resp);
  }

  /** The reply as lines for people. */
  text(...args: string[]): string {
    return this.#run(args, new TextReply(this.#output));
  }

  /** What is said later, in RESP. */
  say(say: Say): string {
    this.#output.clear();
    say(this.#resp);
    return textOf(this.#output.view());
  }

  /** The reply as plain data; only in RESP 2. */
  call(...args: string[]): unknown {
    this.raw(...args);
    return plain(parseReply(this.#output.bytes, 0, this.#output.length));
  }

  #run(args: string[], reply: Reply): string {
    const bytes = encoded(...args);
    this.#request.decode(bytes, 0, bytes.length);
    this.#output.clear();
    const context: SessionContext = {
      request: this.#request,
      reply,
      session: this.session,
      sessions: this.#sessions,
      clock: this.clock,
      nowMs: this.nowMs,
      server: this.server,
      mode: this.mode,
      protocolChanged: () => this.#resp.version = this.session.protocolVersion,
    };
    this.later = SESSION_HANDLERS[args[0]!]!(context);
    return textOf(this.#output.view());
  }
}

function plain(value: ReplyValue): unknown {
  switch (value.kind) {
    case "simple":
      return value.text;
    case "error":
      return `-${value.text}`;
    case "integer":
      return value.value;
    case "bulk":
      return textOf(value.bytes);
    case "nil":
      return null;
    case "array":
      return value.items.map(plain);
  }
}

const VISIBLE = COMMAND_SPECS.filter(({ name }) => name !== "ROUNDEL" && name !== "MULTI");

Deno.test("PING answers PONG, or what it was given", () => {
  const client = new Client();
  assertEquals(client.raw("PING"), "+PONG\r\n");
  assertEquals(client.raw("PING", "hello"), "$5\r\nhello\r\n");
  assertEquals(client.call("PING", "a", "b"), "-ERR wrong number of arguments for 'ping' command");
});

Deno.test("ECHO returns its argument", () => {
  assertEquals(new Client().raw("ECHO", "a\r\nb"), "$4\r\na\r\nb\r\n");
});

Deno.test("QUIT answers OK and wants the connection closed", () => {
  const client = new Client();
  assertEquals(client.session.wantsClose, false);
  assertEquals(client.call("QUIT"), "OK");
  assertEquals(client.session.wantsClose, true);
});

Deno.test("SELECT knows database 0 only", () => {
  const client = new Client();
  assertEquals(client.call("SELECT", "0"), "OK");
  assertEquals(client.call("SELECT", "x"), "-ERR value is not an integer or out of range");
  assertEquals(client.session.wantsClose, false);
});

Deno.test("SELECT of another database ends the connection, so that nobody goes on in database 0", () => {
  for (const index of ["1", "-1", "99"]) {
    const client = new Client();
    assertEquals(client.call("SELECT", index), "-ERR DB index is out of range");
    assertEquals(client.session.wantsClose, true);
  }
});

Deno.test("MULTI ends the connection, so that no command that was to be queued is run", () => {
  const client = new Client();
  assertMatch(client.raw("MULTI"), /^-ERR unknown command 'MULTI'/);
  assertEquals(client.session.wantsClose, true);
});

Deno.test("AUTH takes the default user, who has no password, as Redis does", () => {
  const client = new Client();
  const wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
  assertEquals(client.call("AUTH", "default", "x"), "OK");
  assertEquals(client.call("AUTH", "DEFAULT", "x"), wrong);
  assertEquals(client.call("AUTH", "other", "x"), wrong);
  assertEquals(client.call("AUTH", "a", "b", "c"), "-ERR syntax error");
  assertMatch(client.raw("AUTH", "x"), /^-ERR AUTH <password> called without any password configured/);
  assertEquals(client.call("HELLO", "3", "AUTH", "other", "x"), wrong);
  assertEquals(client.session.protocolVersion, 2);
  assertMatch(client.raw("HELLO", "3", "AUTH", "default", "x", "SETNAME", "me"), /^%7\r\n/);
  assertEquals(client.session.name, "me");
});

Deno.test("CONFIG GET has one glob matcher, in any case, and refuses what is too much", () => {
  const client = new Client();
  assertEquals(client.call("CONFIG", "GET", "max[m]emory"), ["maxmemory", "1048576"]);
  assertEquals(
    String(client.call("CONFIG", "GET", "MAX*", "save")),
    "maxmemory,1048576,maxmemory-policy,allkeys-lru,save,",
  );
  assertEquals(client.call("CONFIG", "GET", "z".repeat(40_000)), []);
  assertEquals(
    client.call("CONFIG", "GET", "z".repeat(70_000)),
    "-ERR pattern is longer than any key can need (65535 bytes)",
  );
  const many = Array.from({ length: REQUEST_NAMES_MAX + 1 }, () => "*");
  assertEquals(client.call("CONFIG", "GET", ...many), "-ERR CONFIG GET takes at most 64 patterns");
});

Deno.test("TIME gives seconds and microseconds", () => {
  const client = new Client();
  assertEquals(client.call("TIME"), ["1700000001", "234000"]);
});

Deno.test("HELLO describes the server in the present version", () => {
  const client = new Client();
  client.mode = "cluster";
  assertEquals(client.call("HELLO"), [
    "server",
    "redis",
    "version",
    "7.4.0",
    "proto",
    2,
    "id",
    1,
    "mode",
    "cluster",
    "role",
    "master",
    "modules",
    [],
  ]);
});

Deno.test("HELLO 3 answers in RESP 3 already, and HELLO 2 goes back", () => {
  const client = new Client();
  assertStringIncludes(client.raw("HELLO", "3"), "%7\r\n$6\r\nserver\r\n");
  assertEquals(client.session.protocolVersion, 3);
  assertEquals(client.raw("CLIENT", "GETNAME"), "_\r\n");
  assertStringIncludes(client.raw("HELLO"), "$5\r\nproto\r\n:3\r\n");
  assertStringIncludes(client.raw("HELLO", "2"), "*14\r\n");
  assertEquals(client.session.protocolVersion, 2);
});

Deno.test("HELLO takes a name along", () => {
  const client = new Client();
  client.call("HELLO", "2", "setname", "worker-1");
  assertEquals(client.call("CLIENT", "GETNAME"), "worker-1");
});

Deno.test("HELLO changes nothing when something in it is wrong", () => {
  const client = new Client();
  const wrongUser = "-WRONGPASS invalid username-password pair or user is disabled.";
  assertEquals(client.call("HELLO", "x"), "-ERR Protocol version is not an integer or out of range");
  assertEquals(client.call("HELLO", "4"), "-NOPROTO unsupported protocol version");
  assertEquals(client.call("HELLO", "1"), "-NOPROTO unsupported protocol version");
  assertEquals(client.call("HELLO", "3", "AUTH", "other", "secret"), wrongUser);
  assertEquals(client.call("HELLO", "3", "SETNAME", "x", "AUTH", "other", "secret"), wrongUser);
  assertEquals(client.call("HELLO", "3", "AUTH", "x"), "-ERR Syntax error in HELLO option 'AUTH'");
  assertEquals(client.call("HELLO", "3", "SETNAME"), "-ERR Syntax error in HELLO option 'SETNAME'");
  assertEquals(client.call("HELLO", "3", "bogus"), "-ERR Syntax error in HELLO option 'bogus'");
  assertEquals(
    client.call("HELLO", "3", "SETNAME", "a b"),
    "-ERR Client names cannot contain spaces, newlines or special characters.",
  );
  assertEquals(client.session.protocolVersion, 2);
  assertEquals(client.session.name, "");
});

Deno.test("CLIENT ID gives every session its own number", () => {
  const sessions = new SessionRegistry();
  const [first, second] = [new Client(sessions), new Client(sessions)];
  assertEquals([first.call("CLIENT", "ID"), second.call("CLIENT", "id")], [1, 2]);
  sessions.close(second.session);
  sessions.close(second.session);
  assertEquals(new Client(sessions).call("CLIENT", "ID"), 3);
  assertEquals(sessions.count, 2);
});

Deno.test("CLIENT SETNAME names the connection, and unnames it", () => {
  const client = new Client();
  assertEquals(client.call("CLIENT", "GETNAME"), null);
  assertEquals(client.call("CLIENT", "SETNAME", "a"), "OK");
  assertEquals(client.call("CLIENT", "GETNAME"), "a");
  const refusal = "-ERR Client names cannot contain spaces, newlines or special characters.";
  for (const name of ["a b", "a\n", "\x7f", "grün"]) {
    assertEquals(client.call("CLIENT", "SETNAME", name), refusal);
  }
  assertEquals(
    client.call("CLIENT", "SETNAME", "x".repeat(1025)),
    "-ERR Client names cannot be longer than 1024 bytes",
  );
  assertEquals(client.call("CLIENT", "GETNAME"), "a");
  assertEquals(client.call("CLIENT", "SETNAME", ""), "OK");
  assertEquals(client.call("CLIENT", "GETNAME"), null);
});

Deno.test("CLIENT SETINFO notes the library", () => {
  const client = new Client();
  assertEquals(client.call("CLIENT", "SETINFO", "LIB-NAME", "ioredis"), "OK");
  assertEquals(client.call("CLIENT", "SETINFO", "lib-ver", "6.0.0"), "OK");
  assertStringIncludes(client.call("CLIENT", "INFO") as string, " lib-name=ioredis lib-ver=6.0.0\n");
  assertEquals(client.call("CLIENT", "SETINFO", "lib-size", "1"), "-ERR Unrecognized option 'lib-size'");
  assertEquals(
    client.call("CLIENT", "SETINFO", "lib-name", "a b"),
    "-ERR lib-name cannot contain spaces, newlines or special characters.",
  );
});

Deno.test("CLIENT LIST has a line for each session, CLIENT INFO one for its own", () => {
  const sessions = new SessionRegistry();
  const [first, second] = [new Client(sessions), new Client(sessions)];
  const clock = new FakeClock();
  first.clock = clock;
  clock.advance(65_000);
  clock.jumpTo(0);
  first.session.lastActiveMs += 64_500;
  first.session.lastCommand = COMMAND_SPECS.findIndex(({ name }) => name === "CLIENT");
  first.session.name = "one";
  sessions.localAddress = "10.0.0.9:8081";
  const line = (id: number, name: string, idle: number, cmd: string) =>
    `id=${id} addr=10.0.0.1:5000 laddr=10.0.0.9:8081 fd=-1 name=${name} age=65 idle=${idle} flags=N db=0 sub=0 psub=0 ` +
    "ssub=0 multi=-1 watch=0 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 " +
    `events=r cmd=${cmd} user=default redir=-1 resp=2 lib-name= lib-ver=\n`;
  assertEquals(first.call("CLIENT", "INFO"), line(1, "one", 0, "client|info"));
  assertEquals(first.call("CLIENT", "LIST"), line(1, "one", 0, "client|list") + line(2, "", 65, "NULL"));
  assertEquals(first.call("CLIENT", "LIST", "ID", "2", "7", "2"), line(2, "", 65, "NULL"));
  assertEquals(first.call("CLIENT", "LIST", "TYPE", "pubsub"), "");
  sessions.close(second.session);
  assertEquals(first.call("CLIENT", "LIST"), line(1, "one", 0, "client|list"));
});

Deno.test("CLIENT LIST of many sessions is made in steps, between which others are served", async () => {
  const sessions = new SessionRegistry();
  const client = new Client(sessions);
  const clock = new TickingClock();
  client.clock = clock;
  for (let i = 1; i < 1_000; i++) sessions.open(`10.0.0.1:${i}`, client.nowMs);
  assertEquals(client.raw("CLIENT", "LIST"), "");
  const said = client.later!.then((say) => client.say(say));
  await clock.runAll();
  // A head, a line each, and what is behind the last line and behind the value.
  assertEquals((await said).split("\n").length, 1_003);
  assert(clock.turns > 5, `${clock.turns} turns`);
});

Deno.test("CLIENT and COMMAND say which subcommand or count of arguments is wrong", () => {
  const client = new Client();
  assertEquals(client.call("CLIENT", "foo"), "-ERR unknown subcommand 'foo'. Try CLIENT HELP.");
  assertEquals(client.call("COMMAND", "foo"), "-ERR unknown subcommand 'foo'. Try COMMAND HELP.");
  assertEquals(
    client.call("CLIENT", "SETNAME"),
    "-ERR wrong number of arguments for 'client|setname' command",
  );
  assertEquals(client.call("CLIENT", "ID", "x"), "-ERR wrong number of arguments for 'client|id' command");
});

Deno.test("CLIENT HELP lists the subcommands", () => {
  const lines = new Client().call("CLIENT", "HELP") as string[];
  assertEquals(lines[0], "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const word of ["ID", "SETNAME connection-name", "INFO", "HELP"]) assert(lines.includes(word), word);
});

Deno.test("COMMAND COUNT and COMMAND leave out what is internal", () => {
  const client = new Client();
  assertEquals(client.call("COMMAND", "COUNT"), VISIBLE.length);
  const all = client.call("COMMAND") as unknown[][];
  assertEquals(all.map(([name]) => name), VISIBLE.map(({ name }) => name.toLowerCase()));
  assertEquals(all, client.call("COMMAND", "INFO"));
  for (const entry of all) assertEquals(entry.length, 10);
});

Deno.test("COMMAND INFO describes a command as Redis does", () => {
  const [get, none, hidden, mset] = new Client().call(
    "COMMAND",
    "INFO",
    "get",
    "nope",
    "ROUNDEL",
    "MSET",
  ) as unknown[];
  const range = (last: number, step: number) => [
    "type",
    "range",
    "spec",
    ["lastkey", last, "keystep", step, "limit", 0],
  ];
  const index = ["type", "index", "spec", ["index", 1]];
  assertEquals(get, [
    "get",
    2,
    ["readonly", "fast"],
    1,
    1,
    1,
    ["@string", "@read", "@fast"],
    [],
    [["flags", ["RO"], "begin_search", index, "find_keys", range(0, 1)]],
    [],
  ]);
  assertEquals([none, hidden], [null, null]);
  assertEquals(mset, [
    "mset",
    -3,
    ["write", "denyoom"],
    1,
    -1,
    2,
    ["@string", "@write", "@slow"],
    ["request_policy:multi_shard", "response_policy:all_succeeded"],
    [["flags", ["RW"], "begin_search", index, "find_keys", range(-1, 2)]],
    [],
  ]);
});

Deno.test("COMMAND INFO describes subcommands in the same form", () => {
  const [client] = new Client().call("COMMAND", "INFO", "client") as unknown[][];
  const subcommands = client![9] as unknown[][];
  assertEquals(subcommands.map(([name]) => name), [
    "client|id",
    "client|setname",
    "client|getname",
    "client|setinfo",
    "client|info",
    "client|list",
  ]);
  for (const entry of subcommands) assertEquals(entry.length, 10);
  assertEquals(subcommands[1]![1], 3);
});

Deno.test("COMMAND INFO uses maps and sets in RESP 3", () => {
  const client = new Client();
  client.raw("HELLO", "3");
  const reply = client.raw("COMMAND", "INFO", "get");
  assertStringIncludes(reply, "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n");
  assertStringIncludes(reply, "%3\r\n$5\r\nflags\r\n~1\r\n+RO\r\n");
});

Deno.test("COMMAND DOCS maps names to summaries, and leaves out what does not exist", () => {
  const client = new Client();
  const [name, docs, ...rest] = client.call("COMMAND", "DOCS", "GET", "nope") as unknown[];
  assertEquals(name, "get");
  assertEquals(docs, ["summary", "Returns the value of a key", "since", "1.0.0", "group", "string"]);
  assertEquals(rest, []);
  assertEquals((client.call("COMMAND", "DOCS") as unknown[]).length, VISIBLE.length * 2);
  const [, clientDocs] = client.call("COMMAND", "DOCS", "client") as unknown[][];
  assertEquals(clientDocs![6], "subcommands");
  assertEquals((clientDocs![7] as unknown[])[0], "client|id");
});

Deno.test("HELP lists every command but the internal one, for people", () => {
  const help = new Client().text("HELP");
  for (const { usage, summary } of VISIBLE) assertStringIncludes(help, `\n  ${usage}\n      ${summary}\n`);
  assert(!help.includes("ROUNDEL"));
  assert(help.endsWith("\n") && !help.includes("\r"));
});

Deno.test("HELP tells about one command", () => {
  const client = new Client();
  assertEquals(client.text("HELP", "ttl").split("\n")[0], "TTL key");
  assertEquals((client.call("HELP", "client") as string[])[2], "CLIENT ID");
  assertEquals(client.call("HELP", "nope"), "-ERR no such command; HELP lists them all");
  assertEquals(client.call("HELP", "roundel"), "-ERR no such command; HELP lists them all");
  assertEquals(client.call("HELP", "a", "b"), "-ERR wrong number of arguments for 'help' command");
});

Deno.test("SESSION_HANDLERS are commands of the table", () => {
  for (const name of Object.keys(SESSION_HANDLERS)) {
    const routing = COMMAND_SPECS.find((spec) => spec.name === name)?.routing;
    assert(routing === "local" || routing === "info", name);
  }
});

Deno.test("COMMAND INFO and DOCS describe a command once, however often it is named", () => {
  const client = new Client();
  const names = Array.from({ length: 20_000 }, () => "get");
  assertEquals(client.call("COMMAND", "INFO", ...names), client.call("COMMAND", "INFO", "get"));
  assertEquals(client.call("COMMAND", "DOCS", ...names), client.call("COMMAND", "DOCS", "get"));
  const [get, none, set] = client.call("COMMAND", "INFO", "get", "nope", "get", "set") as unknown[][];
  assertEquals([get![0], none, set![0]], ["get", null, "set"]);
  const unknown = Array.from({ length: REQUEST_KEYS_MAX + 1 }, () => "nope");
  assertEquals((client.call("COMMAND", "INFO", ...unknown.slice(1)) as unknown[]).length, REQUEST_KEYS_MAX);
  assertEquals(
    client.call("COMMAND", "INFO", ...unknown),
    "-ERR COMMAND INFO takes at most 16384 names that are no commands",
  );
});

Deno.test("INFO gives the sections that are named, in any case, and all when none is", async () => {
  const client = new Client();
  client.sections = {
    Server: () => [["redis_version", "7.4.0"], ["tcp_port", 8081]],
    Keyspace: () => [],
    Memory: () => "it is not known",
  };
  const server = "# Server\r\nredis_version:7.4.0\r\ntcp_port:8081\r\n";
  for (const names of [[], ["all"], ["EVERYTHING", "x"], ["default"], ["server", "keySpace"]]) {
    assertEquals(client.call("INFO", ...names), `${server}\r\n# Keyspace\r\n`);
  }
  assertEquals(client.call("INFO", "SERVER", "server"), server);
  assertEquals(client.call("INFO", "nosuch"), "");
  assertEquals(client.call("INFO", "memory"), "-ERR INFO Memory: it is not known");
  const many = Array.from({ length: REQUEST_NAMES_MAX + 1 }, () => "server");
  assertEquals(client.call("INFO", ...many), "-ERR INFO takes at most 64 sections");
  client.sections = Promise.resolve(client.sections);
  assertEquals(client.raw("INFO", "server"), "");
  assertEquals(client.say(await client.later!), `$${server.length}\r\n${server}\r\n`);
});
