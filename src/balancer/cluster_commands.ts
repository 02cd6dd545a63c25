/** `CLUSTER …` at the balancer: the topology in the words of Redis Cluster, so that clients may go to the nodes. */
import { textOf } from "../core/bytes.ts";
import { SLOT_COUNT } from "../core/limits.ts";
import type { Reply } from "../protocol/reply.ts";
import type { Request } from "../protocol/request.ts";
import { type SlotRange, slotRangeOf } from "../core/shard_ranges.ts";
import { slotOfKey } from "../core/slot.ts";
import type { Topology, TopologyNode } from "../topology/topology.ts";

/** Replies to a request whose first argument is `CLUSTER`. */
export function answerCluster(topology: Topology, request: Request, reply: Reply): void {
  const { bytes, starts, ends, argumentCount } = request;
  const subcommand = textOf(bytes, starts[1]!, ends[1]!).toUpperCase();
  if (subcommand === "KEYSLOT" && argumentCount === 3) {
    return reply.integer(slotOfKey(bytes, starts[2]!, ends[2]!));
  }
  const answer = argumentCount === 2 ? ANSWERS[subcommand] : undefined;
  if (answer === undefined) {
    return reply.error("ERR CLUSTER takes INFO, KEYSLOT key, MYID, NODES, SHARDS or SLOTS");
  }
  if (topology.routing === "round-robin") {
    return reply.error("ERR This instance has cluster support disabled");
  }
  answer(topology, reply);
}

const ANSWERS: Readonly<Record<string, (topology: Topology, reply: Reply) => void>> = {
  INFO: (topology, reply) => {
    const lines = [
      "cluster_enabled:1",
      "cluster_state:ok",
      `cluster_slots_assigned:${SLOT_COUNT}`,
      `cluster_slots_ok:${SLOT_COUNT}`,
      "cluster_slots_pfail:0",
      "cluster_slots_fail:0",
      `cluster_known_nodes:${topology.nodes.length}`,
      `cluster_size:${topology.nodes.length}`,
      `cluster_current_epoch:${topology.version}`,
      `cluster_my_epoch:${topology.version}`,
    ];
    reply.bulkText(lines.map((line) => `${line}\r\n`).join(""));
  },
  /** The balancer keeps no slots: it goes by the cluster's own id. */
  MYID: (topology, reply) => reply.bulkText(topology.cluster),
  NODES: (topology, reply) => {
    const lines = topology.nodes.map((node) => {
      const ranges = rangesOf(topology, node).map(({ first, last }) =>
        first === last ? `${first}` : `${first}-${last}`
      );
      const address = `${node.host}:${node.port}@${node.port}`;
      return `${node.id} ${address} master - 0 0 ${topology.version} connected ${ranges.join(" ")}`
        .trimEnd() + "\n";
    });
    reply.bulkText(lines.join(""));
  },
  SHARDS: (topology, reply) => {
    reply.arrayStart(topology.nodes.length);
    for (const node of topology.nodes) {
      const ranges = rangesOf(topology, node);
      reply.mapStart(2);
      reply.bulkText("slots");
      reply.arrayStart(ranges.length * 2);
      for (const { first, last } of ranges) {
        reply.integer(first);
        reply.integer(last);
      }
      reply.bulkText("nodes");
      reply.arrayStart(1);
      writeNode(node, reply);
    }
  },
  SLOTS: (topology, reply) => {
    const entries = topology.nodes.flatMap((node) =>
      rangesOf(topology, node).map((range) => ({ node, range }))
    );
    entries.sort((a, b) => a.range.first - b.range.first);
    reply.arrayStart(entries.length);
    for (const { node, range } of entries) {
      reply.arrayStart(3);
      reply.integer(range.first);
      reply.integer(range.last);
      reply.arrayStart(4);
      reply.bulkText(node.host);
      reply.integer(node.port);
      reply.bulkText(node.id);
      reply.arrayStart(0);
    }
  },
};

function writeNode(node: TopologyNode, reply: Reply): void {
  const fields: [string, string | number][] = [
    ["id", node.id],
    ["port", node.port],
    ["ip", node.host],
    ["endpoint", node.host],
    ["role", "master"],
    ["replication-offset", 0],
    ["health", "online"],
  ];
  reply.mapStart(fields.length);
  for (const [name, value] of fields) {
    reply.bulkText(name);
    if (typeof value === "number") reply.integer(value);
    else reply.bulkText(value);
  }
}

/** The slots of a node's shards; ranges that touch are one. */
function rangesOf(topology: Topology, node: TopologyNode): SlotRange[] {
  const ranges: SlotRange[] = [];
  topology.shards.forEach((shard, id) => {
    if (shard.primary !== node.id) return;
    const range = slotRangeOf(id, topology.shardCount);
    const before = ranges.at(-1);
    if (before !== undefined && before.last + 1 === range.first) {
      ranges.push({ first: ranges.pop()!.first, last: range.last });
    } else ranges.push(range);
  });
  return ranges;
}
