/** A further worker of a balancer: one more event loop on the same port. The main thread tells it what to do. */
import { Balancer } from "./balancer/balancer.ts";
import { Counters } from "./balancer/counters.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./balancer/worker_messages.ts";
import { WorkerTopology } from "./balancer/worker_topology.ts";
import { assert } from "./core/assert.ts";
import { DenoClock, SystemRandom } from "./io/deno_clock.ts";
import { DenoNetwork } from "./io/deno_network.ts";
import { configureLogging, loggerOf } from "./io/logging.ts";
import { onPosted } from "./io/worker_thread.ts";

let served: { balancer: Balancer; topology: WorkerTopology } | null = null;
let isStopping = false;

const post = onPosted<ToWorker, FromWorker>((message) => {
  if (message.kind === "start") return void serve(message);
  assert(served !== null, "a worker is started first");
  if (message.kind === "topology") served.topology.adopt(message.text);
  else stop(served.balancer);
});

async function serve(start: WorkerStart): Promise<void> {
  const { worker, run, listen, nodes, clientStallMs, clientCountMax, logLevel, logFormat } = start;
  configureLogging({ level: logLevel, format: logFormat, name: `balancer:${listen.port}/${worker}` });
  const topology = new WorkerTopology(start.topologyText);
  const balancer = new Balancer({
    run,
    worker,
    listen,
    sharesPort: true,
    nodes,
    routing: "slots",
    clientStallMs,
    clientCountMax,
    network: new DenoNetwork(),
    clock: new DenoClock(),
    random: new SystemRandom(),
    logger: loggerOf("balancer"),
    counters: new Counters(start.counterMemory, worker),
  }, topology);
  served = { balancer, topology };
  try {
    await balancer.start();
    post("listening");
  } catch (error) {
    // To be stopped while it starts is no failure.
    if (!isStopping) throw error;
  }
}

async function stop(balancer: Balancer): Promise<void> {
  isStopping = true;
  await balancer.stop();
  post("stopped");
}
