/** Flags of the three programs: precedence, what each takes, and how a bad one is refused. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../src/core/errors.ts";
import { STORE_CAP_BYTES_MIN } from "../../src/core/limits.ts";
import { balancerConfig, clusterConfig, nodeConfig } from "../../src/config/config.ts";
import { addressText, remoteText } from "../../src/io/network.ts";
import { InformationRequest } from "../../src/core/errors.ts";

const NOTHING = new Map<string, string>();

function node(...args: string[]) {
  return nodeConfig(args, NOTHING);
}

function balancer(...args: string[]) {
  return balancerConfig(["--node", "127.0.0.1:8081", ...args], NOTHING);
}

function cluster(...args: string[]) {
  return clusterConfig(args, NOTHING);
}

function refusal(run: () => unknown): string {
  return assertThrows(run, UsageError).message;
}

Deno.test("A node without flags has the defaults that the contract names", () => {
  assertEquals(node(), {
    port: 8081,
    host: "127.0.0.1",
    dataDir: "data",
    maxMemoryBytes: 256 * 1024 * 1024,
    fsync: "always",
    dumpIntervalMs: 3_600_000,
    dumpLogBytes: 256 * 1024 * 1024,
    standalone: false,
    clientStallMs: 60_000,
    clientCountMax: 20_000,
    logLevel: "info",
    logFormat: "text",
    exitWithParent: false,
    health: false,
  });
});

Deno.test("A cluster without flags has the defaults that the contract names", () => {
  const config = cluster();
  assertEquals(
    [
      config.port,
      config.nodePort,
      config.nodes,
      config.replicas,
      config.shards,
      config.adminPort,
      config.routing,
    ],
    [8080, 8081, 2, 0, 16, 9080, "slots"],
  );
});

Deno.test("A flag on the command line wins over the environment, and the environment over the default", () => {
  const environment = new Map([["ROUNDEL_PORT", "7001"], ["ROUNDEL_MAX_MEMORY", "1gb"]]);
  const config = nodeConfig(["--port", "7002"], environment);
  assertEquals(config.port, 7002);
  assertEquals(config.maxMemoryBytes, 1024 ** 3);
  assertEquals(config.host, "127.0.0.1");
});

Deno.test("An empty environment variable counts as not set", () => {
  assertEquals(nodeConfig([], new Map([["ROUNDEL_PORT", ""]])).port, 8081);
});

Deno.test("A bad value from the environment is refused with the name of the variable", () => {
  const message = refusal(() => nodeConfig([], new Map([["ROUNDEL_LOG_LEVEL", "loud"]])));
  assertEquals(
    message,
    'Bad value for --log-level (from ROUNDEL_LOG_LEVEL): "loud": takes debug, info, warn or error',
  );
});

Deno.test("A flag may be tied to its value by an equals sign, and the last one counts", () => {
  assertEquals(node("--port=1", "--port", "2").port, 2);
});

Deno.test("A bad value is refused with flag, value and what it takes", () => {
  const cases: [string[], string][] = [
    [["--port", "abc"], 'Bad value for --port: "abc": takes a port number from 0 to 65535'],
    [["--port", "65536"], 'Bad value for --port: "65536": takes a port number'],
    [["--port=-1"], 'Bad value for --port: "-1": takes a port number'],
    [["--port", "80.5"], 'Bad value for --port: "80.5": takes a port number'],
    [["--host", "a b"], 'Bad value for --host: "a b": takes a host name or an IP address'],
    [["--max-memory", "lots"], 'Bad value for --max-memory: "lots": takes a size such as 256mb'],
    [["--max-memory", "1kb"], 'Bad value for --max-memory: "1kb": takes a size such as 256mb'],
    [["--max-memory", "1.5gb"], 'Bad value for --max-memory: "1.5gb"'],
    [["--max-memory", "10tostring"], 'Bad value for --max-memory: "10tostring"'],
    [["--fsync", "maybe"], 'Bad value for --fsync: "maybe": takes always, everysec or no'],
    [["--client-stall", "30"], 'Bad value for --client-stall: "30": takes a time such as 500ms'],
    [["--client-stall", "0"], 'Bad value for --client-stall: "0"'],
    [["--dump-interval", "25h"], 'Bad value for --dump-interval: "25h"'],
    [["--max-clients", "0"], 'Bad value for --max-clients: "0": takes a whole number from 1 to'],
    [["--standalone=perhaps"], 'Bad value for --standalone: "perhaps": takes true or false'],
  ];
  for (const [args, expected] of cases) assertStringIncludes(refusal(() => node(...args)), expected);
});

Deno.test("A flag without its value is refused with what it takes", () => {
  assertEquals(
    refusal(() => node("--port")),
    "Missing value for --port: takes a port number from 0 to 65535",
  );
  assertStringIncludes(refusal(() => node("--host", "--port", "1")), "Missing value for --host");
  assertStringIncludes(refusal(() => node("--data-dir=")), "Missing value for --data-dir");
});

Deno.test("An unknown flag is refused, and a near miss is told what was likely meant", () => {
  assertEquals(refusal(() => node("--prot", "1")), "Unknown flag --prot: did you mean --port?");
  assertEquals(
    refusal(() => node("--max-memroy=1gb")),
    "Unknown flag --max-memroy: did you mean --max-memory?",
  );
  assertEquals(refusal(() => node("--colour", "red")), "Unknown flag --colour: --help lists the flags");
  assertEquals(refusal(() => node("-p", "1")), "Unknown flag -p: --help lists the flags");
  assertEquals(
    refusal(() => node("--no-standalone")),
    "Unknown flag --no-standalone: --help lists the flags",
  );
});

Deno.test("A word that belongs to no flag is refused", () => {
  assertEquals(refusal(() => node("start")), 'Unexpected argument: "start"');
  assertEquals(refusal(() => node("--standalone", "yes")), 'Unexpected argument: "yes"');
});

Deno.test("Two dashes in front, as task runners hand them on, are passed over", () => {
  assertEquals(node("--", "--port", "5").port, 5);
});

Deno.test("A switch may stand alone or say true or false", () => {
  assertEquals(node("--standalone").standalone, true);
  assertEquals(node("--standalone", "--port", "1").standalone, true);
  assertEquals(node("--standalone=true").standalone, true);
  assertEquals(node("--standalone=false").standalone, false);
  assertEquals(nodeConfig([], new Map([["ROUNDEL_STANDALONE", "true"]])).standalone, true);
});

Deno.test("Sizes and times are read in all their units", () => {
  assertEquals(node("--max-memory", "262144").maxMemoryBytes, STORE_CAP_BYTES_MIN);
  assertEquals(node("--max-memory", "300KB").maxMemoryBytes, 300 * 1024);
  assertEquals(node("--max-memory", "2gb").maxMemoryBytes, 2 * 1024 ** 3);
  assertEquals(node("--client-stall", "500ms").clientStallMs, 500);
  assertEquals(node("--client-stall", "5m").clientStallMs, 300_000);
  assertEquals(node("--dump-interval", "0").dumpIntervalMs, 0);
  assertEquals(node("--dump-interval", "24h").dumpIntervalMs, 86_400_000);
});

Deno.test("A data folder loses the slashes behind it, and / stays what it is", () => {
  assertEquals(node("--data-dir", "some/where//").dataDir, "some/where");
  assertEquals(node("--data-dir", "/").dataDir, "/");
});

Deno.test("--help and --version are answered, whatever else is wrong", () => {
  const help = assertThrows(() => node("--help", "--bad"), InformationRequest).message;
  for (const flag of ["--port PORT", "--fsync always|everysec|no", "[256mb]", "ROUNDEL_LOG_LEVEL"]) {
    assertStringIncludes(help, flag);
  }
  assertStringIncludes(assertThrows(() => cluster("--version"), InformationRequest).message, "roundel ");
});

Deno.test("A balancer needs at least one node", () => {
  assertEquals(refusal(() => balancerConfig([], NOTHING)), "Missing --node: takes HOST:PORT");
});

Deno.test("A balancer takes nodes one by one, by commas, and from the environment", () => {
  const expected = [{ host: "a", port: 1 }, { host: "::1", port: 2 }, { host: "10.0.0.3", port: 3 }];
  assertEquals(
    balancerConfig(["--node", "a:1", "--node", "[::1]:2", "--node", "10.0.0.3:3"], NOTHING).nodes,
    expected,
  );
  assertEquals(balancerConfig([], new Map([["ROUNDEL_NODE", "a:1,[::1]:2, 10.0.0.3:3"]])).nodes, expected);
  assertEquals(balancer().replace, []);
  assertEquals(balancer("--replace", "a:1").replace, [{ host: "a", port: 1 }]);
});

Deno.test("A bad node address is refused", () => {
  for (const text of ["8081", "host:", "host:0", ":8081", "a:b:1", "host:99999", "a:1,,b:2", "a b:1"]) {
    assertEquals(
      refusal(() => balancerConfig(["--node", text], NOTHING)),
      `Bad value for --node: "${text}": takes HOST:PORT`,
    );
  }
});

Deno.test("Replicas are refused with the reason", () => {
  const few = 'Bad value for --replicas: "2": takes fewer than there are nodes, and there ';
  assertEquals(refusal(() => balancer("--replicas", "2")), `${few}is 1`);
  assertEquals(refusal(() => cluster("--replicas", "2")), `${few}are 2`);
  assertEquals(
    refusal(() => cluster("--replicas", "5", "--nodes", "9")),
    'Bad value for --replicas: "5": takes a whole number from 0 to 4',
  );
  assertEquals(
    refusal(() => cluster("--replicas", "1", "--routing", "round-robin")),
    'Bad value for --replicas: "1": takes 0 with --routing round-robin',
  );
  assertEquals(cluster("--replicas", "2", "--nodes", "3").replicas, 2);
});

Deno.test("A cluster refuses ports that collide or run out", () => {
  assertStringIncludes(refusal(() => cluster("--port", "8082")), "the nodes have 8081 to 8082");
  assertStringIncludes(refusal(() => cluster("--admin-port", "8081")), "Bad value for --admin-port");
  assertStringIncludes(refusal(() => cluster("--port", "9080")), "takes another port than --port");
  assertStringIncludes(refusal(() => cluster("--node-port", "65535")), "takes a port with 1 more above it");
  assertEquals(cluster("--port", "0", "--node-port", "0", "--admin-port", "0").port, 0);
});

Deno.test("A cluster refuses memory in which a shard could not hold the longest key", () => {
  assertEquals(
    refusal(() => cluster("--max-memory", "1mb")),
    'Bad value for --max-memory: "1mb": takes at least 2mb with 16 shards on 2 nodes',
  );
  assertEquals(cluster("--max-memory", "2mb").maxMemoryBytes, 2 * 1024 * 1024);
});

Deno.test("A cluster refuses a data folder that it could not grant to its processes", () => {
  assertEquals(
    refusal(() => cluster("--data-dir", "a,b")),
    'Bad value for --data-dir: "a,b": takes a path without a comma',
  );
});

Deno.test("More than one worker goes with slots only, and their count has bounds", () => {
  assertEquals(balancer().workers, 1);
  assertEquals(balancer("--workers", "8").workers, 8);
  assertEquals(cluster("--workers", "2").workers, 2);
  assertStringIncludes(refusal(() => balancer("--workers", "0")), "takes a whole number from 1 to 8");
  assertStringIncludes(refusal(() => balancer("--workers", "9")), "takes a whole number from 1 to 8");
  const expected = 'Bad value for --workers: "2": takes 1 with --routing round-robin';
  assertEquals(refusal(() => balancer("--workers", "2", "--routing", "round-robin")), expected);
  assertEquals(refusal(() => cluster("--workers", "2", "--routing", "round-robin")), expected);
  assertEquals(balancer("--workers", "1", "--routing", "round-robin").workers, 1);
});

Deno.test("A value that looks like a flag, or is empty, is refused by the name of its flag", () => {
  assertEquals(
    refusal(() => node("--port", "-1")),
    'Bad value for --port: "-1": takes a port number from 0 to 65535',
  );
  assertStringIncludes(
    refusal(() => node("--max-memory", "")),
    "Missing value for --max-memory: takes a size such as",
  );
  assertStringIncludes(refusal(() => node("--port")), "Missing value for --port: takes a port number");
  assertStringIncludes(
    refusal(() => node("--port", "--standalone")),
    "Missing value for --port: takes a port number",
  );
  assertStringIncludes(refusal(() => node("-1")), "Unknown flag -1");
});

Deno.test("An IPv6 address is written in brackets wherever a flag takes or a line tells one", () => {
  const { nodes, replace } = balancer("--node", "[::1]:28051", "--replace", "[::1]:28051");
  assertEquals([nodes.at(-1), ...replace].map((address) => addressText(address!)), [
    "[::1]:28051",
    "[::1]:28051",
  ]);
  assertEquals(remoteText({ hostname: "::ffff:10.0.0.7", port: 1 }), "10.0.0.7:1");
  assertEquals(remoteText({ hostname: "::1", port: 1 }), "[::1]:1");
  assertEquals(remoteText({ hostname: "::ffff:1", port: 1 }), "[::ffff:1]:1");
});
