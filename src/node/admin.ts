/**
 * `ROUNDEL …`, with which a balancer steers a node:
 *
 *     ROUNDEL IDENTITY          → JSON: who this node is, which cluster it belongs to, what it keeps
 *     ROUNDEL TOPOLOGY <json>   → OK once the node has adopted the document durably
 *
 * A document of another cluster is refused with `FOREIGN`, one that is older than the node's own with `STALE`.
 */
import type { CommandContext } from "../commands/context.ts";
import { messageOf, RefusalError } from "../core/errors.ts";
import { textOf } from "../core/bytes.ts";
import { argumentIs } from "../protocol/arguments.ts";
import { parseTopology } from "../topology/topology_document.ts";
import type { Topology } from "../topology/topology.ts";

/** What the node lets a balancer know and do. */
export interface AdminTarget {
  identity(): Record<string, unknown>;
  readonly standalone: boolean;
  readonly topology: Topology | null;
  readonly cluster: string | null;
  /** Resolves when the document is adopted and durable; rejects with `RefusalError` when it cannot be. */
  adopt(topology: Topology): Promise<void>;
}

export function runAdmin(target: AdminTarget, context: CommandContext): void | Promise<void> {
  const { request, reply } = context;
  if (argumentIs(request, 1, "IDENTITY") && request.argumentCount === 2) {
    return reply.bulkText(JSON.stringify(target.identity()));
  }
  if (argumentIs(request, 1, "TOPOLOGY") && request.argumentCount === 3) {
    return adopt(target, context, textOf(request.bytes, request.starts[2]!, request.ends[2]!));
  }
  return reply.error("ERR ROUNDEL takes IDENTITY or TOPOLOGY <json>");
}

async function adopt(target: AdminTarget, { reply }: CommandContext, json: string): Promise<void> {
  try {
    const refusal = refusalOf(target, parseTopology(json, "the topology"));
    if (typeof refusal === "string") return reply.error(refusal);
    await target.adopt(refusal);
    reply.ok();
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    reply.error(`ERR ${messageOf(error)}`);
  }
}

/** The document when the node may adopt it; else the error's text. */
function refusalOf(target: AdminTarget, topology: Topology): Topology | string {
  if (target.standalone) return "FOREIGN This node runs with --standalone and belongs to no cluster";
  if (target.cluster !== null && target.cluster !== topology.cluster) {
    return `FOREIGN This node belongs to cluster ${target.cluster}, not to ${topology.cluster}`;
  }
  const known = target.topology;
  if (known !== null && known.version > topology.version) {
    return `STALE This node knows version ${known.version} of the topology, which is newer than ${topology.version}`;
  }
  return topology;
}
