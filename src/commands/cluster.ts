/**
 * CLUSTER: the topology in the forms that cluster-aware clients read, as Redis 7 writes them. Only primaries are
 * listed: replicas serve no reads. There is no cluster bus, so its port is given as 0 in CLUSTER NODES.
 */
import { SLOT_COUNT } from "../core/limits.ts";
import { containerOf } from "../protocol/subcommands.ts";
import type { ClusterView, CommandContext, Handler, SlotRange } from "./context.ts";
import { CLUSTER_DISABLED } from "./error_texts.ts";

/** CLUSTER subcommand [argument ...] */
export const cluster: Handler = containerOf("CLUSTER", {
  KEYSLOT: keyslot,
  SLOTS: ifEnabled(slots),
  SHARDS: ifEnabled(shards),
  NODES: ifEnabled(nodes),
  INFO: ifEnabled(info),
  MYID: ifEnabled(myid),
});

function keyslot(context: CommandContext): void {
  const { bytes, starts, ends } = context.request;
  context.reply.integer(context.cluster.slotOf(bytes, starts[2]!, ends[2]!));
}

function slots(context: CommandContext): void {
  const { reply } = context;
  const ranges = context.cluster.ranges();
  reply.arrayStart(ranges.length);
  for (const { first, last, host, port, id } of ranges) {
    reply.arrayStart(3);
    reply.integer(first);
    reply.integer(last);
    reply.arrayStart(4);
    reply.bulkText(host);
    reply.integer(port);
    reply.bulkText(id);
    reply.mapStart(0);
  }
}

function shards(context: CommandContext): void {
  const { reply } = context;
  const nodes = rangesByNode(context.cluster);
  reply.arrayStart(nodes.size);
  for (const ranges of nodes.values()) {
    const { id, host, port } = ranges[0]!;
    reply.mapStart(2);
    reply.bulkText("slots");
    reply.arrayStart(2 * ranges.length);
    for (const { first, last } of ranges) {
      reply.integer(first);
      reply.integer(last);
    }
    reply.bulkText("nodes");
    reply.arrayStart(1);
    reply.mapStart(7);
    reply.bulkText("id");
    reply.bulkText(id);
    reply.bulkText("port");
    reply.integer(port);
    reply.bulkText("ip");
    reply.bulkText(host);
    reply.bulkText("endpoint");
    reply.bulkText(host);
    reply.bulkText("role");
    reply.bulkText("master");
    reply.bulkText("replication-offset");
    reply.integer(0);
    reply.bulkText("health");
    reply.bulkText("online");
  }
}

function nodes(context: CommandContext): void {
  const { myId, epoch } = context.cluster;
  const byNode = rangesByNode(context.cluster);
  const lines: string[] = [];
  // A node without slots knows its own address as little as Redis does before it has met another node.
  if (!byNode.has(myId)) lines.push(`${myId} :0@0 myself,master - 0 0 ${epoch} connected`);
  for (const [id, ranges] of byNode) {
    const { host, port } = ranges[0]!;
    const flags = id === myId ? "myself,master" : "master";
    const slotTexts = ranges.map(({ first, last }) => first === last ? `${first}` : `${first}-${last}`);
    lines.push(`${id} ${host}:${port}@0 ${flags} - 0 0 ${epoch} connected ${slotTexts.join(" ")}`);
  }
  context.reply.bulkText(lines.map((line) => `${line}\n`).join(""));
}

function info(context: CommandContext): void {
  const { cluster } = context;
  const nodeCount = rangesByNode(cluster).size;
  const slotCount = cluster.ranges().reduce((count, { first, last }) => count + last - first + 1, 0);
  const lines = [
    `cluster_state:${slotCount === SLOT_COUNT ? "ok" : "fail"}`,
    `cluster_slots_assigned:${slotCount}`,
    `cluster_slots_ok:${slotCount}`,
    "cluster_slots_pfail:0",
    "cluster_slots_fail:0",
    `cluster_known_nodes:${nodeCount}`,
    `cluster_size:${nodeCount}`,
    `cluster_current_epoch:${cluster.epoch}`,
    `cluster_my_epoch:${cluster.epoch}`,
  ];
  context.reply.bulkText(lines.map((line) => `${line}\r\n`).join(""));
}

function myid(context: CommandContext): void {
  context.reply.bulkText(context.cluster.myId);
}

function rangesByNode(cluster: ClusterView): Map<string, SlotRange[]> {
  const nodes = new Map<string, SlotRange[]>();
  for (const range of cluster.ranges()) {
    const ranges = nodes.get(range.id);
    if (ranges === undefined) nodes.set(range.id, [range]);
    else ranges.push(range);
  }
  return nodes;
}

/** A standalone node has no topology to tell. */
function ifEnabled(run: (context: CommandContext) => void): (context: CommandContext) => void {
  return (context) => context.cluster.enabled ? run(context) : context.reply.error(CLUSTER_DISABLED);
}
