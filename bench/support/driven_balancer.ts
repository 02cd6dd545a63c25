/** A whole balancer of two canned nodes on a driven network: the real one, but for its sockets, clock and topology file. */
import { Balancer } from "../../src/balancer/balancer.ts";
import { Controller } from "../../src/controller/controller.ts";
import type { BalancerOptions } from "../../src/balancer/options.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { MemoryTopologyStore } from "../../tests/support/balancer_world.ts";
import { CollectingLogger } from "../../tests/support/collecting_logger.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import type { DrivenNetwork } from "../check/driven_wire.ts";

/** Resolves when it serves the network's one client. */
export async function startDrivenBalancer(network: DrivenNetwork): Promise<Balancer> {
  const options: BalancerOptions = {
    listen: { host: "127.0.0.1", port: 8080 },
    nodes: [8081, 8082].map((port) => ({ host: "127.0.0.1", port })),
    replicas: 0,
    shardCount: 16,
    routing: "slots",
    replace: [],
    network,
    clock: new FakeClock(),
    random: new SeededRandom(1),
    topologyStore: new MemoryTopologyStore(),
    logger: new CollectingLogger(),
  };
  const balancer = new Balancer(options, new Controller(options));
  await balancer.start();
  return balancer;
}
