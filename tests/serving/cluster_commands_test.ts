import { assert, assertEquals } from "@std/assert";
import { Bench, bulk } from "../commands/support.ts";

const A = {
  id: "node-a",
  host: "10.0.0.1",
  port: 8081,
  ranges: [{ first: 0, last: 8191 }, { first: 16383, last: 16383 }],
  replicaOf: null,
};
const B = {
  id: "node-b",
  host: "10.0.0.2",
  port: 8082,
  ranges: [{ first: 8192, last: 16382 }],
  replicaOf: null,
};
/** It keeps copies, and serves nothing. */
const C = { id: "node-c", host: "10.0.0.3", port: 8083, ranges: [], replicaOf: "node-a" };

function clusterBench(): Bench {
  const bench = new Bench();
  bench.server.clusterView.enabled = true;
  bench.server.clusterView.nodeList = [A, B];
  bench.server.clusterView.shardList = [A, B].map(({ id, ranges }) => ({ ids: [id], ranges }));
  return bench;
}

/** The first range has a copy at B and at C, the others have none. */
function replicatedBench(): Bench {
  const bench = clusterBench();
  const [first, last] = A.ranges;
  bench.server.clusterView.nodeList = [A, B, C];
  bench.server.clusterView.shardList = [
    { ids: ["node-a", "node-b", "node-c"], ranges: [first!] },
    { ids: ["node-a"], ranges: [last!] },
    { ids: ["node-b"], ranges: B.ranges },
  ];
  return bench;
}

/** The text of a value in RESP 2. */
function textIn(reply: string): string {
  return reply.slice(reply.indexOf("\r\n") + 2, -2);
}

Deno.test("CLUSTER KEYSLOT tells a key's slot, in a cluster or not", () => {
  assertEquals(new Bench().run("CLUSTER", "KEYSLOT", "foo"), ":12182\r\n");
  assertEquals(clusterBench().run("cluster", "keyslot", "foo"), ":12182\r\n");
});

Deno.test("CLUSTER refuses on a standalone node, and what it does not know anywhere", () => {
  for (const subcommand of ["SLOTS", "SHARDS", "NODES", "INFO", "MYID"]) {
    const refusal = "-ERR This instance has cluster support disabled\r\n";
    assertEquals(new Bench().run("CLUSTER", subcommand), refusal);
  }
  const bench = clusterBench();
  assertEquals(bench.run("CLUSTER", "FOO"), "-ERR unknown subcommand 'FOO'. Try CLUSTER HELP.\r\n");
  assertEquals(
    bench.run("CLUSTER", "KEYSLOT"),
    "-ERR wrong number of arguments for 'cluster|keyslot' command\r\n",
  );
  assertEquals(
    bench.run("CLUSTER", "MYID", "x"),
    "-ERR wrong number of arguments for 'cluster|myid' command\r\n",
  );
});

Deno.test("CLUSTER SLOTS lists each range with its node", () => {
  const node = (port: number, host: string, id: string) => `*4\r\n${bulk(host)}:${port}\r\n${bulk(id)}*0\r\n`;
  assertEquals(
    clusterBench().run("CLUSTER", "SLOTS"),
    `*3\r\n*3\r\n:0\r\n:8191\r\n${node(8081, "10.0.0.1", "node-a")}` +
      `*3\r\n:8192\r\n:16382\r\n${node(8082, "10.0.0.2", "node-b")}` +
      `*3\r\n:16383\r\n:16383\r\n${node(8081, "10.0.0.1", "node-a")}`,
  );
});

