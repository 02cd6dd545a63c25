/**
 * CLUSTER: the topology in the forms that cluster-aware clients read, as Redis 7 writes them; node and balancer answer
 * it alike. Only primaries are listed: replicas serve no reads. There is no cluster bus, so its port is given as 0.
 */
import { SLOT_COUNT } from "../core/limits.ts";
import { slotOfKey } from "../core/slot.ts";
import type { Reply } from "../protocol/reply.ts";
import { containerOf } from "../protocol/subcommands.ts";
import type { ClusterView } from "./server_facts.ts";
import type { SessionContext, SessionHandler } from "./session_context.ts";

const CLUSTER_DISABLED = "ERR This instance has cluster support disabled";

/** CLUSTER subcommand [argument ...] */
export const cluster: SessionHandler = containerOf("CLUSTER", {
  KEYSLOT: keyslot,
  SLOTS: ifEnabled(slots),
  SHARDS: ifEnabled(shards),
  NODES: ifEnabled(nodes),
  INFO: ifEnabled(info),
  MYID: ifEnabled(myid),
});

function keyslot({ request, reply }: SessionContext): void {
  reply.integer(slotOfKey(request.bytes, request.starts[2]!, request.ends[2]!));
}

function slots(view: ClusterView, reply: Reply): void {
  const entries = view.nodes().flatMap((node) => node.ranges.map((range) => ({ ...node, ...range })));
  entries.sort((a, b) => a.first - b.first);
  reply.arrayStart(entries.length);
  for (const { first, last, host, port, id } of entries) {
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

function shards(view: ClusterView, reply: Reply): void {
  const nodes = view.nodes();
  reply.arrayStart(nodes.length);
  for (const { id, host, port, ranges } of nodes) {
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

function nodes(view: ClusterView, reply: Reply): void {
  const { myId, myPort, version } = view;
  const all = view.nodes();
  const lines: string[] = [];
  // Who is none of the nodes knows its own address as little as Redis does before it has met another node.
  if (!all.some(({ id }) => id === myId)) {
    lines.push(`${myId} :${myPort}@0 myself,master - 0 0 ${version} connected`);
  }
  for (const { id, host, port, ranges } of all) {
    const flags = id === myId ? "myself,master" : "master";
    const texts = ranges.map(({ first, last }) => first === last ? ` ${first}` : ` ${first}-${last}`);
    lines.push(`${id} ${host}:${port}@0 ${flags} - 0 0 ${version} connected${texts.join("")}`);
  }
  reply.bulkText(lines.map((line) => `${line}\n`).join(""));
}

function info(view: ClusterView, reply: Reply): void {
  const all = view.nodes();
  const slotCount = all.flatMap(({ ranges }) => ranges)
    .reduce((count, { first, last }) => count + last - first + 1, 0);
  const lines = [
    `cluster_state:${slotCount === SLOT_COUNT ? "ok" : "fail"}`,
    `cluster_slots_assigned:${slotCount}`,
    `cluster_slots_ok:${slotCount}`,
    "cluster_slots_pfail:0",
    "cluster_slots_fail:0",
    `cluster_known_nodes:${all.length}`,
    `cluster_size:${all.filter(({ ranges }) => ranges.length > 0).length}`,
    `cluster_current_epoch:${view.version}`,
    `cluster_my_epoch:${view.version}`,
  ];
  reply.bulkText(lines.map((line) => `${line}\r\n`).join(""));
}

function myid({ myId }: ClusterView, reply: Reply): void {
  reply.bulkText(myId);
}

/** What is no cluster of slots has no topology to tell. */
function ifEnabled(run: (view: ClusterView, reply: Reply) => void): (context: SessionContext) => void {
  return ({ server, reply }) => {
    const view = server.cluster();
    if (view.enabled) run(view, reply);
    else reply.error(CLUSTER_DISABLED);
  };
}
