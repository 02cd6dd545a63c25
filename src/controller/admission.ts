/**
 * Which nodes may serve, and with what document: pure decisions about a topology and a node's identity. A node is
 * known by its id; where it is reached may change. Behind the id must be the same data as before, or the keys of its
 * shards would seem gone.
 *
 * | the node that was met says                 | decision                                                    |
 * |--------------------------------------------|-------------------------------------------------------------|
 * | standalone                                 | refused                                                     |
 * | another cluster                            | refused                                                     |
 * | the id of a node that is connected to elsewhere | refused: both addresses lead to the same node          |
 * | an id of the document, and a topology newer than ours | refused                                          |
 * | the id of a node that was known elsewhere  | next version, in which it has moved here                    |
 * | an id that is not in the document, and that it belongs to a cluster | refused: it was replaced           |
 * | an id that is not in the document          | refused, or takes the place if a person said `--replace`    |
 * | other memory                               | next version with other caps                                |
 * | everything as in the document              | admitted                                                    |
 */
import { RefusalError } from "../core/errors.ts";
import { MIB, STORE_CAP_BYTES_MIN } from "../core/limits.ts";
import type { Random } from "../core/random.ts";
import { type Address, addressText } from "../io/network.ts";
import {
  createTopology,
  type Routing,
  type Topology,
  withMemory,
  withMovedNode,
  withReplacedNode,
} from "../topology/topology.ts";
import type { NodeIdentity } from "../protocol/roundel_exchange.ts";
import type { Meeting } from "./topology_source.ts";

export interface ClusterFlags {
  readonly nodes: readonly Address[];
  readonly shardCount: number;
  /** Further copies of each shard. */
  readonly replicas: number;
  readonly routing: Routing;
}

/** The first topology of nodes that all were reached. Throws `RefusalError`. */
export function foundCluster(
  flags: ClusterFlags,
  identities: readonly NodeIdentity[],
  random: Random,
): Topology {
  if (flags.replicas >= identities.length) {
    throw new RefusalError(
      `Cannot create a cluster: --replicas ${flags.replicas} keeps ${
        flags.replicas + 1
      } copies of each shard on as many ` +
        `nodes, and there ${
          identities.length === 1 ? "is" : "are"
        } ${identities.length}; give more nodes, or --replicas ` +
        `${identities.length - 1}`,
    );
  }
  const nodes = identities.map(({ id, maxMemoryBytes }, i) => ({ ...flags.nodes[i]!, id, maxMemoryBytes }));
  identities.forEach((identity, i) => {
    const name = addressText(flags.nodes[i]!);
    refuseStandalone(identity, name);
    if (identity.cluster !== null) {
      throw new RefusalError(
        `Cannot create a cluster: node ${name} already belongs to cluster ${identity.cluster}; start the balancer ` +
          "with the --data-dir that holds that cluster's topology.json, or the node with an empty --data-dir",
      );
    }
    const twin = identities.findIndex((other) => other.id === identity.id);
    if (twin !== i) {
      throw new RefusalError(
        `Cannot create a cluster: ${addressText(flags.nodes[twin]!)} and ${name} lead to the same node; ` +
          "give each node once with --node",
      );
    }
  });
  return withEnoughMemory(createTopology({ ...flags, nodes }, random));
}

/**
 * Throws `RefusalError` unless a balancer with `flags` may serve `topology`. Returns where to reach its nodes, in its
 * order: those that were given at the address that is known, and for the others, one after the other, the rest of the
 * addresses that were given. Which of these nodes is where turns out when they are met.
 */
export function addressesFor(topology: Topology, flags: ClusterFlags): Address[] {
  const given = new Set(flags.nodes.map(addressText));
  if (given.size !== topology.nodes.length) {
    throw new RefusalError(
      `Cannot serve this cluster: its nodes are ${
        topology.nodes.map(addressText).join(", ")
      }, and --node says ${flags.nodes.map(addressText).join(", ")}; nodes cannot ` +
        "be added or removed yet: give the same ones, wherever they are reached by now, or begin a new cluster with " +
        "another --data-dir and empty nodes",
    );
  }
  checkFixed(topology, flags);
  const known = new Set(topology.nodes.map(addressText));
  const others = flags.nodes.filter((address) => !known.has(addressText(address)));
  return topology.nodes.map((node) => {
    const { host, port } = given.has(addressText(node)) ? node : others.shift()!;
    return { host, port };
  });
}

