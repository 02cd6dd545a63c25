/** The balancer: reads its flags, takes the machine's clock, disk and network, and serves until it is stopped. */
import { Balancer } from "./balancer/balancer.ts";
import { Controller } from "./controller/controller.ts";
import { Counters } from "./balancer/counters.ts";
import type { BalancerOptions } from "./balancer/options.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./balancer/worker_messages.ts";
import { WorkerPool } from "./balancer/worker_pool.ts";
import { VERSION } from "./core/version.ts";
import { openAdminPort } from "./io/admin_port.ts";
import { configOfProcess } from "./io/command_line.ts";
import { balancerConfig } from "./config/config.ts";
import { DenoClock, SystemRandom } from "./io/deno_clock.ts";
import { DenoDisk } from "./io/deno_disk.ts";
import { DenoNetwork } from "./io/deno_network.ts";
import { checkHealth } from "./io/health.ts";
import { configureLogging, loggerOf } from "./io/logging.ts";
import { requireFolder } from "./io/permissions.ts";
import { endHealthCheck, exitWith, printReady } from "./io/process.ts";
import { onParentGone, onStopSignals } from "./io/signals.ts";
import { endRefused } from "./io/start_failure.ts";
import { startThread } from "./io/worker_thread.ts";
import { FileTopologyStore } from "./topology/topology_file.ts";

const config = configOfProcess(balancerConfig);
const { host, port, workers, clientStallMs, clientCountMax, logLevel, logFormat } = config;
const clock = new DenoClock();
const network = new DenoNetwork();
if (config.health) endHealthCheck(await checkHealth(network, clock, { host, port }));

configureLogging({ level: logLevel, format: logFormat, name: `balancer:${port}` });
try {
  requireFolder(config.dataDir, "src/balancer.ts");
  const topologyStore = await FileTopologyStore.open(new DenoDisk(), config.dataDir);
  const logger = loggerOf("balancer");
  const counterMemory = Counters.memoryFor(workers);
  const options: BalancerOptions = {
    listen: { host, port },
    sharesPort: workers > 1,
    nodes: config.nodes,
    replicas: config.replicas,
    shardCount: config.shards,
    routing: config.routing,
    replace: config.replace,
    clientStallMs,
    clientCountMax,
    counters: new Counters(counterMemory),
    version: VERSION,
    network,
    clock,
    random: new SystemRandom(),
    topologyStore,
    logger,
  };
  const controller = new Controller(options);
  const balancer = new Balancer(options, controller);
  const pool = new WorkerPool(
    (onMessage, onFailure) =>
      startThread<ToWorker, FromWorker>(
        new URL("./balancer_worker.ts", import.meta.url),
        onMessage,
        onFailure,
      ),
    (worker, cause) => exitWith(1, `Cannot go on: worker ${worker} has failed: ${cause}`),
  );
  controller.onChange(() => pool.tell(controller.topologyText()));
  const adminPort = openAdminPort({ host, port: config.adminPort }, () => balancer.health());
  logger.info("admin port open", { host, port: adminPort.port });
  const stop = onStopSignals(clock, async () => {
    await Promise.all([balancer.stop(), pool.stop()]);
    await adminPort.close();
    topologyStore.close();
  });
  if (config.exitWithParent) onParentGone(stop);
  // A port that is to be shared would be shared with another balancer's, too.
  if (workers > 1) network.listen({ host, port }).close();
  await balancer.start();
  await pool.start(Array.from({ length: workers - 1 }, (_, i): WorkerStart => ({
    kind: "start",
    worker: i + 1,
    listen: { host, port: balancer.port },
    nodes: config.nodes,
    clientStallMs,
    clientCountMax,
    logLevel,
    logFormat,
    counterMemory,
    topologyText: controller.topologyText(),
  })));
  printReady("balancer", host, balancer.port);
} catch (error) {
  endRefused("balancer", logFormat, error);
}
