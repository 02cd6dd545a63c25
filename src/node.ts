/** The storage node: reads its flags, takes the machine's clock, disk and network, and serves until it is stopped. */
import { configOfProcess } from "./io/command_line.ts";
import { nodeConfig } from "./config/config.ts";
import { DenoClock, SystemRandom } from "./io/deno_clock.ts";
import { DenoDisk } from "./io/deno_disk.ts";
import { DenoNetwork } from "./io/deno_network.ts";
import { checkHealth } from "./io/health.ts";
import { configureLogging, loggerOf } from "./io/logging.ts";
import { requireFolder } from "./io/permissions.ts";
import { denoProcess, endHealthCheck, printReady } from "./io/process.ts";
import { onParentGone, onStopSignals } from "./io/signals.ts";
import { endRefused } from "./io/start_failure.ts";
import { NodeServer } from "./node/node_server.ts";

const config = configOfProcess(nodeConfig);
const { host, port } = config;
const clock = new DenoClock();
const network = new DenoNetwork();
if (config.health) endHealthCheck(await checkHealth(network, clock, { host, port }));

configureLogging({ level: config.logLevel, format: config.logFormat, name: `node:${port}` });
try {
  requireFolder(config.dataDir, "src/node.ts");
  const server = await NodeServer.start(config, {
    clock,
    network,
    disk: new DenoDisk(),
    random: new SystemRandom(),
    process: denoProcess,
    logger: loggerOf("node"),
  });
  const stop = onStopSignals(clock, () => server.stop());
  if (config.exitWithParent) onParentGone(stop);
  printReady("node", host, server.port);
} catch (error) {
  endRefused("node", config.logFormat, error);
}
