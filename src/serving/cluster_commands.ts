/**
 * CLUSTER: the topology in the forms that cluster-aware clients read, as Redis 7 writes them; node and balancer answer
 * it alike. Of a shard's replicas those are listed that are in sync; they serve no reads, and answer `MOVED`. There is no
 * cluster bus, so its port is given as 0.
 */
import { SLOT_COUNT } from "../core/limits.ts";
import { slotOfKey } from "../core/slot.ts";
import type { Reply } from "../protocol/reply.ts";
import { containerOf } from "../protocol/subcommands.ts";
import type { ClusterView, ServingNode } from "./server_facts.ts";
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
  const byId = nodesById(view);
  const entries = view.shards().flatMap(({ ids, ranges }) => ranges.map((range) => ({ ids, ...range })));
  entries.sort((a, b) => a.first - b.first);
  reply.arrayStart(entries.length);
  for (const { first, last, ids } of entries) {
    reply.arrayStart(2 + ids.length);
    reply.integer(first);
    reply.integer(last);
    for (const id of ids) {
      const { host, port } = byId.get(id)!;
      reply.arrayStart(4);
      reply.bulkText(host);
      reply.integer(port);
      reply.bulkText(id);
      reply.mapStart(0);
    }
  }
}

function shards(view: ClusterView, reply: Reply): void {
  const byId = nodesById(view);
  const all = view.shards();
  reply.arrayStart(all.length);
  for (const { ids, ranges } of all) {
    reply.mapStart(2);
    reply.bulkText("slots");
    reply.arrayStart(2 * ranges.length);
    for (const { first, last } of ranges) {
      reply.integer(first);
      reply.integer(last);
    }
    reply.bulkText("nodes");
    reply.arrayStart(ids.length);
    for (const [i, id] of ids.entries()) shardNode(byId.get(id)!, i === 0 ? "master" : "replica", reply);
  }
}

function shardNode({ id, host, port }: ServingNode, role: "master" | "replica", reply: Reply): void {
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
  reply.bulkText(role);
  reply.bulkText("replication-offset");
  reply.integer(0);
  reply.bulkText("health");
  reply.bulkText("online");
}

function nodesById(view: ClusterView): Map<string, ServingNode> {
  return new Map(view.nodes().map((node) => [node.id, node]));
}

function nodes(view: ClusterView, reply: Reply): void {
  const { myId, myPort, version } = view;
  const all = view.nodes();
  const lines: string[] = [];
  // Who is none of the nodes knows its own address as little as Redis does before it has met another node.
  if (!all.some(({ id }) => id === myId)) {
    lines.push(`${myId} :${myPort}@0 myself,master - 0 0 ${version} connected`);
  }
  for (const { id, host, port, ranges, replicaOf } of all) {
    const flags = `${id === myId ? "myself," : ""}${replicaOf === null ? "master" : "slave"}`;
    const texts = ranges.map(({ first, last }) => first === last ? ` ${first}` : ` ${first}-${last}`);
    lines.push(
      `${id} ${host}:${port}@0 ${flags} ${replicaOf ?? "-"} 0 0 ${version} connected${texts.join("")}`,
    );
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