/** Throws `RefusalError` when `flags` contradict what was fixed when the cluster was created. */
function checkFixed(topology: Topology, flags: ClusterFlags): void {
  if (topology.routing !== flags.routing) {
    throw new RefusalError(
      `Cannot serve this cluster: it was created with --routing ${topology.routing}, not ${flags.routing}; ` +
        `start with --routing ${topology.routing}, or begin a new cluster with another --data-dir and empty nodes`,
    );
  }
  if (topology.routing === "slots" && topology.shardCount !== flags.shardCount) {
    throw new RefusalError(
      `Cannot serve this cluster: it was created with --shards ${topology.shardCount}, not ${flags.shardCount}, and ` +
        `the count is fixed; start with --shards ${topology.shardCount}`,
    );
  }
}

/**
 * The document with which the node that was met may serve: `topology` itself or its next version. In that the node is
 * not always the one that was expected; then it is met again under its own name. Throws `RefusalError`.
 */
export function admitNode(
  topology: Topology,
  { index: expected, address, isReached }: Meeting,
  identity: NodeIdentity,
  mayReplace: boolean,
): Topology {
  const name = addressText(address);
  refuseStandalone(identity, name);
  if (identity.cluster !== null && identity.cluster !== topology.cluster) {
    throw new RefusalError(
      `Cannot use node ${name}: it belongs to cluster ${identity.cluster}, not to ${topology.cluster}; ` +
        "start it with its own --data-dir, or with an empty one",
    );
  }
  const known = topology.nodes.findIndex(({ id }) => id === identity.id);
  const index = known < 0 ? expected : known;
  if (known >= 0 && known !== expected && isReached(identity.id)) {
    throw new RefusalError(
      `Cannot use node ${name}: the data behind it is that of ${addressText(topology.nodes[known]!)}; ` +
        "start each node with its own --data-dir and --port",
    );
  }
  if (known >= 0 && identity.version > topology.version) {
    throw new RefusalError(
      `Cannot use node ${name}: it knows version ${identity.version} of the topology and this balancer only ` +
        `${topology.version}; start the balancer with the --data-dir that holds the newer topology.json`,
    );
  }
  let next = known < 0 ? replaced(topology, expected, identity, { name, mayReplace }) : topology;
  if (addressText(next.nodes[index]!) !== name) next = withMovedNode(next, index, address);
  if (identity.maxMemoryBytes === topology.nodes[index]!.maxMemoryBytes) return next;
  return withEnoughMemory(withMemory(next, index, identity.maxMemoryBytes));
}

function replaced(
  topology: Topology,
  index: number,
  identity: NodeIdentity,
  { name, mayReplace }: { name: string; mayReplace: boolean },
): Topology {
  if (identity.cluster !== null) {
    throw new RefusalError(
      `Cannot use node ${name}: it was replaced, and what it keeps is outdated; start it with an empty --data-dir`,
    );
  }
  if (!mayReplace) {
    throw new RefusalError(
      `Cannot use node ${name}: it is not the one that was known there (its id is ${identity.id}, and was ` +
        `${
          topology.nodes[index]!.id
        }): its --data-dir is empty or another's; start it with its own, or, to give up ` +
        `the keys that it kept, restart the balancer with --replace ${name}`,
    );
  }
  const next = withReplacedNode(topology, index, identity.id);
  // Not refused: it is met again until the shards that others have are theirs.
  if (next === null) throw new Error("the one that it replaces has not left its in-sync sets yet");
  return next;
}

function refuseStandalone(identity: NodeIdentity, name: string): void {
  if (!identity.standalone) return;
  throw new RefusalError(
    `Cannot use node ${name}: it runs with --standalone; start it without, and with another --data-dir`,
  );
}

function withEnoughMemory(topology: Topology): Topology {
  if (topology.routing === "round-robin" || topology.shardCapBytes >= STORE_CAP_BYTES_MIN) return topology;
  const copyCount = topology.shards.reduce((sum, { replicas }) => sum + 1 + replicas.length, 0);
  const needed = Math.ceil(copyCount * STORE_CAP_BYTES_MIN / MIB);
  const what = copyCount === topology.shardCount ? `${copyCount} shards` : `${copyCount} copies of shards`;
  throw new RefusalError(
    `Cannot divide the nodes' memory by ${what}: ${topology.shardCapBytes} bytes each are less ` +
      `than ${STORE_CAP_BYTES_MIN}; give all nodes together a --max-memory of ${needed}mb or more, or fewer --shards`,
  );
}
