/** When a data folder is told to hold the data of other ports. */
import { assertEquals } from "@std/assert";
import { otherPortsAmong } from "../../src/io/other_ports.ts";

Deno.test("Data of other ports is told to a start that finds none of its own", () => {
  const names = ["dump_8081.data", "node_8081.json", "node_8081.json.tmp", "node_8082.json", "topology.json"];
  assertEquals(otherPortsAmong(names, [8090]), [8081, 8082]);
  assertEquals(otherPortsAmong(names, [8082, 8083]), [8081]);
  assertEquals(otherPortsAmong(names, [8081]), []);
  assertEquals(otherPortsAmong(names, [8081, 8082]), []);
  assertEquals(otherPortsAmong([], [8081]), []);
});
