/**
 * `ROUNDEL STATUS` at a balancer: the cluster as it was known a moment ago, for a person to read: a line for each shard,
 * then one for each node. What the nodes say of their copies is some hundred milliseconds old, so that how far
 * a copy is behind is only about right while clients write.
 */
import { shardListText } from "../core/shard_ranges.ts";
import type { CopyStatus } from "../protocol/roundel_exchange.ts";
import type { Topology, TopologyShard } from "../topology/topology.ts";
import type { RemoteNode } from "./remote_node.ts";

/** A node as the balancer's links show it. */
type ReportedNode = Pick<RemoteNode, "id" | "name" | "state" | "cause" | "problem" | "status" | "serves">;

/** Shards in a state that an operator should know of. */
export interface ShardProblems {
  readonly withoutPrimary: readonly number[];
  readonly shortOfCopies: readonly number[];
}

export function statusLines(
  topology: Topology,
  nodes: readonly ReportedNode[],
  problems: ShardProblems,
): string[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const { cluster, version, routing, shards } = topology;
  return [
    `cluster ${cluster}: topology version ${version}, ${nodes.length} nodes` +
    (routing === "slots" ? `, ${shards.length} shards` : ", routing round-robin"),
    ...(shards.every(({ replicas }) => replicas.length === 0) ? [] : [
      `without a primary that serves: ${shardListText(problems.withoutPrimary) || "no shard"}`,
      `short of copies in sync: ${shardListText(problems.shortOfCopies) || "no shard"}`,
    ]),
    ...shards.map((shard, number) => shardLine(number, shard, byId)),
    ...nodes.map((node) => nodeLine(node, topology)),
  ];
}

function shardLine(
  number: number,
  { epoch, primary, replicas, inSync }: TopologyShard,
  byId: ReadonlyMap<string | null, ReportedNode>,
): string {
  const leader = byId.get(primary)!;
  const copy = copyOf(leader, number);
  const parts = [`epoch ${epoch}`, `primary ${leader.name}${whyNotServed(leader, number, copy)}`];
  const name = (id: string) => byId.get(id)!.name;
  if (replicas.length > 0) {
    const members = replicas.filter((id) => inSync.includes(id));
    parts.push(`in sync ${members.map(name).join(", ") || "none"}`);
    for (const id of replicas) {
      if (!inSync.includes(id)) parts.push(`${name(id)} ${whyNotInSync(byId.get(id)!, number, copy)}`);
    }
  }
  return `shard ${number}: ${parts.join("; ")}`;
}

/** Behind a primary's name; empty while it serves. */
function whyNotServed(node: ReportedNode, shard: number, copy: CopyStatus | null): string {
  if (node.state !== "ready") return ` is ${node.state}: ${node.cause}`;
  if (node.problem !== "") return ` takes no writes: ${node.problem}`;
  if (node.serves(shard)) return "";
  if (copy === null) return " does not serve: it has not told of its copy yet";
  return copy.isLeading
    ? " does not serve: it is about to open, or hears no replica"
    : " does not lead this epoch";
}

function whyNotInSync(node: ReportedNode, shard: number, primary: CopyStatus | null): string {
  if (node.state !== "ready") return `is ${node.state}: ${node.cause}`;
  if (node.problem !== "") return `takes no writes: ${node.problem}`;
  const copy = copyOf(node, shard);
  if (copy === null) return "has not told of its copy yet";
  if (primary?.join.includes(node.id!)) return "is about to be in sync";
  const lag = primary === null ? "" : `, ${Math.max(primary.sequence - copy.sequence, 0)} mutations behind`;
  return `${copy.isFilling ? "is being filled" : "catches up"}${lag}`;
}

function nodeLine(node: ReportedNode, { shards }: Topology): string {
  const { id, name, state, problem, status } = node;
  const led = shards.filter(({ primary }) => primary === id).length;
  const kept = shards.filter(({ replicas }) => replicas.includes(id!)).length;
  return [
    `node ${name}: ${state}`,
    ...(problem === "" ? [] : [state === "ready" ? `takes no writes: ${problem}` : problem]),
    ...(shards.length === 0 ? [] : [`leads ${led} shards`, `keeps ${kept} further copies`]),
    ...(status === null ? [] : [`${status.entries} entries`]),
  ].join("; ");
}

function copyOf({ status }: ReportedNode, shard: number): CopyStatus | null {
  return status?.copies.find((copy) => copy.shard === shard) ?? null;
}
