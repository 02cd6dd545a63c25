/** The balancer: reads its flags, takes the machine's clock, disk and network, and serves until it is stopped. */
import { Balancer } from "./balancer/balancer.ts";
import { VERSION } from "./core/version.ts";
import { openAdminPort } from "./io/admin_port.ts";
import { configOfProcess } from "./io/command_line.ts";
import { balancerConfig } from "./io/config.ts";
import { DenoClock, SystemRandom } from "./io/deno_clock.ts";
import { DenoDisk } from "./io/deno_disk.ts";
import { DenoNetwork } from "./io/deno_network.ts";
import { checkHealth } from "./io/health.ts";
import { configureLogging, loggerOf } from "./io/logging.ts";
import { requireFolder } from "./io/permissions.ts";
import { endHealthCheck, printReady } from "./io/process.ts";
import { onParentGone, onStopSignals } from "./io/signals.ts";
import { endRefused } from "./io/start_failure.ts";
import { FileTopologyStore } from "./topology/topology_file.ts";

const config = configOfProcess(balancerConfig);
const { host, port } = config;
const clock = new DenoClock();
const network = new DenoNetwork();
if (config.health) endHealthCheck(await checkHealth(network, clock, { host, port }));

configureLogging({ level: config.logLevel, format: config.logFormat, name: `balancer:${port}` });
try {
  requireFolder(config.dataDir, "src/balancer.ts");
  const topologyStore = await FileTopologyStore.open(new DenoDisk(), config.dataDir);
  const logger = loggerOf("balancer");
  const balancer = new Balancer({
    listen: { host, port },
    nodes: config.nodes,
    replicas: config.replicas,
    shardCount: config.shards,
    routing: config.routing,
    replace: config.replace,
    clientStallMs: config.clientStallMs,
    clientCountMax: config.clientCountMax,
    version: VERSION,
    network,
    clock,
    random: new SystemRandom(),
    topologyStore,
    logger,
  });
  const adminPort = openAdminPort({ host, port: config.adminPort }, () => balancer.health());
  logger.info("admin port open", { host, port: adminPort.port });
  const stop = onStopSignals(clock, async () => {
    await balancer.stop();
    await adminPort.close();
    topologyStore.close();
  });
  if (config.exitWithParent) onParentGone(stop);
  await balancer.start();
  printReady("balancer", host, balancer.port);
} catch (error) {
  endRefused("balancer", config.logFormat, error);
}
