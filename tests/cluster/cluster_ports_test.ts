/** Ports of a cluster: given, or found free and kept. */
import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { RefusalError } from "../../src/core/errors.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { portsOfCluster } from "../../src/cluster/cluster_ports.ts";
import { clusterConfig } from "../../src/config/config.ts";
import { DenoDisk } from "../../src/io/deno_disk.ts";
import type { Network } from "../../src/io/network.ts";
import { withFolder } from "../support/processes.ts";

/** A network on which these ports are taken. */
function networkWith(...taken: number[]): Network {
  return {
    listen: ({ host, port }) => {
      if (taken.includes(port)) throw new Deno.errors.AddrInUse("taken");
      return { host, port, accept: () => Promise.resolve(null), close: () => {} };
    },
    connect: () => Promise.reject(new Error("nobody listens")),
  };
}

const FREE = ["--port", "0", "--node-port", "0", "--admin-port", "0"];

function ports(folder: string, args: string[], network = networkWith(), seed = 1) {
  const config = clusterConfig(["--data-dir", folder, ...args], new Map());
  return portsOfCluster(config, { disk: new DenoDisk(), network, random: new SeededRandom(seed) });
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

Deno.test("A free port is one that nobody listens on", () =>
  withFolder(async (folder) => {
    const first = await ports(folder, ["--port", "0"]);
    const second = await ports(folder, ["--port", "0"], networkWith(first.balancer));
    assertNotEquals(second.balancer, first.balancer);
  }));

Deno.test("Ports that were found for nodes are the same after a restart", () =>
  withFolder(async (folder) => {
    const before = await ports(folder, FREE);
    const after = await ports(folder, FREE, networkWith(), 2);
    assertEquals(after.nodes, before.nodes);
    assertNotEquals(after.balancer, before.balancer);
  }));

Deno.test("Further nodes get further ports, and fewer nodes keep the first ones", () =>
  withFolder(async (folder) => {
    const two = (await ports(folder, FREE)).nodes;
    // The same numbers are drawn again: those taken are passed over.
    const four = (await ports(folder, [...FREE, "--nodes", "4"])).nodes;
    assertEquals(four.slice(0, 2), two);
    assertEquals(new Set(four).size, 4);
    assertEquals((await ports(folder, [...FREE, "--nodes", "1"])).nodes, two.slice(0, 1));
  }));

Deno.test("A machine without a free port is told apart from an endless search", () =>
  withFolder(async (folder) => {
    const everything = Array.from({ length: 65_536 }, (_, port) => port);
    await assertRejects(
      () => ports(folder, FREE, networkWith(...everything)),
      RefusalError,
      "Cannot find free ports",
    );
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
