/** Ports of a cluster: given, or found free and kept. */
import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { RefusalError } from "../../src/core/errors.ts";
import { portsOfCluster } from "../../src/io/cluster_ports.ts";
import { clusterConfig } from "../../src/io/config.ts";
import { DenoDisk } from "../../src/io/deno_disk.ts";
import type { Network } from "../../src/io/network.ts";
import { withFolder } from "../support/processes.ts";

/** A network whose free ports are 40001, 40002, … */
function countingNetwork(from = 40_001): Network {
  return {
    listen: ({ host }) => ({ host, port: from++, accept: () => Promise.resolve(null), close: () => {} }),
    connect: () => Promise.reject(new Error("nobody listens")),
  };
}

const FREE = ["--port", "0", "--node-port", "0", "--admin-port", "0"];

function ports(folder: string, args: string[], network = countingNetwork()) {
  return portsOfCluster(clusterConfig(["--data-dir", folder, ...args], new Map()), new DenoDisk(), network);
}

Deno.test("Ports that are given are used, and nothing is written down", () =>
  withFolder(async (folder) => {
    assertEquals(await ports(folder, ["--nodes", "3"]), {
      balancer: 8080,
      admin: 9080,
      nodes: [8081, 8082, 8083],
    });
    assertEquals([...Deno.readDirSync(folder)], []);
  }));

Deno.test("A port of 0 becomes a free one, each a different one", () =>
  withFolder(async (folder) => {
    const { balancer, admin, nodes } = await ports(folder, FREE);
    assertEquals(new Set([balancer, admin, ...nodes]).size, 4);
  }));

Deno.test("Ports that were found for nodes are the same after a restart", () =>
  withFolder(async (folder) => {
    const before = await ports(`${folder}/new`, FREE);
    const after = await ports(`${folder}/new`, FREE, countingNetwork(50_000));
    assertEquals(after.nodes, before.nodes);
    assertNotEquals(after.balancer, before.balancer);
  }));

Deno.test("Further nodes get further ports, and fewer nodes keep the first ones", () =>
  withFolder(async (folder) => {
    const two = (await ports(folder, FREE)).nodes;
    // The network offers the same ports again: those taken are passed over.
    const four = (await ports(folder, [...FREE, "--nodes", "4"], countingNetwork(two[0]))).nodes;
    assertEquals(four.slice(0, 2), two);
    assertEquals(new Set(four).size, 4);
    assertEquals((await ports(folder, [...FREE, "--nodes", "1"])).nodes, two.slice(0, 1));
  }));

Deno.test("A damaged list of ports is refused with a way out", () =>
  withFolder(async (folder) => {
    const damaged = [
      "",
      "{",
      "[]",
      "null",
      '{"version":2,"nodePorts":[1]}',
      '{"version":1,"nodePorts":[0]}',
      '{"version":1,"nodePorts":["1"]}',
    ];
    for (const content of damaged) {
      await Deno.writeTextFile(`${folder}/cluster.json`, content);
      const { message } = await assertRejects(() => ports(folder, FREE), RefusalError);
      assertStringIncludes(message, `${folder}/cluster.json is damaged`);
      assertStringIncludes(message, "--node-port");
    }
  }));
