/**
 * The ports of a cluster on one machine. A flag of 0 picks a free port; for the nodes it is kept in
 * `<data folder>/cluster.json`, since a node's files are named by its port and a restart must find them again.
 *
 * Grammar of the file: `{"version":1,"nodePorts":[41001,41002]}`, by node; more nodes than before get further ports.
 */
import { bytesOf, textOf } from "../core/bytes.ts";
import { RefusalError } from "../core/errors.ts";
import { type Random, randomBelow } from "../core/random.ts";
import type { ClusterPorts } from "./cluster_plan.ts";
import type { ClusterConfig } from "../config/config.ts";
import { type Disk, replaceFile } from "../io/disk.ts";
import { isAddressInUse, type Network } from "../io/network.ts";

const FILE_VERSION = 1;
/** Free ports are looked for on the loopback, whatever address is listened on later. */
const LOOPBACK = "127.0.0.1";
/** Below those that systems give to outgoing connections, one of which would otherwise have the port some day. */
const FREE_PORT_MIN = 20_000;
const FREE_PORT_MAX = 32_767;
const TRIES_MAX = 1_000;

export interface PortSources {
  readonly disk: Disk;
  readonly network: Network;
  readonly random: Random;
}

/**
 * Ports for every process of the cluster. The data folder must exist. Throws `RefusalError` when the file cannot be
 * understood.
 */
export async function portsOfCluster(config: ClusterConfig, sources: PortSources): Promise<ClusterPorts> {
  const nodes = config.nodePort === 0
    ? await keptPorts(config, sources)
    : Array.from({ length: config.nodes }, (_, index) => config.nodePort + index);
  const taken = [...nodes, config.port, config.adminPort];
  const wanted = [config.port, config.adminPort].filter((port) => port === 0).length;
  const free = freePorts(sources, wanted, taken);
  return { nodes, balancer: config.port || free.pop()!, admin: config.adminPort || free.pop()! };
}

async function keptPorts(config: ClusterConfig, sources: PortSources): Promise<number[]> {
  const { disk } = sources;
  const path = `${config.dataDir}/cluster.json`;
  const kept = await disk.exists(path) ? readPorts(path, textOf(await disk.readFile(path))) : [];
  const missing = config.nodes - kept.length;
  if (missing <= 0) return kept.slice(0, config.nodes);
  const ports = [...kept, ...freePorts(sources, missing, [...kept, config.port, config.adminPort])];
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

/** `count` different ports that nobody listens on now, none of them in `taken`. */
function freePorts({ network, random }: PortSources, count: number, taken: readonly number[]): number[] {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries === TRIES_MAX) {
      throw new RefusalError("Cannot find free ports: give --port, --node-port and --admin-port");
    }
    const port = FREE_PORT_MIN + randomBelow(random, FREE_PORT_MAX - FREE_PORT_MIN + 1);
    if (!taken.includes(port) && !ports.includes(port) && isFree(network, port)) ports.push(port);
  }
  return ports;
}

function isFree(network: Network, port: number): boolean {
  try {
    network.listen({ host: LOOPBACK, port }).close();
    return true;
  } catch (error) {
    if (isAddressInUse(error)) return false;
    throw error;
  }
}