Deno.test("CLUSTER SHARDS lists each node once with all its ranges", () => {
  const reply = clusterBench().run("CLUSTER", "SHARDS");
  assert(
    reply.startsWith(`*2\r\n*4\r\n${bulk("slots")}*4\r\n:0\r\n:8191\r\n:16383\r\n:16383\r\n${bulk("nodes")}`),
  );
  const described = [
    ...[bulk("id"), bulk("node-b"), bulk("port"), ":8082\r\n", bulk("ip"), bulk("10.0.0.2")],
    ...[bulk("endpoint"), bulk("10.0.0.2"), bulk("role"), bulk("master")],
    ...[bulk("replication-offset"), ":0\r\n", bulk("health"), bulk("online")],
  ];
  assert(reply.endsWith(`:8192\r\n:16382\r\n${bulk("nodes")}*1\r\n*14\r\n${described.join("")}`), reply);
  const bench = clusterBench();
  bench.useResp3();
  assert(bench.run("CLUSTER", "SLOTS").endsWith(`${bulk("node-a")}%0\r\n`));
  assert(bench.run("CLUSTER", "SHARDS").startsWith(`*2\r\n%2\r\n${bulk("slots")}`));
});

Deno.test("CLUSTER NODES describes each node on a line, this one as myself", () => {
  assertEquals(
    textIn(clusterBench().run("CLUSTER", "NODES")),
    "node-a 10.0.0.1:8081@0 myself,master - 0 0 7 connected 0-8191 16383\n" +
      "node-b 10.0.0.2:8082@0 master - 0 0 7 connected 8192-16382\n",
  );
  const bench = clusterBench();
  bench.server.clusterView.myId = "node-c";
  assert(
    textIn(bench.run("CLUSTER", "NODES")).startsWith(
      "node-c :8081@0 myself,master - 0 0 7 connected\nnode-a ",
    ),
  );
});

Deno.test("CLUSTER SLOTS and SHARDS list a range's replicas behind its primary", () => {
  const node = (port: number, host: string, id: string) => `*4\r\n${bulk(host)}:${port}\r\n${bulk(id)}*0\r\n`;
  const [a, b, c] = [A, B, C].map(({ port, host, id }) => node(port, host, id));
  assertEquals(
    replicatedBench().run("CLUSTER", "SLOTS"),
    `*3\r\n*5\r\n:0\r\n:8191\r\n${a}${b}${c}*3\r\n:8192\r\n:16382\r\n${b}*3\r\n:16383\r\n:16383\r\n${a}`,
  );
  const shards = replicatedBench().run("CLUSTER", "SHARDS");
  const roles = [...shards.matchAll(/(node-.)[^]*?(master|replica)\r/g)].map(([, id, role]) =>
    `${id} ${role}`
  );
  assertEquals(roles, [
    ...["node-a master", "node-b replica", "node-c replica"],
    ...["node-a master", "node-b master"],
  ]);
});

Deno.test("CLUSTER NODES names the master of a node that keeps only copies", () => {
  const lines = textIn(replicatedBench().run("CLUSTER", "NODES")).split("\n");
  assertEquals(lines.slice(1, 3), [
    "node-b 10.0.0.2:8082@0 master - 0 0 7 connected 8192-16382",
    "node-c 10.0.0.3:8083@0 slave node-a 0 0 7 connected",
  ]);
  const bench = replicatedBench();
  bench.server.clusterView.myId = "node-c";
  assertEquals(
    textIn(bench.run("CLUSTER", "NODES")).split("\n")[2],
    "node-c 10.0.0.3:8083@0 myself,slave node-a 0 0 7 connected",
  );
});

Deno.test("CLUSTER INFO is ok once every slot has a node", () => {
  const bench = clusterBench();
  const lines = textIn(bench.run("CLUSTER", "INFO")).split("\r\n");
  assertEquals(lines.slice(0, 3), [
    "cluster_state:ok",
    "cluster_slots_assigned:16384",
    "cluster_slots_ok:16384",
  ]);
  assert(lines.includes("cluster_size:2"));
  assert(lines.includes("cluster_current_epoch:7"));
  bench.server.clusterView.nodeList = [{ ...A, ranges: A.ranges.slice(0, 1) }, B];
  const poorer = textIn(bench.run("CLUSTER", "INFO")).split("\r\n");
  assertEquals(poorer.slice(0, 2), ["cluster_state:fail", "cluster_slots_assigned:16383"]);
});

Deno.test("CLUSTER MYID tells this node's name", () => {
  assertEquals(clusterBench().run("CLUSTER", "MYID"), bulk("node-a"));
});
