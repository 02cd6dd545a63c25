/**
 * The ports of a cluster on one machine. A flag of 0 picks a free port; for the nodes it is kept in
 * `<data folder>/cluster.json`, since a node's files are named by its port and a restart must find them again.
 *
 * Grammar of the file: `{"version":1,"nodePorts":[41001,41002]}`, by node; more nodes than before get further ports.
 */
import { bytesOf, textOf } from "../core/bytes.ts";
import { RefusalError } from "../core/errors.ts";
import type { ClusterPorts } from "./cluster_plan.ts";
import type { ClusterConfig } from "./config.ts";
import { type Disk, replaceFile } from "./disk.ts";
import type { Network } from "./network.ts";

const FILE_VERSION = 1;
/** Free ports are looked for on the loopback, whatever address is listened on later. */
const LOOPBACK = "127.0.0.1";

/** Ports for every process of the cluster. Throws `RefusalError` when the file cannot be understood. */
export async function portsOfCluster(
  config: ClusterConfig,
  disk: Disk,
  network: Network,
): Promise<ClusterPorts> {
  const nodes = config.nodePort === 0
    ? await keptPorts(config, disk, network)
    : Array.from({ length: config.nodes }, (_, index) => config.nodePort + index);
  const wanted = [config.port, config.adminPort].filter((port) => port === 0).length;
  const free = freePorts(network, wanted, nodes);
  return { nodes, balancer: config.port || free.pop()!, admin: config.adminPort || free.pop()! };
}

async function keptPorts(config: ClusterConfig, disk: Disk, network: Network): Promise<number[]> {
  const path = `${config.dataDir}/cluster.json`;
  await disk.makeDirectory(config.dataDir);
  const kept = await disk.exists(path) ? readPorts(path, textOf(await disk.readFile(path))) : [];
  const missing = config.nodes - kept.length;
  if (missing <= 0) return kept.slice(0, config.nodes);
  const ports = [...kept, ...freePorts(network, missing, [...kept, config.port, config.adminPort])];
  await replaceFile(disk, path, bytesOf(JSON.stringify({ version: FILE_VERSION, nodePorts: ports }) + "\n"));
  return ports;
}

function readPorts(path: string, text: string): number[] {
  const isPort = (value: unknown) => Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;
  try {
    const { version, nodePorts } = JSON.parse(text);
    if (version === FILE_VERSION && Array.isArray(nodePorts) && nodePorts.every(isPort)) return nodePorts;
  } catch {
    // Told below.
  }
  throw new RefusalError(
    `Cannot read ports of the nodes: ${path} is damaged. Each is part of a file's name beside it, as in ` +
      `node_41001.json: write them down as {"version":1,"nodePorts":[41001,…]}, or give --node-port`,
  );
}

/** `count` ports that nobody listens on now, none of them in `taken`. */
function freePorts(network: Network, count: number, taken: readonly number[]): number[] {
  if (count === 0) return [];
  // All are held until enough are found, so that none comes twice.
  const listeners = Array.from(
    { length: count + taken.length },
    () => network.listen({ host: LOOPBACK, port: 0 }),
  );
  const ports = listeners.map((listener) => listener.port).filter((port) => !taken.includes(port));
  for (const listener of listeners) listener.close();
  return ports.slice(0, count);
}
