/** The processes of a cluster: flags that they take, and no more permission than they need. */
import { assert, assertEquals } from "@std/assert";
import { planCluster } from "../../src/cluster/cluster_plan.ts";
import { balancerConfig, clusterConfig, nodeConfig } from "../../src/config/config.ts";

const HOSTILE = new Map([["ROUNDEL_STANDALONE", "true"], ["ROUNDEL_PORT", "1"], [
  "ROUNDEL_NODE",
  "elsewhere:1",
]]);
const PORTS = { balancer: 8080, admin: 9080, nodes: [8081, 8082] };

function plan(...args: string[]) {
  return planCluster(clusterConfig(args, new Map()), PORTS, "/root/of it");
}

function flagsOf(args: readonly string[], entry: string): string[] {
  return args.slice(args.indexOf(`/root/of it/src/${entry}.ts`) + 1);
}

Deno.test("A cluster hands its flags to the nodes, whatever the environment says", () => {
  const { nodes } = plan(
    "--max-memory",
    "1gb",
    "--fsync",
    "no",
    "--dump-interval",
    "0",
    "--client-stall",
    "5s",
  );
  const config = nodeConfig(flagsOf(nodes[1]!.args, "node"), HOSTILE);
  assertEquals(nodes.map((node) => node.name), ["node:8081", "node:8082"]);
  assertEquals(
    [config.port, config.maxMemoryBytes, config.fsync, config.dumpIntervalMs, config.clientStallMs],
    [8082, 1024 ** 3, "no", 0, 5_000],
  );
  assertEquals([config.standalone, config.exitWithParent, config.health], [false, true, false]);
});

Deno.test("A cluster tells the balancer its nodes, whatever the environment says", () => {
  const { balancer } = plan("--shards", "8", "--routing", "round-robin", "--log-format", "json");
  const config = balancerConfig(flagsOf(balancer.args, "balancer"), HOSTILE);
  assertEquals(config.nodes, [{ host: "127.0.0.1", port: 8081 }, { host: "127.0.0.1", port: 8082 }]);
  assertEquals(
    [config.port, config.adminPort, config.shards, config.routing, config.logFormat],
    [8080, 9080, 8, "round-robin", "json"],
  );
});

Deno.test("A child may listen on its own ports, reach what it must, and use the data folder", () => {
  const { balancer, nodes } = plan("--data-dir", "/var/a");
  const granted = (args: readonly string[]) => args.filter((arg) => arg.startsWith("--allow"));
  const alone = plan("--routing", "round-robin");
  assertEquals(granted(alone.nodes[0]!.args)[0], "--allow-net=127.0.0.1:8081");
  assertEquals(granted(nodes[0]!.args), [
    "--allow-net=127.0.0.1:8081,127.0.0.1:8081,127.0.0.1:8082",
    "--allow-env=ROUNDEL_*",
    "--allow-read=/var/a",
    "--allow-write=/var/a",
  ]);
  assertEquals(
    granted(balancer.args)[0],
    "--allow-net=127.0.0.1:8080,127.0.0.1:9080,127.0.0.1:8081,127.0.0.1:8082",
  );
  assert(nodes[0]!.args.includes("--no-prompt"));
});

Deno.test("A balancer with workers may read their source, and no other has more", () => {
  const { balancer, nodes } = plan("--data-dir", "/var/a", "--workers", "2");
  assertEquals(balancerConfig(flagsOf(balancer.args, "balancer"), HOSTILE).workers, 2);
  assert(balancer.args.includes("--allow-read=/var/a,/root/of it/src"));
  assert(nodes[0]!.args.includes("--allow-read=/var/a"));
  assert(plan("--data-dir", "/var/a").balancer.args.includes("--allow-read=/var/a"));
});

Deno.test("A cluster on every address reaches its nodes through the loopback", () => {
  const { balancer } = plan("--host", "0.0.0.0");
  const config = balancerConfig(flagsOf(balancer.args, "balancer"), new Map());
  assertEquals([config.host, config.nodes[0]], ["0.0.0.0", { host: "127.0.0.1", port: 8081 }]);
  const six = balancerConfig(flagsOf(plan("--host", "::1").balancer.args, "balancer"), new Map());
  assertEquals(six.nodes[1], { host: "::1", port: 8082 });
});
