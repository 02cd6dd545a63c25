/** The balancer: reads its flags, takes the machine's clock, disk and network, and serves until it is stopped. */
import { Balancer } from "./balancer/balancer.ts";
import { Controller } from "./controller/controller.ts";
import { Counters } from "./balancer/counters.ts";
import type { BalancerOptions } from "./balancer/options.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./balancer/worker_messages.ts";
import { WorkerPool } from "./balancer/worker_pool.ts";
import { OPEN_FILES_PER_LINK } from "./core/limits.ts";
import { randomUuid } from "./core/random.ts";
import { openAdminPort } from "./io/admin_port.ts";
import { configOfProcess } from "./io/command_line.ts";
import { clientLimitOf } from "./config/client_limit.ts";
import { balancerConfig } from "./config/config.ts";
import { DenoClock, SystemRandom } from "./io/deno_clock.ts";
import { DenoDisk } from "./io/deno_disk.ts";
import { DenoNetwork } from "./io/deno_network.ts";
import { warnWhereExposed } from "./io/exposure.ts";
import { healthOfBalancer } from "./io/health.ts";
import { configureLogging, loggerOf } from "./io/logging.ts";
import { openFilesMax } from "./io/open_files.ts";
import { requireFolder } from "./io/permissions.ts";
import { endByUncaught, endHealthCheck, endWith, printReady } from "./io/process.ts";
import { onParentGone, onStopSignals } from "./io/signals.ts";
import { endRefused } from "./io/start_failure.ts";
import { startThread } from "./io/worker_thread.ts";
import { FileTopologyStore } from "./topology/topology_file.ts";

const config = configOfProcess(balancerConfig);
const { host, port, workers, clientStallMs, logLevel, logFormat } = config;
const clock = new DenoClock();
const network = new DenoNetwork();
if (config.health) {
  const { whyNot, note } = await healthOfBalancer(config, { network, clock });
  endHealthCheck(whyNot, note);
}

configureLogging({ level: logLevel, format: logFormat, name: `balancer:${port}` });
endByUncaught();
// From the first moment; what there is to be stopped is filled in as it is made, last first.
const stops: (() => Promise<void> | void)[] = [];
const stopping = onStopSignals(clock, async () => {
  for (const part of stops) await part();
});
if (config.exitWithParent) onParentGone(() => stopping.request());
try {
  requireFolder(config.dataDir, "src/balancer.ts");
  const topologyStore = await FileTopologyStore.open(new DenoDisk(), config.dataDir);
  stops.unshift(() => topologyStore.close());
  const logger = loggerOf("balancer");
  const linkFiles = OPEN_FILES_PER_LINK * workers * config.nodes.length;
  const { count: clientCountMax, warning } = clientLimitOf(
    config.clientCountMax,
    openFilesMax(Deno.env),
    linkFiles,
  );
  if (warning !== "") logger.warn(warning);
  warnWhereExposed(host, logger);
  const counterMemory = Counters.memoryFor(workers);
  const random = new SystemRandom();
  const run = randomUuid(random);
  const options: BalancerOptions = {
    run,
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
    network,
    clock,
    random,
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
    (worker, cause) => void endWith(1, `Cannot go on: worker ${worker} has failed: ${cause}`),
  );
  controller.onChange(() => pool.send(controller.topologyText()));
  const adminPort = openAdminPort({ host, port: config.adminPort }, clock, () => balancer.health());
  stops.unshift(() => adminPort.close());
  stops.unshift(async () => void await Promise.all([balancer.stop(), pool.stop()]));
  logger.info("admin port open", { host, port: adminPort.port });
  // A port that is to be shared would be shared with another balancer's, too.
  if (workers > 1) network.listen({ host, port }).close();
  await balancer.start();
  await pool.start(Array.from({ length: workers - 1 }, (_, i): WorkerStart => ({
    kind: "start",
    worker: i + 1,
    run,
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
  // To be stopped while it starts is no failure.
  if (!stopping.isRequested) await endRefused({ ...config, role: "balancer", network, clock }, error);
}
