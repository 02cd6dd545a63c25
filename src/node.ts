/** The storage node: reads its flags, takes the machine's clock, disk and network, and serves until it is stopped. */
import { clientLimitOf } from "./config/client_limit.ts";
import { nodeConfig } from "./config/config.ts";
import { configOfProcess } from "./io/command_line.ts";
import { DenoClock, SystemRandom } from "./io/deno_clock.ts";
import { DenoDisk } from "./io/deno_disk.ts";
import { DenoNetwork } from "./io/deno_network.ts";
import { whyNodeUnhealthy } from "./io/health.ts";
import { configureLogging, loggerOf } from "./io/logging.ts";
import { openFilesMax } from "./io/open_files.ts";
import { warnOfOtherPorts } from "./io/other_ports.ts";
import { requireFolder } from "./io/permissions.ts";
import { denoProcess, endByUncaught, endHealthCheck, printReady } from "./io/process.ts";
import { onParentGone, onStopSignals } from "./io/signals.ts";
import { endRefused } from "./io/start_failure.ts";
import { warnWhereExposed } from "./io/exposure.ts";
import { NodeServer } from "./node/node_server.ts";

const config = configOfProcess(nodeConfig);
const { host, port } = config;
const clock = new DenoClock();
const network = new DenoNetwork();
if (config.health) endHealthCheck(await whyNodeUnhealthy({ host, port }, { network, clock }));

configureLogging({ level: config.logLevel, format: config.logFormat, name: `node:${port}` });
endByUncaught();
let server: NodeServer | null = null;
// From the first moment: who is told to stop while it recovers has changed nothing yet, and just ends.
const stopping = onStopSignals(clock, () => server?.stop() ?? Promise.resolve());
if (config.exitWithParent) onParentGone(() => stopping.request());
try {
  requireFolder(config.dataDir, "src/node.ts");
  const logger = loggerOf("node");
  const clients = clientLimitOf(config.clientCountMax, openFilesMax(Deno.env));
  if (clients.warning !== "") logger.warn(clients.warning);
  warnWhereExposed(host, logger);
  const disk = new DenoDisk();
  // In a cluster the folder is shared, and the cluster knows whose ports are whose.
  if (!config.exitWithParent) await warnOfOtherPorts(config.dataDir, { disk, logger, own: [port] });
  server = await NodeServer.start({ ...config, clientCountMax: clients.count }, {
    clock,
    network,
    disk,
    random: new SystemRandom(),
    process: denoProcess,
    logger,
  });
  printReady("node", host, server.port);
} catch (error) {
  // To be stopped while it starts is no failure.
  if (!stopping.isRequested) await endRefused({ ...config, role: "node", network, clock }, error);
}
