/** A cluster on one machine: one balancer and its nodes as child processes, kept running until it is stopped. */
import { RefusalError } from "./core/errors.ts";
import { DenoSpawner, LinePrefixes, printLine, terminalsOfProcess } from "./io/child_process.ts";
import { planCluster } from "./cluster/cluster_plan.ts";
import { portsOfCluster } from "./cluster/cluster_ports.ts";
import { configOfProcess } from "./io/command_line.ts";
import { clusterConfig } from "./config/config.ts";
import { DenoClock, SystemRandom } from "./io/deno_clock.ts";
import { DenoDisk } from "./io/deno_disk.ts";
import { DenoNetwork } from "./io/deno_network.ts";
import { directoryOf } from "./io/disk.ts";
import { configureLogging, loggerOf } from "./io/logging.ts";
import { warnOfOtherPorts } from "./io/other_ports.ts";
import { requireFolder } from "./io/permissions.ts";
import { endByUncaught } from "./io/process.ts";
import { onStopSignals } from "./io/signals.ts";
import { watchLaunchers } from "./io/launchers.ts";
import { endRefused } from "./io/start_failure.ts";
import { Supervisor } from "./cluster/supervisor.ts";

const config = configOfProcess(clusterConfig);
configureLogging({ level: config.logLevel, format: config.logFormat, name: "cluster" });
endByUncaught();
const clock = new DenoClock();
const network = new DenoNetwork();
let supervisor: Supervisor | null = null;
const stopAll = async () => {
  launchers.stop();
  await supervisor?.stop();
};
const stopping = onStopSignals(clock, stopAll);
const refuse = (error: unknown) =>
  endRefused({ ...config, role: "cluster", exitWithParent: false, network, clock }, error);
// Whoever ends the command that was given, by whatever link of its chain, ends the cluster.
const launchers = watchLaunchers(() => stopping.request());
try {
  // Only where the ports are kept do we touch the folder ourselves.
  if (config.nodePort === 0) requireFolder(config.dataDir, "src/cluster.ts");
  const disk = new DenoDisk();
  const ports = await portsOfCluster(config, {
    disk,
    network,
    random: new SystemRandom(),
  });
  await warnOfOtherPorts(config.dataDir, { disk, logger: loggerOf("cluster"), own: ports.nodes });
  const root = directoryOf(import.meta.dirname!);
  const { balancer, nodes } = planCluster(config, ports, root);
  const names = [balancer, ...nodes].map((spec) => spec.name);
  const prefixes = new LinePrefixes(names, config.logFormat, terminalsOfProcess());
  supervisor = new Supervisor({
    groups: [[balancer], nodes],
    spawner: new DenoSpawner(),
    clock,
    logger: loggerOf("cluster"),
    onLine: (name, line, stream) => printLine(prefixes.show(name, line, stream), stream),
    onReady: (addressOf) => printLine(`roundel cluster ready on ${addressOf(balancer.name)}`, "stdout"),
    onGivenUp: async (name) => {
      await stopAll();
      await refuse(new RefusalError(`Cannot run ${name}: it says above why not`));
    },
  });
  supervisor.start();
} catch (error) {
  // To be stopped while it starts is no failure.
  if (!stopping.isRequested) await refuse(error);
}
